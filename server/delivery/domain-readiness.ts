/** Is a domain's mail signed and allowed, as far as its last check tells? Pure. */
import type { SendingDomain } from './sending-domain-schemas.ts';

/** `wrong`: a record is known to be missing or to say something else; `unknown`: not looked up since it is wanted, or the DNS did not answer. */
export interface Readiness {
  domain: string;
  state: 'ready' | 'unknown' | 'wrong';
  /** names of the records that are wrong */
  records: string[];
}

/** Without these large providers refuse mail; the others only make it better, or are about the server and not about the domain. */
const AUTHENTICATES: readonly SendingDomain['records'][number]['purpose'][] = [
  'dkim',
  'spf',
  'return-path-spf',
];

/** `relayed`: all mail leaves by relays, whose addresses SPF is about; nothing is known of those here. */
export function readinessOf(
  { domain, records }: Pick<SendingDomain, 'domain' | 'records'>,
  relayed: boolean,
): Readiness {
  const asked = records.filter(
    ({ purpose, required }) =>
      required && AUTHENTICATES.includes(purpose) && !(relayed && purpose !== 'dkim'),
  );
  const wrong = asked.filter(({ state }) => state === 'missing' || state === 'different');
  if (wrong.length > 0) return { domain, state: 'wrong', records: wrong.map(({ name }) => name) };
  return { domain, state: asked.every(({ state }) => state === 'ok') ? 'ready' : 'unknown', records: [] };
}
