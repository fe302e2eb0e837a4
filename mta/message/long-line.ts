/** RFC 5321 §4.5.3.1.6: 1000 octets with CRLF. */
const MAX_LINE = 998;
const LF = 0x0a;

/**
 * Whether a line is longer than 998 octets. Looks back from the farthest place where the next LF may be, so it jumps
 * from one far line end to another instead of walking every line.
 */
export function hasLongLine(message: Buffer): boolean {
  let lineStart = 0;
  while (message.length - lineStart > MAX_LINE) {
    // "\r\n" may stand at octets 999 and 1000 of the line, so its LF is at most at lineStart + 999.
    const lf = message.lastIndexOf(LF, lineStart + MAX_LINE + 1);
    if (lf < lineStart) return true;
    lineStart = lf + 1;
  }
  return false;
}
