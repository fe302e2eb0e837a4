/** Addresses in running text and in fields of reports. Lenient: docomo's `a..b@`, masked `****@`, UTF-8, no dot in the domain. */

// RFC 5322 atext and the dot; '*' masks addresses in published mail and is atext anyway
const LOCAL = /[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\uffff-]/;
const DOMAIN = /[A-Za-z0-9.*\u0080-\uffff-]/;
// Japanese text has no spaces around an address.
const CJK = /[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]/;

export interface Found {
  address: string;
  /** of the address's first character, or of its quote */
  start: number;
  end: number;
}

/** All addresses of a line, from the left. Linear: every @ looks 64 characters back and 255 ahead at most. */
export function findAddresses(line: string): Found[] {
  const found: Found[] = [];
  let from = 0;
  for (let at = line.indexOf('@'); at >= 0; at = line.indexOf('@', at + 1)) {
    let start = at;
    if (line[at - 1] === '"') {
      const quote = line.lastIndexOf('"', at - 2);
      if (quote >= from && at - quote <= 66) start = quote;
    } else
      while (start > from && at - start < 64 && LOCAL.test(line[start - 1]!) && !CJK.test(line[start - 1]!))
        start--;
    let end = at + 1;
    while (end < line.length && end - at < 255 && DOMAIN.test(line[end]!) && !CJK.test(line[end]!)) end++;
    while (end > at + 1 && /[.-]/.test(line[end - 1]!)) end--;
    // `'neko@example.jp'` and `=neko@…` (SMTP=neko@…): what opens a quotation or a value is not part of the address
    const local = line.slice(start, at);
    if (/^['`=/|]/.test(local)) start++;
    else if (/^SMTP[:=]/i.test(local)) start += 5;
    if (start < at && end > at + 1) {
      found.push({ address: line.slice(start, end), start, end });
      from = end;
    }
    if (found.length >= 50) break;
  }
  return found;
}

/** Without regard to case, and to quotes around the local part. */
export function addressKey(address: string): string {
  return address.toLowerCase().replace(/^"(.*)"@/, '$1@');
}

/** RFC 3464 §2.1.2: `rfc822; neko@example.jp`. Also RFC 6533's `utf-8;` with `\x{…}`, xtext's `+40`, brackets, comments. '' when there is no address. */
export function reportedAddress(value: string): string {
  const [, type = '', rest = value] = /^\s*([A-Za-z0-9-]{1,20})\s*;(.*)$/s.exec(value) ?? [];
  let text = rest.trim();
  if (/^utf-8$/i.test(type))
    text = text.replace(/\\x\{([0-9A-Fa-f]{2,6})\}/g, (_, hex: string) => {
      const code = Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : '';
    });
  // RFC 3461 §4: an ORCPT that nobody decoded
  if (!text.includes('@') && /\+40/.test(text))
    text = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  // The field holds one address and nothing else, whatever its characters.
  const alone = /^<?([^\s<>@]{1,256}@[^\s<>@]{1,255}?)\.?>?$/.exec(text);
  return alone?.[1] ?? findAddresses(text)[0]?.address ?? '';
}
