/** The message as it travels after DATA. Messages hold CRLF line ends only: message/ has seen to that before it signed. */

const DOT = 0x2e;
const CR = 0x0d;
const LF = 0x0a;
const LF_DOT = Buffer.from('\n.');

export const END_OF_DATA = Buffer.from('\r\n.\r\n');
export const END_OF_DATA_AFTER_CRLF = Buffer.from('.\r\n');

/**
 * Doubles the dot at the start of every line (RFC 5321 §4.5.2). Nearly no message has one, so the usual cost is one
 * search and no copy. A dot after a bare LF is doubled as well: a receiver that takes LF for a line end must not see
 * the end of the message there (SMTP smuggling).
 */
export function dotStuff(message: Buffer): Buffer {
  let at = message.indexOf(LF_DOT);
  if (at < 0 && message[0] !== DOT) return message;
  const pieces: Buffer[] = [];
  let from = 0;
  if (message[0] === DOT) pieces.push(END_OF_DATA_AFTER_CRLF.subarray(0, 1));
  while (at >= 0) {
    // Up to and with the dot; the next piece begins with the same dot once more.
    pieces.push(message.subarray(from, at + 2));
    from = at + 1;
    at = message.indexOf(LF_DOT, from + 1);
  }
  pieces.push(message.subarray(from));
  return Buffer.concat(pieces);
}

/** What ends the message: its own CRLF is used when it has one (RFC 5321 §4.1.1.4). */
export function endOfData(message: Buffer): Buffer {
  const length = message.length;
  return length >= 2 && message[length - 2] === CR && message[length - 1] === LF
    ? END_OF_DATA_AFTER_CRLF
    : END_OF_DATA;
}
