/** IP addresses as DNS checks need them. Pure. */
import ipaddr from 'ipaddr.js';

const LOCAL = ['private', 'loopback', 'linkLocal', 'carrierGradeNat', 'uniqueLocal', 'unspecified'];

/** Whether the world sees it as it is: behind a NAT, or in a test, an address of our own is not. */
export function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && !LOCAL.includes(ipaddr.process(address).range());
}

export function sameAddress(a: string, b: string): boolean {
  return ipaddr.isValid(a) && ipaddr.isValid(b) && inNetwork(a, b);
}

/** `network` is an address with or without a prefix length; a missing one is the whole address. Nonsense holds nothing. */
export function inNetwork(address: string, network: string): boolean {
  try {
    const parsed = ipaddr.parse(address);
    const [base, bits] = ipaddr.parseCIDR(
      network.includes('/') ? network : `${network}/${network.includes(':') ? 128 : 32}`,
    );
    return parsed.kind() === base.kind() && parsed.match(base, bits);
  } catch {
    return false;
  }
}
