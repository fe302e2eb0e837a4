/**
 * What is known of each provider (profiles.json; numbers of DELIVERY.md) and what the administrator changed of it. Every number carries
 * where it comes from: `found` in public sources, or `judged` by us, which the UI must call a starting value.
 */
import type { BackoffTrigger, ShapingOverride, ShapingValues } from '../types.ts';
import { LIMITS, type Limit, type OverrideProblem, usableOverride } from './override.ts';
import profilesData from './profiles.json' with { type: 'json' };
import { compileTriggers, type Triggers } from './triggers.ts';

export type Basis = 'found' | 'judged';
export interface Sourced<T> {
  value: T;
  basis: Basis;
}

/** A profile as it stands in profiles.json. */
export type ProfileData = {
  provider: string;
  label: string;
  /** suffixes of MX names ('.google.com') or whole names; all MX of a domain must match */
  mx: string[];
  /** recipient domains, also `*.domain`: known without looking at the MX */
  domains: string[];
  backoff: BackoffTrigger[];
} & { [K in Limit]?: Sourced<ShapingValues[K]> };

/** The limits that hold for a domain; undefined: none. The first three always have one, as `generic` has them. */
export interface Profile {
  provider: string;
  label: string;
  connections: number;
  messagesPerConnection: number;
  ratePerSecond: number;
  newConnectionsPerMinute: number | undefined;
  recipientsPerConnection: number | undefined;
  providerWide: boolean;
  tlsRequired: boolean;
  /** bytes */
  maxMessageBytes: number | undefined;
  avoidTopOfHour: boolean;
  /** 0…1 */
  unknownUserShare: number | undefined;
  /** seconds */
  suspendOnFailedConnection: number | undefined;
  triggers: Triggers;
}

/** One limit as the administrator sees it. */
export interface LimitState<T> {
  /** what holds without the override: the built-in value, for a provider of their own that of `generic`; null: no limit */
  builtIn: T | null;
  basis: Basis | null;
  override: T | null;
  effective: T | null;
}

export interface ProviderShaping {
  provider: string;
  label: string;
  /** the administrator's own provider */
  own: boolean;
  mx: string[];
  domains: string[];
  limits: { [K in Limit]: LimitState<ShapingValues[K]> };
  backoff: { builtIn: BackoffTrigger[]; override: BackoffTrigger[] | null; effective: BackoffTrigger[] };
}

export interface Profiles {
  /**
   * The profile of a recipient domain (A-label, lower case): by the domain where it is well known, so that reports by provider are right
   * even when a relay or the sandbox takes the mail (`mxHosts` empty); else by its MX names, all of which must match, since a domain
   * that only keeps a spare at a provider is not that provider's. The administrator's own providers come first.
   */
  for(destination: { domain: string; mxHosts: readonly string[] }): Profile;
  /** By name; undefined: there is none. */
  named(provider: string): Profile | undefined;
  /** All providers, the administrator's own first, `generic` last. */
  list(): ProviderShaping[];
  /** Overrides or parts of them that are wrong and therefore not used. */
  readonly problems: readonly OverrideProblem[];
}

export const PROFILES = profilesData as ProfileData[];
const GENERIC = PROFILES.find(({ provider }) => provider === 'generic')!;

/** Never throws: what is wrong of an override is left out and reported. The last override of a provider wins. */
export function createProfiles(overrides: readonly ShapingOverride[] = []): Profiles {
  const problems: OverrideProblem[] = [];
  const usable = new Map<string, ShapingOverride>();
  for (const override of overrides) {
    const { value, problems: found } = usableOverride(override, isBuiltIn);
    problems.push(...found);
    if (value) usable.set(value.provider, value);
  }
  const generic = state(GENERIC, usable.get('generic'), undefined);
  const own = [...usable.values()]
    .filter(({ provider }) => !isBuiltIn(provider))
    .map((override) => state(undefined, override, generic));
  const builtIn = PROFILES.map((data) =>
    data === GENERIC ? generic : state(data, usable.get(data.provider), undefined),
  );
  const states = [...own, ...builtIn];
  const groups = [own, builtIn].map((group) =>
    matcher(group.map((each) => [each, toProfile(each)] as const)),
  );
  const byName = new Map(
    groups.flatMap(({ profiles }) => profiles.map((each) => [each.provider, each] as const)),
  );
  const fallback = byName.get('generic')!;
  return {
    for({ domain, mxHosts }) {
      for (const group of groups) {
        const found = group.find(domain, mxHosts);
        if (found) return found;
      }
      return fallback;
    },
    named: (provider) => byName.get(provider),
    list: () => structuredClone(states),
    problems,
  };
}

