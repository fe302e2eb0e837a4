/** Mail that goes round in circles is found by its trace (RFC 5321 §6.3): each server that took it has put a Received field on top. */

/** RFC 5321 asks for at least 100 in general; DELIVERY.md says 50, as Postfix's hopcount_limit. */
export const MAX_HOPS = 50;

const LF = 0x0a;
const CR = 0x0d;
/** "received" and a colon; RFC 5322 §4.2 lets old senders put white space before the colon. */
const LONGEST = 20;

/** Received fields of a message's header. Reads line by line up to the empty line, so a large body costs nothing. */
export function countHops(message: Buffer): number {
  let hops = 0;
  for (let at = 0; at < message.length; ) {
    if (message[at] === LF || (message[at] === CR && message[at + 1] === LF)) break;
    const start = message.toString('latin1', at, Math.min(at + LONGEST, message.length));
    if (/^received[ \t]*:/i.test(start)) hops += 1;
    const end = message.indexOf(LF, at);
    if (end < 0) break;
    at = end + 1;
  }
  return hops;
}

/** Why a mail that is handed in must not be taken, or undefined: RFC 3463 X.4.6, routing loop detected. */
export function loopRefusal(
  message: Buffer,
): { code: 554; status: '5.4.6'; reason: 'loop'; text: string } | undefined {
  const hops = countHops(message);
  if (hops <= MAX_HOPS) return undefined;
  return {
    code: 554,
    status: '5.4.6',
    reason: 'loop',
    text: `Too many hops: ${hops} Received fields, at most ${MAX_HOPS} are taken`,
  };
}
