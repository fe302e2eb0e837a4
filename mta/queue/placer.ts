import type { Bucket, Hold } from './bucket.ts';
import { Controls, type Standing } from './controls.ts';
import type { Destination, Destinations } from './destinations.ts';
import { DnsProbe } from './dns-probe.ts';
import type { Gate } from './gate.ts';
import type { Holdings } from './holdings.ts';
import type { LaneSources } from './lane-sources.ts';
import type { LookUps } from './look-ups.ts';
import type { Outlets } from './outlets.ts';
import type { Pools } from './pools.ts';
import { synthetic, type Verdict } from './settlement.ts';
import type { Settler } from './settler.ts';
import type { Shaping } from './shaping.ts';

const isKnown = (provider: string | undefined): provider is string =>
  provider !== undefined && provider !== 'generic';

export interface PlacerParts {
  gate: Gate;
  holdings: Holdings;
  settler: Settler;
  shaping: Shaping;
  outlets: Outlets;
  sources: LaneSources;
  lookUps: LookUps;
  /** makes a mail due that was put off */
  hasten(bucket: Bucket, rowId: number): void;
}

/** Finds where a bucket's mail goes and puts it in line there: by its domain, its pool, and what operators have ordered. */
export class Placer {
  controls = new Controls([], 0);
  /** pools that are named and do not exist → epoch ms of the first mail that waits for one */
  readonly missingPools = new Map<number, number>();
  readonly dns: DnsProbe;
  readonly #parts: PlacerParts;
  #destinations: Destinations | undefined;
  /** buckets whose look-up waits for its turn; the last comes first */
  #unresolved: Bucket[] = [];
  #pools: Pools | undefined;

