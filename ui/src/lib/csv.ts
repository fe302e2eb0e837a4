/** CSV as Excel in Japan opens it: UTF-8 with BOM, CRLF, every field quoted where it must be. Pure. */

/**
 * A cell that begins like a formula would be run by the spreadsheet; an apostrophe makes it text (OWASP, CSV injection).
 * Numbers stay numbers.
 */
export function cell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return '';
  let text = String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(
  head: readonly string[],
  rows: readonly (readonly (string | number | boolean | null | undefined)[])[],
): string {
  return `\ufeff${[head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}
