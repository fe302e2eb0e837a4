/**
 * Addresses as people paste them: separated by commas (also Japanese ones), semicolons, blanks or lines, perhaps as `Name <address>`.
 * Only what cannot be an address at all is refused here; the server decides.
 */
export function splitAddresses(text: string): { addresses: string[]; invalid: string[] } {
  const angled = [...text.matchAll(/<([^<>]+)>/g)].map((match) => match[1]!.trim());
  const parts = angled.length > 0 ? angled : text.split(/[\s,;、，；]+/).filter(Boolean);
  const unique = [...new Set(parts.map((part) => part.normalize('NFKC')))];
  const looksRight = (part: string) => /^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(part);
  return { addresses: unique.filter(looksRight), invalid: unique.filter((part) => !looksRight(part)) };
}

/** `koho@city.example.jp` → `city.example.jp`, lower case; '' when there is none yet */
export function domainOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0
    ? ''
    : address
        .slice(at + 1)
        .trim()
        .toLowerCase();
}

/** The sending domain that signs for an address. */
export function signedBy(address: string, domains: readonly string[]): string | undefined {
  const domain = domainOf(address);
  return domains.find((d) => domain === d);
}
