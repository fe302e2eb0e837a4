/** mbox files (RFC 4155): several mails, each after a line `From sender date`. */

const NEWLINE = 10;
// The date is what tells the envelope from a sentence that begins with "From".
const ENVELOPE = /^From \S.* \d{2}:\d{2}(?::\d{2})?.*\d{4}/;

/** The mails of a file; a file that is no mbox is one mail. */
export function splitMbox(file: Buffer): Buffer[] {
  if (!ENVELOPE.test(lineAt(file, 0))) return [file];
  const starts = [0];
  for (let at = file.indexOf('\nFrom '); at >= 0; at = file.indexOf('\nFrom ', at + 1))
    if (isGap(file, at + 1) && ENVELOPE.test(lineAt(file, at + 1))) starts.push(at + 1);
  if (starts.length < 2) return [file];
  return starts.map((start, index) => file.subarray(start, starts[index + 1] ?? file.length));
}

/** The line before `at` is empty. */
function isGap(file: Buffer, at: number): boolean {
  return file[at - 2] === NEWLINE || (file[at - 2] === 13 && file[at - 3] === NEWLINE);
}

function lineAt(file: Buffer, at: number): string {
  const end = file.indexOf(NEWLINE, at);
  return file.toString('latin1', at, Math.min(end < 0 ? file.length : end, at + 200));
}
