/** What an address orders the obedient peer to do. */
export interface Order {
  at: 'rcpt' | 'data' | 'dot' | 'never';
  /** 0: drop the connection instead of a reply */
  code: number;
  status: string;
  /** only the first time that this address comes */
  once: boolean;
  /** the message is kept although the connection is dropped: a duplicate is to be expected */
  taken: boolean;
}

const REPLY = /^(?:(once)-)?(?:(data|dot)-)?([45]\d\d)(?:-(\d\.\d{1,3}\.\d{1,3}))?$/;
const DROP = /^(?:(once)-)?(drop-at-rcpt|drop-after-dot|take-and-drop)$/;

/**
 * The local part up to '+' is the order, the rest is free to tell recipients apart:
 * `550-5.1.1+7@…` refuses RCPT, `data-451@…` DATA, `dot-554-5.7.1@…` the message; `421@…` also ends the connection;
 * `drop-at-rcpt@…`, `drop-after-dot@…` (message not kept) and `take-and-drop@…` (kept) end it without a reply. With
 * `once-` in front only the first time. Every other address is taken.
 */
export function parseOrder(address: string): Order {
  const local = (address.split('@')[0] ?? '').split('+')[0] ?? '';
  const reply = REPLY.exec(local);
  if (reply) {
    const [, once, at = 'rcpt', code = '', status] = reply;
    return {
      at: at as Order['at'],
      code: Number(code),
      status: status ?? `${code[0]}.0.0`,
      once: once !== undefined,
      taken: false,
    };
  }
  const drop = DROP.exec(local);
  if (drop) {
    return {
      at: drop[2] === 'drop-at-rcpt' ? 'rcpt' : 'dot',
      code: 0,
      status: '',
      once: drop[1] !== undefined,
      taken: drop[2] === 'take-and-drop',
    };
  }
  return { at: 'never', code: 0, status: '', once: false, taken: false };
}
