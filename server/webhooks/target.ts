/**
 * Where webhooks may go. A URL is typed by people and programs who may see less of the network than this server does, so
 * it must not become a way to reach what only this server can (SSRF): without an administrator's word only public
 * addresses over https. The word is the setting `webhookTargets`: host names, `*.domain`, addresses and CIDR ranges.
 */
import ipaddr from 'ipaddr.js';
import { parseAddress } from '../../mta/index.ts';

type Ip = ipaddr.IPv4 | ipaddr.IPv6;
export type AllowedTarget = { type: 'host'; host: string } | { type: 'range'; address: Ip; prefix: number };

export type TargetCheck =
  | { ok: true; addresses: string[] }
  | { ok: false; code: 'target-private' | 'https-required'; message: string };

/** Nothing listens there that could be meant, whoever lists it. */
const NEVER = new Set(['unspecified', 'broadcast', 'multicast']);
/**
 * What a listed host name may resolve to besides public addresses. Not link-local: there live the metadata services of
 * clouds (169.254.169.254), and whoever keeps the DNS of a listed name must not get at them.
 */
const LOCAL = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);
/** A wider range is a mistake, as it says "everywhere". */
const SHORTEST = { ipv4: 8, ipv6: 7 } as const;
const GLOBAL_UNICAST: [Ip, number] = [ipaddr.parse('2000::'), 3];

/** @returns the URL to post to, or what is wrong with it (goes on after the field's name) */
export function parseTarget(typed: string): { ok: true; url: URL } | { ok: false; message: string } {
  const url = URL.parse(typed.trim());
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    return { ok: false, message: 'should be a URL such as https://example.com/hooks' };
  // It would be logged and shown as a part of the URL; the signature says who we are.
  if (url.username !== '' || url.password !== '')
    return { ok: false, message: 'must not contain a user name or password' };
  url.hash = '';
  return { ok: true, url };
}

/** One spelling for each entry. */
export function parseAllowed(
  typed: string,
): { ok: true; entry: string; target: AllowedTarget } | { ok: false; message: string } {
  const text = typed.trim().toLowerCase().replace(/\.$/, '');
  if (ipaddr.isValid(text)) {
    const address = ipaddr.process(text);
    return range(address, address.kind() === 'ipv4' ? 32 : 128, address.toString());
  }
  if (ipaddr.isValidCIDR(text)) {
    const [address, prefix] = ipaddr.parseCIDR(text);
    return range(address, prefix, `${address.toString()}/${prefix}`);
  }
  const host = hostName(text.replace(/^\*\./, ''));
  if (host === undefined)
    return {
      ok: false,
      message: 'should be a host name, *.domain, an IP address or a range such as 10.0.0.0/8',
    };
  const entry = text.startsWith('*.') ? `*.${host}` : host;
  return { ok: true, entry, target: { type: 'host', host: entry } };
}

function range(address: Ip, prefix: number, entry: string): ReturnType<typeof parseAllowed> {
  const shortest = SHORTEST[address.kind()];
  if (prefix < shortest) return { ok: false, message: `must not be wider than /${shortest}` };
  return { ok: true, entry, target: { type: 'range', address, prefix } };
}

/** As A-labels; one label will do inside a company. */
function hostName(text: string): string | undefined {
  if (text === '' || /^[\d.]+$/.test(text)) return undefined;
  const parsed = parseAddress(`x@${text}`);
  if (parsed.ok) return parsed.domain;
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? text : undefined;
}

/** Host of a URL as the lists name it: without the brackets of IPv6 and the dot of the root. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');

/**
 * Whether these addresses, to which the URL's host was resolved, may be posted to. All of them must be: a name with one
 * good and one bad address would be a matter of luck.
 */
export function checkTarget(
  url: URL,
  addresses: readonly string[],
  allowed: readonly AllowedTarget[],
): TargetCheck {
  const host = hostOf(url);
  const hostListed = allowed.some((entry) => entry.type === 'host' && covers(entry.host, host));
  for (const text of addresses) {
    const address = ipaddr.process(text);
    const kind = address.range();
    const listed =
      !NEVER.has(kind) && allowed.some((entry) => entry.type === 'range' && within(address, entry));
    if (listed) continue;
    if (!isPublic(address) && !(hostListed && LOCAL.has(kind))) {
      const what = text === host ? text : `${host}, which resolves to ${text},`;
      return {
        ok: false,
        code: 'target-private',
        message: `leads to ${what} which is not a public address: an administrator may allow it among the webhook targets`,
      };
    }
    if (url.protocol === 'http:' && !hostListed) {
      return {
        ok: false,
        code: 'https-required',
        message:
          'should begin with https://: events name people, and only listed webhook targets may get them in clear',
      };
    }
  }
  return { ok: true, addresses: [...addresses] };
}

const covers = (entry: string, host: string): boolean =>
  entry.startsWith('*.') ? host.endsWith(entry.slice(1)) : host === entry;

function within(address: Ip, entry: { address: Ip; prefix: number }): boolean {
  return address.kind() === entry.address.kind() && address.match(entry.address as ipaddr.IPv4, entry.prefix);
}

/** ipaddr.js counts as unicast what is in none of its ranges; of IPv6 only 2000::/3 has been given to anybody. */
function isPublic(address: Ip): boolean {
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST[0] as ipaddr.IPv4, GLOBAL_UNICAST[1]);
}
