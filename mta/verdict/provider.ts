/** Which provider's habits apply when all that is known is a domain or a host name from a report. */
import { bySuffix, PROFILES } from '../shaping/profiles.ts';

/** Hosts that give their provider away in reports and are no MX of today. */
const HOSTS: readonly [RegExp, string][] = [
  [/\.gmail\.com$|\.google\.com$|\.googlemail\.com$/, 'gmail'],
  [/\.hotmail\.com$|\.olc\.protection\.outlook\.com$/, 'outlook'],
  [/\.protection\.outlook\.com$|\.mx\.microsoft$/, 'microsoft365'],
  [/\.yahoodns\.net$|\.yahoo\.com$/, 'yahoo'],
  [/\.yahoo\.co\.jp$/, 'yahoo-japan'],
  [/\.docomo\.ne\.jp$/, 'docomo'],
  [/\.ezweb\.ne\.jp$|\.au\.com$/, 'au'],
  [/\.softbank\.(?:ne\.)?jp$/, 'softbank'],
  [/\.icloud\.com$|\.apple\.com$|\.mac\.com$/, 'icloud'],
];

const byDomain = new Map(
  PROFILES.flatMap(({ provider, domains }) => domains.map((name) => [name, provider] as const)),
);

/** The provider profile's name; 'generic' when neither tells. Names in any case, either may be ''. */
export function providerOf(recipientDomain: string, host: string): string {
  const domain = recipientDomain.toLowerCase();
  const name = `.${host.toLowerCase()}`;
  return (
    byDomain.get(domain) ??
    bySuffix(domain, byDomain) ??
    HOSTS.find(([pattern]) => pattern.test(name))?.[1] ??
    'generic'
  );
}