  constructor(parts: PlacerParts) {
    this.#parts = parts;
    this.dns = new DnsProbe({
      lookUps: parts.lookUps,
      held: () => this.#held(),
      ask: async (domain) => (await this.#destinations?.find(domain, true))?.kind !== 'temporary',
      retry: (bucket) => this.retryLookUp(bucket),
      hasten: (bucket, rowId) => parts.hasten(bucket, rowId),
      random: Math.random,
    });
  }

  /** The settings are new: every bucket is to be placed anew. */
  apply(destinations: Destinations, pools: Pools): void {
    this.#destinations = destinations;
    for (const bucket of this.#unresolved) bucket.resolving = false;
    this.#unresolved = [];
    this.#pools = pools;
    this.missingPools.clear();
    for (const bucket of this.#parts.holdings.buckets.values()) {
      bucket.destination = undefined;
      bucket.group?.remove(bucket);
      bucket.group = undefined;
      bucket.hold = undefined;
      bucket.holdUntil = 0;
      this.#parts.holdings.release(bucket);
    }
  }

  /** Mail of the bucket has come due. */
  activate(bucket: Bucket): void {
    const { gate } = this.#parts;
    if (!gate.open || bucket.job.state !== 'active') return;
    const now = Date.now();
    if (bucket.holdUntil > now) return;
    const destinations = this.#destinations!;
    const destination = destinations.peek(bucket.domain, now);
    if (destination) {
      this.place(bucket, destination, now);
      return;
    }
    if (this.#ordered(bucket, now) || bucket.resolving) return;
    bucket.resolving = true;
    if (destinations.free || bucket.job.class !== 'bulk') this.#lookUp(bucket, destinations);
    else this.#unresolved.push(bucket);
  }

  #lookUp(bucket: Bucket, destinations: Destinations): void {
    const { gate, lookUps } = this.#parts;
    void destinations.find(bucket.domain, bucket.job.class !== 'bulk').then((found) => {
      bucket.resolving = false;
      lookUps.count(bucket.domain, found.kind !== 'temporary', Date.now());
      // Settings may have changed meanwhile: then the next tick starts over.
      if (destinations === this.#destinations && gate.open && bucket.job.state === 'active')
        this.place(bucket, found, Date.now());
      this.#lookUpNext();
    });
  }

  /** A look-up has ended. */
  #lookUpNext(): void {
    const destinations = this.#destinations!;
    while (destinations.free) {
      const bucket = this.#unresolved.pop();
      if (!bucket) return;
      // What has been found meanwhile, or is no longer wanted, needs none.
      bucket.resolving = false;
      this.activate(bucket);
    }
  }

  /** Orders or paused sending domains have changed: what stands in line or is on its way is looked at again. */
  reconsider(): void {
    if (!this.#destinations || this.#parts.gate.draining) return;
    const now = Date.now();
    for (const bucket of this.#parts.holdings.buckets.values()) {
      if (bucket.job.state !== 'active' || !(bucket.waiting || bucket.hold || bucket.claimed > 0)) continue;
      if (bucket.destination) this.place(bucket, bucket.destination, now);
      else {
        bucket.group?.remove(bucket);
        this.activate(bucket);
      }
    }
  }

  place(bucket: Bucket, destination: Destination, now: number): void {
    bucket.destination = destination;
    if (destination.kind !== 'temporary') bucket.holdUntil = 0;
    bucket.provider = destination.provider;
    bucket.hold = undefined;
    this.#learn(destination, now);
    const { hold, actual, poolId } = this.#orders(bucket, destination);
    if (hold) this.#hold(bucket, hold);
    else this.#go(bucket, actual, poolId, now);
  }

  /**
   * Domains that share their hosts may be known as different providers, or as none. When one of them tells whose the hosts are, what is paused
   * there holds for the mail of the others, too, which is in line already; also when that one's own mail is held and never gets there.
   */
  #learn(destination: Destination, now: number): void {
    if (destination.kind !== 'site' || !isKnown(destination.spec.profile?.provider)) return;
    const { outlets, holdings } = this.#parts;
    const { spec } = destination;
    const before = outlets.sites.get(spec.key)?.spec.profile?.provider;
    const site = outlets.site(spec);
    if (before === undefined || before === site.spec.profile?.provider) return;
    for (const bucket of holdings.buckets.values())
      if (bucket.site === site && bucket.destination && (bucket.waiting || bucket.claimed > 0))
        this.place(bucket, bucket.destination, now);
  }

  #go(bucket: Bucket, actual: Destination, poolId: number | undefined, now: number): void {
    const { outlets, sources } = this.#parts;
    if (actual.kind !== 'site') {
      this.#nowhere(bucket, actual, now);
      return;
    }
    const choice = this.#pools!.choose(bucket.job, poolId);
    if (choice.kind === 'missing' && !this.missingPools.has(choice.poolId))
      this.missingPools.set(choice.poolId, now);
    const site = outlets.site(actual.spec);
    const hold: Hold | undefined =
      choice.kind === 'missing'
        ? { reason: 'no-pool', until: null }
        : site.spec.profile && this.#pausedDomain(bucket, site.spec.profile.provider, now);
    if (hold) {
      this.#hold(bucket, hold);
      return;
    }
    const outlet = sources.outlet(choice.kind === 'pool' ? choice.pool.id : undefined);
    outlets.enter(bucket, site.group(outlet, actual.tls));
  }

  /** What is known of the bucket's mail; `destination`: where it leads by itself. */
  standing({ job, domain }: Bucket, destination?: Destination): Standing {
    const choice = this.#pools?.choose(job);
    const theirs =
      destination?.kind === 'site'
        ? this.#parts.outlets.sites.get(destination.spec.key)?.spec.profile?.provider
        : undefined;
    return {
      jobId: job.id,
      sendingDomain: job.fromDomain,
      domain,
      providers: destination && (isKnown(theirs) ? [destination.provider, theirs] : [destination.provider]),
      sites: destination && (destination.kind === 'site' ? [destination.spec.key] : []),
      sources: choice?.kind === 'pool' ? choice.pool.sources.map(({ address }) => address) : [''],
    };
  }

  /** Where the domain leads, looked up when that is not known; for orders that speak of sites and providers. */
  async destinationOf(bucket: Bucket): Promise<Destination | undefined> {
    const known = bucket.destination ?? this.#destinations?.peek(bucket.domain, Date.now());
    return known ?? this.#destinations?.find(bucket.domain, false);
  }

  /** An operator wants it tried at once: what is known to fail is forgotten. */
  retryLookUp(bucket: Bucket): void {
    bucket.holdUntil = 0;
    this.#destinations?.retryFailed(bucket.domain);
  }

  /** The clock was set back: holds that were to end by the old time end now. */
  clockSetBack(): void {
    for (const bucket of this.#held()) this.retryLookUp(bucket);
  }

  *#held(): Generator<Bucket> {
    for (const bucket of this.#parts.holdings.buckets.values()) if (bucket.holdUntil > 0) yield bucket;
  }

  /** Orders that need no look-up: a pause, or a route that takes the mail. False: there is none. */
  #ordered(bucket: Bucket, now: number): boolean {
    bucket.hold = undefined;
    if (this.controls.none) return false;
    const mail = this.standing(bucket);
    const pause = this.controls.pause(mail);
    if (pause) {
      this.#hold(bucket, { reason: 'paused-by-operator', until: pause.until });
      return true;
    }
    if (this.controls.undecided(mail)) return false;
    const routeId = this.controls.reroute(mail)?.routeId ?? null;
    const found = routeId === null ? undefined : this.#destinations!.byRouteId(bucket.domain, routeId);
    if (!found) return false;
    bucket.destination = undefined;
    bucket.provider = found.provider;
    this.#go(bucket, found, undefined, now);
    return true;
  }

  #orders(
    bucket: Bucket,
    destination: Destination,
  ): { hold?: Hold; actual: Destination; poolId?: number | undefined } {
    if (this.controls.none) return { actual: destination };
    const mail = this.standing(bucket, destination);
    const reroute = this.controls.reroute(mail);
    const route =
      reroute?.routeId == null ? undefined : this.#destinations!.byRouteId(bucket.domain, reroute.routeId);
    const actual = route ?? destination;
    // A pause of a site also holds what was sent there by an order.
    if (route?.kind === 'site') mail.sites = [...mail.sites!, route.spec.key];
    const pause = this.controls.pause(mail);
    return {
      ...(pause && { hold: { reason: 'paused-by-operator', until: pause.until } }),
      actual,
      poolId: reroute?.poolId ?? undefined,
    };
  }

