/** One line that is rewritten on a terminal; elsewhere only its last state is printed. */
export class ProgressLine {
  #text = '';

  show(text: string): void {
    this.#text = text;
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  ${text}`);
  }

  end(text = this.#text): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    process.stderr.write(`  ${text}\n`);
  }
}

export const number = (value: number): string => value.toLocaleString('en-US');
export const percent = (part: number, whole: number): string =>
  `${number(part)} / ${number(whole)} = ${whole === 0 ? '–' : `${((part / whole) * 100).toFixed(1)} %`}`;
