import ipaddr from 'ipaddr.js';

/**
 * Whether mail to strangers may go there: only global unicast. Loopback, private, link-local, 0.0.0.0, multicast,
 * documentation and the rest are either a mistake or somebody probing our network (only a route may name them).
 */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}

/** One spelling for each address, so that they can be compared. */
export function canonicalAddress(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}

/** A0, AAAA0, A1, AAAA1…: one family that is broken somewhere costs at most every other attempt. */
export function interleave<T>(first: readonly T[], second: readonly T[]): T[] {
  const out: T[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i += 1) {
    if (i < first.length) out.push(first[i]!);
    if (i < second.length) out.push(second[i]!);
  }
  return out;
}

/** Fisher-Yates; a new array. */
export function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** The name that holds an address's PTR record (RFC 1035 §3.5, RFC 3596 §2.5). @throws Error for what is no address */
export function reverseName(address: string): string {
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return `${[...parsed.octets].reverse().join('.')}.in-addr.arpa`;
  const nibbles = parsed.toByteArray().map((byte) => byte.toString(16).padStart(2, '0'));
  return `${[...nibbles.join('')].reverse().join('.')}.ip6.arpa`;
}