export type OverrideCheck = { ok: true } | { ok: false; field: string; message: string };

/** The first thing that is wrong with an override, for whoever wants to save it. Takes whatever JSON gives. */
export function checkOverride(input: unknown): OverrideCheck {
  const [first] = usableOverride(input, isBuiltIn).problems;
  return first ? { ok: false, field: first.field, message: first.message } : { ok: true };
}

const isBuiltIn = (provider: string): boolean => PROFILES.some((data) => data.provider === provider);

function matcher(entries: (readonly [ProviderShaping, Profile])[]) {
  const byDomain = new Map(
    entries.flatMap(([{ domains }, profile]) => domains.map((name) => [name, profile] as const)),
  );
  const byMx = entries.filter(([{ mx }]) => mx.length > 0);
  return {
    profiles: entries.map(([, profile]) => profile),
    find(domain: string, mxHosts: readonly string[]): Profile | undefined {
      const known = byDomain.get(domain) ?? bySuffix(domain, byDomain);
      if (known !== undefined || mxHosts.length === 0) return known;
      return byMx.find(([{ mx }]) => mxHosts.every((host) => matches(host, mx)))?.[1];
    },
  };
}

/** What stands for one of the domain's parents as `*.parent`: the nearest first. */
export function bySuffix<T>(domain: string, byDomain: ReadonlyMap<string, T>): T | undefined {
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const found = byDomain.get(`*${domain.slice(dot)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function matches(host: string, patterns: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return patterns.some((pattern) => (pattern.startsWith('.') ? name.endsWith(pattern) : name === pattern));
}

function state(
  data: ProfileData | undefined,
  override: ShapingOverride | undefined,
  generic: ProviderShaping | undefined,
): ProviderShaping {
  const limit = (name: Limit): LimitState<unknown> => {
    const builtIn = data ? (data[name]?.value ?? null) : generic!.limits[name].effective;
    const basis = data ? (data[name]?.basis ?? null) : generic!.limits[name].basis;
    const changed = override?.values[name] ?? null;
    return { builtIn, basis, override: changed, effective: changed ?? builtIn };
  };
  const builtInTriggers = data?.backoff ?? generic!.backoff.effective;
  const provider = data?.provider ?? override!.provider;
  return {
    provider,
    label: override?.label ?? data?.label ?? provider,
    own: data === undefined,
    mx: [...(data?.mx ?? []), ...(override?.mx ?? [])],
    domains: [...(data?.domains ?? []), ...(override?.domains ?? [])],
    limits: Object.fromEntries(LIMITS.map((name) => [name, limit(name)])) as ProviderShaping['limits'],
    backoff: {
      builtIn: builtInTriggers,
      override: override?.backoff ?? null,
      effective: override?.backoff ?? builtInTriggers,
    },
  };
}

function toProfile({ provider, label, limits, backoff }: ProviderShaping): Profile {
  const generic = (name: 'connections' | 'messagesPerConnection' | 'ratePerSecond'): number =>
    limits[name].effective ?? GENERIC[name]!.value;
  return {
    provider,
    label,
    connections: generic('connections'),
    messagesPerConnection: generic('messagesPerConnection'),
    ratePerSecond: generic('ratePerSecond'),
    newConnectionsPerMinute: limits.newConnectionsPerMinute.effective ?? undefined,
    recipientsPerConnection: limits.recipientsPerConnection.effective ?? undefined,
    providerWide: limits.providerWide.effective ?? false,
    tlsRequired: limits.tlsRequired.effective ?? false,
    maxMessageBytes: limits.maxMessageBytes.effective ?? undefined,
    avoidTopOfHour: limits.avoidTopOfHour.effective ?? false,
    // 1 and 0 are how an administrator switches these two off.
    unknownUserShare: limits.unknownUserShare.effective ?? undefined,
    suspendOnFailedConnection: limits.suspendOnFailedConnection.effective || undefined,
    triggers: compileTriggers(backoff.effective),
  };
}
