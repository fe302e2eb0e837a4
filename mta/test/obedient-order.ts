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
  /** ms after which a message that is kept at once is answered */
  slow: number;
}

const REPLY = /^(?:(once)-)?(?:(data|dot)-)?([45]\d\d)(?:-(\d\.\d{1,3}\.\d{1,3}))?$/;
const DROP = /^(?:(once)-)?(drop-at-rcpt|drop-after-dot|take-and-drop)$/;
const SLOW = /^slow-(\d+)$/;

/**
 * The first part of the local part, between `+`, that is an order counts; the others are free to tell recipients apart and to order them:
 * `550-5.1.1+7@…` refuses RCPT, `data-451@…` DATA, `dot-554-5.7.1@…` the message; `421@…` also ends the connection;
 * `drop-at-rcpt@…`, `drop-after-dot@…` (message not kept) and `take-and-drop@…` (kept) end it without a reply. With
 * `once-` in front only the first time. `slow-150@…` is taken at once and answered after 150 ms. Every other address is taken.
 */
export function parseOrder(address: string): Order {
  for (const part of (address.split('@')[0] ?? '').split('+')) {
    const order = parsePart(part);
    if (order) return order;
  }
  return { at: 'never', code: 0, status: '', once: false, taken: false, slow: 0 };
}

function parsePart(part: string): Order | undefined {
  const reply = REPLY.exec(part);
  if (reply) {
    const [, once, at = 'rcpt', code = '', status] = reply;
    return {
      at: at as Order['at'],
      code: Number(code),
      status: status ?? `${code[0]}.0.0`,
      once: once !== undefined,
      taken: false,
      slow: 0,
    };
  }
  const drop = DROP.exec(part);
  if (drop) {
    return {
      at: drop[2] === 'drop-at-rcpt' ? 'rcpt' : 'dot',
      code: 0,
      status: '',
      once: drop[1] !== undefined,
      taken: drop[2] === 'take-and-drop',
      slow: 0,
    };
  }
  const slow = SLOW.exec(part);
  if (slow) return { at: 'never', code: 0, status: '', once: false, taken: false, slow: Number(slow[1]) };
  return undefined;
}
