/**
 * What is known of each provider (profiles.json; numbers of DELIVERY.md). Every number carries where it comes from:
 * `found` in public sources, or `judged` by us, which the UI must call a starting value.
 */
import type { BackoffTrigger } from '../types.ts';
import profilesData from './profiles.json' with { type: 'json' };

export interface Sourced<T> {
  value: T;
  basis: 'found' | 'judged';
}

/** A profile as it stands in profiles.json. */
export interface ProfileData {
  provider: string;
  label: string;
  /** suffixes of MX names ('.google.com') or whole names; all MX of a domain must match */
  mx: string[];
  /** recipient domains, also `*.domain`: known without looking at the MX */
  domains: string[];
  connections: Sourced<number>;
  messagesPerConnection: Sourced<number>;
  ratePerSecond: Sourced<number>;
  newConnectionsPerMinute?: Sourced<number>;
  /** the connections are the cap over all sites of the provider */
  providerWide?: Sourced<boolean>;
  tlsRequired?: Sourced<boolean>;
  maxMessageBytes?: Sourced<number>;
  recipientsPerConnection?: Sourced<number>;
  avoidTopOfHour?: Sourced<boolean>;
  /** share of unknown users above which the site rests for an hour */
  unknownUserShare?: Sourced<number>;
  /** seconds of rest after a refused or reset connection */
  suspendOnFailedConnection?: Sourced<number>;
  backoff: BackoffTrigger[];
}

/** The limits that hold for a domain. */
export interface Profile {
  provider: string;
  label: string;
  connections: number;
  messagesPerConnection: number;
  ratePerSecond: number;
  /** undefined: no limit of its own */
  newConnectionsPerMinute: number | undefined;
  providerWide: boolean;
  tlsRequired: boolean;
  /** bytes, undefined: unknown */
  maxMessageBytes: number | undefined;
  backoff: readonly BackoffTrigger[];
}

export const PROFILES = profilesData as ProfileData[];

const entries = PROFILES.map((data) => ({ data, profile: toProfile(data) }));
const generic = entries.find(({ data }) => data.provider === 'generic')!.profile;
const byDomain = new Map(
  entries.flatMap(({ data, profile }) => data.domains.map((domain) => [domain, profile] as const)),
);

/**
 * The profile of a recipient domain (A-label, lower case): by the domain where it is well known, so that reports by
 * provider are right even when a relay or the sandbox takes the mail (`mxHosts` empty); else by its MX names, all of
 * which must match, since a domain that only keeps a spare at a provider is not that provider's.
 */
export function profileFor({ domain, mxHosts }: { domain: string; mxHosts: readonly string[] }): Profile {
  const known = byDomain.get(domain) ?? bySuffix(domain);
  if (known !== undefined) return known;
  if (mxHosts.length === 0) return generic;
  return (
    entries.find(({ data }) => data.mx.length > 0 && mxHosts.every((host) => matches(host, data.mx)))
      ?.profile ?? generic
  );
}

function bySuffix(domain: string): Profile | undefined {
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const profile = byDomain.get(`*${domain.slice(dot)}`);
    if (profile !== undefined) return profile;
  }
  return undefined;
}

function matches(host: string, patterns: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return patterns.some((pattern) => (pattern.startsWith('.') ? name.endsWith(pattern) : name === pattern));
}

function toProfile(data: ProfileData): Profile {
  return {
    provider: data.provider,
    label: data.label,
    connections: data.connections.value,
    messagesPerConnection: data.messagesPerConnection.value,
    ratePerSecond: data.ratePerSecond.value,
    newConnectionsPerMinute: data.newConnectionsPerMinute?.value,
    providerWide: data.providerWide?.value ?? false,
    tlsRequired: data.tlsRequired?.value ?? false,
    maxMessageBytes: data.maxMessageBytes?.value,
    backoff: data.backoff,
  };
}
