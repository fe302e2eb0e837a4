/**
 * Recipients that the sandbox refuses, so that every outcome can be seen without a mail leaving the house. The word
 * is the whole local part or is followed by a digit, `+` or `-`: `bounce@…`, `bounce17@…`, `full+tag@…`. Not by a
 * letter or a dot: a real `fullmoon@…` or `block.taro@…` in an imported list must not end up as bounced and suppressed.
 *
 * | local part | when | answer                                       |
 * |------------|------|----------------------------------------------|
 * | bounce…    | RCPT | 550 5.1.1 unknown user                       |
 * | full…      | RCPT | 552 5.2.2 mailbox full                       |
 * | defer…     | RCPT | 451 4.7.1 the first two tries, then accepted |
 * | busy…      | RCPT | 451 4.3.2 always: ends when it expires       |
 * | block…     | DATA | 554 5.7.1 refused after the whole mail       |
 * | any other  |      | 250                                          |
 */
export const MAGIC_RECIPIENTS = {
  bounce: {
    at: 'rcpt',
    code: 550,
    text: '5.1.1 <ADDRESS>: Recipient address rejected: User unknown',
    tries: Infinity,
  },
  full: { at: 'rcpt', code: 552, text: '5.2.2 <ADDRESS>: Mailbox full', tries: Infinity },
  defer: { at: 'rcpt', code: 451, text: '4.7.1 <ADDRESS>: Greylisted, please try again later', tries: 2 },
  busy: {
    at: 'rcpt',
    code: 451,
    text: '4.3.2 System not accepting messages at the moment, try again later',
    tries: Infinity,
  },
  block: { at: 'data', code: 554, text: '5.7.1 Message rejected: blocked by policy', tries: Infinity },
} as const satisfies Record<string, { at: 'rcpt' | 'data'; code: number; text: string; tries: number }>;

const WORD = new RegExp(`^(${Object.keys(MAGIC_RECIPIENTS).join('|')})(?=$|[0-9+-])`, 'i');

export interface Refusal {
  at: 'rcpt' | 'data';
  code: number;
  /** begins with the RFC 3463 enhanced status */
  text: string;
}

/**
 * What the sandbox answers for a recipient, undefined when it accepts.
 * @param tries how often this address was tried before
 */
export function refusalFor(address: string, tries: number): Refusal | undefined {
  const local = address.slice(0, address.lastIndexOf('@')).replace(/^"|"$/g, '');
  const word = WORD.exec(local)?.[1]?.toLowerCase();
  if (word === undefined) return undefined;
  const rule = MAGIC_RECIPIENTS[word as keyof typeof MAGIC_RECIPIENTS];
  if (tries >= rule.tries) return undefined;
  return { at: rule.at, code: rule.code, text: rule.text.replace('ADDRESS', address) };
}