  /** By the provider as which the site is known: where domains that share hosts are known as different ones, replies count for that. */
  #pausedDomain({ provider, job }: Bucket, siteProvider: string, now: number): Hold | undefined {
    const { throttles } = this.#parts.shaping;
    const found =
      throttles.pausedDomain(siteProvider, job.fromDomain, now) ??
      throttles.pausedDomain(provider, job.fromDomain, now);
    return found && { reason: 'sending-domain-paused', until: found.until };
  }

  #hold(bucket: Bucket, hold: Hold): void {
    bucket.hold = hold;
    bucket.group?.remove(bucket);
    this.#parts.holdings.release(bucket);
  }

  #nowhere(bucket: Bucket, destination: Exclude<Destination, { kind: 'site' }>, now: number): void {
    const { settler } = this.#parts;
    bucket.group?.remove(bucket);
    if (destination.kind === 'permanent') {
      // RFC 5321 §5.1: a domain that does not exist, or RFC 7505: that takes no mail. Each recipient gets the verdict.
      const verdict: Verdict = {
        ...synthetic('bounced', destination.reason, destination.status, destination.text),
        phase: 'dns',
        code: destination.code,
      };
      settler.slice(bucket, now, () => verdict);
      return;
    }
    // One mail has borne witness of it already.
    if (bucket.holdUntil > now) return;
    bucket.holdUntil = destination.until;
    const ours = this.#parts.lookUps.deadSince !== undefined;
    const verdict: Verdict = { ...synthetic('deferred', 'network', '4.4.3', destination.text), phase: 'dns' };
    bucket.said(destination.text, now);
    // One mail bears witness of the try; the others only leave when their time is over. With a dead resolver, nobody has been tried.
    let borne = ours;
    const all = settler.slice(bucket, now, (row) => {
      if (settler.expired(row, now)) return verdict;
      if (borne) return undefined;
      borne = true;
      this.dns.bears(bucket, row.id);
      return verdict;
    });
    // The slice was full of mails whose time is over: the others need no probe to go.
    if (!all) bucket.holdUntil = 0;
  }
}
