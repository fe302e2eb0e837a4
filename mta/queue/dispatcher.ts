import type { Database } from 'better-sqlite3';
import type { Resolver } from '../routing/dns.ts';
import type { HostTarget } from '../routing/types.ts';
import type { Mail, SendOutcome, SessionInfo } from '../smtp/types.ts';
import { Claims, type QueueRow } from '../spool/claim.ts';
import { GroupCommit, type Settlement, SettleWriter } from '../spool/settle.ts';
import { pruneStops, Stops } from '../spool/stops.ts';
import type { DeliverySettings, MtaStatus, Route } from '../types.ts';
import { Bucket } from './bucket.ts';
import { Composer, UnfitContent } from './composer.ts';
import { Courier, type CourierOwner, type OpenFailure, type Taken } from './courier.ts';
import { type Destination, Destinations } from './destinations.ts';
import { Jobs } from './jobs.ts';
import { judge } from './outcome.ts';
import { isExpired } from './retry.ts';
import {
  STOPPED,
  type SuppressedVerdict,
  settlementOf,
  synthetic,
  unsendableVerdict,
  type Verdict,
  type Where,
} from './settlement.ts';
import { Site } from './site.ts';
import { statusLines } from './status.ts';
import { Throughput } from './throughput.ts';

/** ms: how often the spool is looked at (a look costs one pragma) and due retries are found */
const TICK = 100;
/** ms between probes of a site that is dead or a domain whose look-up fails (DELIVERY.md: one probe after 5 min) */
const PROBE = 300_000;
/** Rows that all buckets together hold read: enough to make reads cheap, few enough that 100,000 domains stay small. */
const READ_AHEAD = 20_000;
const BATCH = 100;
/** settlements that may wait for the disk before nothing more is taken */
const BACKLOG = 2000;
/** rows settled without sending (stopped, expired, cancelled) before the event loop gets its turn */
const SLICE = 500;
/** buckets looked at in a tick: with 100,000 of them a retry is found within a second instead of a tick */
const WALK = 10_000;
/** ms between two rounds of forgetting: sites without mail, stops that can meet none */
const TIDY = 600_000;

export interface DispatcherOptions {
  db: Database;
  resolver: Resolver;
  sandboxPort: number;
  onSettled(ledgerId: number): void;
  onError(what: string, error: unknown): void;
}

/**
 * Moves mail from the spool to the couriers and their outcomes back. All state here is memory that a restart rebuilds
 * from spool.db: buckets (by job and domain), destinations (by domain), sites (by set of hosts) and what is claimed.
 */
export class Dispatcher implements CourierOwner {
  readonly tlsFailures = new Set<string>();
  readonly #options: DispatcherOptions;
  readonly #claims: Claims;
  readonly #commit: GroupCommit;
  readonly #jobs: Jobs;
  #stops = new Stops();
  readonly #buckets = new Map<number, Bucket>();
  #walk = this.#buckets.values();
  readonly #sites = new Map<string, Site>();
  /** sites whose couriers still finish what they had when the settings changed */
  readonly #leaving = new Set<Site>();
  /** queue ids that are read and not yet settled on disk */
  readonly #claimed = new Set<number>();
  readonly #cancelling = new Set<Bucket>();
  readonly #dirty = new Set<Site>();
  readonly #throughput = new Throughput();
  #settings: DeliverySettings | undefined;
  #settingsText: string | null = null;
  readonly #composer: Composer;
  #destinations: Destinations | undefined;
  #stopped = false;
  #draining = false;
  #version = -1;
  #touched = -1;
  #stopSeq = 0;
  #tidiedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #pumpScheduled = false;
  #cancelScheduled = false;
  #drained: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#claims = new Claims(options.db);
    this.#jobs = new Jobs(this.#claims);
    this.#composer = new Composer({ content: (id) => this.#claims.content(id), onError: options.onError });
    this.#commit = new GroupCommit(new SettleWriter(options.db), {
      delay: 20,
      size: 200,
      onCommitted: (batch, last) => this.#committed(batch, last),
      onError: (error) => options.onError('the spool cannot be written; sending waits', error),
    });
  }

  get ehloName(): string {
    return this.#settings?.ehloName ?? 'localhost';
  }

  start(): void {
    this.#forgetStops();
    this.reloadSettings();
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Reads the settings again; when they differ, connections end after what they have in flight and routes are found anew. */
  reloadSettings(): void {
    this.#readSettings();
    this.#tick();
  }

  #readSettings(): void {
    const wasStopped = this.#stopped;
    this.#stopped = this.#claims.stopped();
    const text = this.#claims.settings();
    if (text !== null && text !== this.#settingsText) {
      this.#settingsText = text;
      try {
        this.#apply(JSON.parse(text) as DeliverySettings);
      } catch (error) {
        this.#options.onError('the new delivery settings cannot be used; the old ones stay', error);
      }
    }
    if (this.#stopped && !wasStopped)
      for (const site of this.#sites.values()) for (const courier of [...site.couriers]) courier.stop();
  }

  #apply(settings: DeliverySettings): void {
    // First, as a key that cannot be read throws.
    this.#composer.use(settings);
    this.#settings = settings;
    this.#destinations = new Destinations({
      routes: this.#routes(settings),
      resolver: this.#options.resolver,
      selfNames: [settings.ehloName],
      probeDelay: this.#probeDelay,
    });
    this.tlsFailures.clear();
    const sites = [...this.#sites.values()];
    this.#sites.clear();
    for (const site of sites) {
      if (site.couriers.size > 0) this.#leaving.add(site);
      for (const courier of [...site.couriers]) courier.stop();
    }
    for (const bucket of this.#buckets.values()) {
      bucket.site = undefined;
      bucket.holdUntil = 0;
      bucket.release(this.#claimed);
    }
  }

  /** Something was enqueued, stopped, paused or cancelled. */
  wake(): void {
    this.#poll();
  }

  /** Takes nothing more and answers when everything in flight is settled on disk. */
  async drain(timeout: number): Promise<void> {
    this.#draining = true;
    clearInterval(this.#timer);
    const all = [...this.#sites.values(), ...this.#leaving];
    for (const site of all) for (const courier of [...site.couriers]) courier.stop();
    if (all.some((site) => site.couriers.size > 0)) {
      const timer = setTimeout(() => {
        for (const site of all) for (const courier of [...site.couriers]) courier.destroy();
      }, timeout);
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      clearTimeout(timer);
    }
    this.#commit.flush();
    await this.#composer.close();
  }

  status(): MtaStatus {
    const now = Date.now();
    let connections = 0;
    for (const site of [...this.#sites.values(), ...this.#leaving]) connections += site.couriers.size;
    return {
      at: now,
      mode: this.#settings?.mode ?? 'sandbox',
      perSecond: this.#throughput.perSecond(now),
      inFlight: this.#claimed.size,
      connections,
      lines: statusLines(this.#buckets.values(), this.#stopped, now),
      sites: [],
      sources: [],
      relays: [],
      problems: [],
      rssMB: Math.round(process.memoryUsage.rss() / 1_048_576),
    };
  }

  // ---- what couriers ask for (CourierOwner)

  take(site: Site): Taken | undefined {
    if (!this.#mayTake) return undefined;
    const now = Date.now();
    const wait = site.rateWait();
    if (wait > 0) {
      site.wakeIn(wait, () => this.#pumpSoon(site));
      return undefined;
    }
    for (let skipped = 0; skipped < SLICE; skipped += 1) {
      const bucket = site.nextBucket();
      if (!bucket) return undefined;
      const row = this.#takeRow(bucket, now);
      if (!row) {
        site.remove(bucket);
        this.#rest(bucket, now);
        continue;
      }
      if (this.#settleUnsent(bucket, row)) continue;
      site.countMail();
      return { bucket, row };
    }
    this.#pumpSoon(site);
    return undefined;
  }

  compose(taken: Taken): Promise<Mail> {
    return this.#composer.compose(taken.bucket.job, taken.row);
  }

  composeFailed({ bucket, row }: Taken, error: unknown): void {
    const text = String((error as Error).message ?? error);
    if (error instanceof UnfitContent) {
      this.#settle(bucket, row, synthetic('bounced', 'content', '5.6.0', text));
      return;
    }
    // Our own failure (signing, memory): no reason to give anybody up.
    this.#options.onError('a mail could not be composed', error);
    this.#settle(bucket, row, synthetic('deferred', 'system', '4.3.0', text));
  }

  mayStillGo(taken: Taken): boolean {
    const { bucket, row } = taken;
    if (this.#stopped || bucket.job.state !== 'active') {
      this.giveBack(taken);
      return false;
    }
    return !this.#settleStopped(bucket, row);
  }

  giveBack({ bucket, row }: Taken): void {
    bucket.giveBack(row);
    const { site } = bucket;
    if (bucket.job.state === 'active' && site && !this.#stopped && this.#sites.get(site.spec.key) === site) {
      site.add(bucket);
      this.#pumpSoon(site);
    } else {
      bucket.release(this.#claimed);
      // It was with a courier when the rest of its job was cancelled: nobody else comes for it.
      if (bucket.job.state === 'cancelled') this.#cancel(bucket);
    }
  }

  sent(taken: Taken, outcome: SendOutcome, host: HostTarget, info: SessionInfo): void {
    const { bucket, row } = taken;
    const verdict = judge(outcome, bucket.provider);
    if (verdict.kind === 'release') {
      this.giveBack(taken);
      return;
    }
    if (verdict.code > 0 && verdict.code !== 421) bucket.site?.answered();
    if (verdict.kind === 'delivered') {
      bucket.site?.succeeded();
    } else {
      bucket.said(verdict.reply, Date.now());
      if (verdict.code === 421) bucket.site?.refused();
    }
    this.#settle(bucket, row, verdict, { mx: host.host, sourceIp: info.localAddress, tls: info.tls });
  }

  opened(site: Site): void {
    site.connected();
    this.#pumpSoon(site);
  }

  openFailed(site: Site, failure: OpenFailure): void {
    site.refused();
    const text = failure.host ? `${failure.host}: ${failure.text}` : failure.text;
    for (const courier of site.couriers) {
      if (courier.opening) continue;
      site.pauseConnecting();
      return;
    }
    site.died(this.#probeDelay);
    this.#probeFailed(
      site,
      { ...synthetic('deferred', 'network', failure.status, text), phase: failure.phase, code: failure.code },
      failure.host,
    );
  }

  ended(courier: Courier): void {
    const { site } = courier;
    site.couriers.delete(courier);
    // The outcomes of its mails are on their way to it: they are microtasks of before.
    queueMicrotask(() => {
      if (courier.fruitless) site.wasFruitless();
    });
    if (site.couriers.size === 0) this.#leaving.delete(site);
    if (
      this.#drained &&
      [...this.#sites.values(), ...this.#leaving].every(({ couriers }) => couriers.size === 0)
    )
      this.#drained();
    this.#pumpSoon(site);
  }

  // ---- looking at the spool

  #tick(): void {
    this.#poll();
    const now = Date.now();
    this.#throughput.tick(now);
    if (performance.now() - this.#tidiedAt > TIDY) this.#tidy();
    // One that waited for the disk goes on.
    this.#cancelSoon();
    // Where the last tick stopped: a Map's iterator goes on whatever is added or removed.
    for (let n = 0; n < WALK; n += 1) {
      const { value: bucket } = this.#walk.next();
      if (!bucket) {
        this.#walk = this.#buckets.values();
        break;
      }
      if (bucket.nextAt !== null && bucket.nextAt <= now && !bucket.site?.has(bucket)) this.#activate(bucket);
    }
    for (const site of this.#sites.values()) if (site.hasWork) this.#pumpSoon(site);
  }

  #poll(): void {
    if (this.#draining) return;
    const version = this.#claims.version();
    if (version === this.#version) return;
    this.#version = version;
    this.#readSettings();
    for (const stop of this.#claims.stopsSince(this.#stopSeq)) {
      this.#stops.apply(stop);
      this.#stopSeq = stop.seq;
    }
    for (const job of this.#jobs.refresh()) this.#jobChanged(job.id);
    for (const row of this.#claims.bucketsSince(this.#touched)) {
      this.#touched = Math.max(this.#touched, row.touched);
      let bucket = this.#buckets.get(row.id);
      if (!bucket) {
        const job = this.#jobs.join(row.jobId);
        if (!job) continue;
        bucket = new Bucket(row, job);
        this.#buckets.set(row.id, bucket);
      } else if (row.nextAt !== null) {
        bucket.nextAt = Math.min(bucket.nextAt ?? row.nextAt, row.nextAt);
      }
      if (bucket.job.state === 'cancelled') this.#cancel(bucket);
      else if (bucket.nextAt !== null && bucket.nextAt <= Date.now()) this.#activate(bucket);
    }
  }

  #jobChanged(jobId: number): void {
    for (const bucket of this.#buckets.values()) {
      if (bucket.job.id !== jobId) continue;
      if (bucket.job.state === 'cancelled') this.#cancel(bucket);
      else if (bucket.job.state === 'paused') {
        bucket.site?.remove(bucket);
        bucket.release(this.#claimed);
      } else this.#activate(bucket);
    }
  }

  /** Finds where the bucket's mail goes and puts it in line there. */
  #activate(bucket: Bucket): void {
    if (!this.#mayTake || bucket.job.state !== 'active') return;
    const now = Date.now();
    if (bucket.holdUntil > now) return;
    const destination = this.#destinations!.peek(bucket.domain, now);
    if (destination) {
      this.#place(bucket, destination, now);
      return;
    }
    if (bucket.resolving) return;
    bucket.resolving = true;
    const destinations = this.#destinations!;
    void destinations.find(bucket.domain, bucket.job.class !== 'bulk').then((found) => {
      bucket.resolving = false;
      // Settings may have changed meanwhile: then the next tick starts over.
      if (destinations === this.#destinations && this.#mayTake && bucket.job.state === 'active')
        this.#place(bucket, found, Date.now());
    });
  }

  #place(bucket: Bucket, destination: Destination, now: number): void {
    bucket.provider = destination.provider;
    if (destination.kind === 'site') {
      let site = this.#sites.get(destination.spec.key);
      if (!site) {
        site = new Site(destination.spec);
        this.#sites.set(destination.spec.key, site);
      }
      site.spec = destination.spec;
      if (bucket.site !== site) bucket.site?.remove(bucket);
      bucket.site = site;
      site.add(bucket);
      this.#pumpSoon(site);
      return;
    }
    if (destination.kind === 'permanent') {
      // RFC 5321 §5.1: a domain that does not exist, or RFC 7505: that takes no mail. Each recipient gets the verdict.
      const verdict: Verdict = {
        ...synthetic('bounced', destination.reason, destination.status, destination.text),
        phase: 'dns',
        code: destination.code,
      };
      this.#settleSlice(bucket, now, () => verdict);
      return;
    }
    bucket.holdUntil = destination.until;
    const verdict: Verdict = { ...synthetic('deferred', 'network', '4.4.3', destination.text), phase: 'dns' };
    bucket.said(destination.text, now);
    let probe: Verdict | undefined = verdict;
    // One mail bears witness of the try; the others only leave when their time is over.
    const all = this.#settleSlice(bucket, now, (row) => {
      if (this.#expired(row, now)) return verdict;
      const first = probe;
      probe = undefined;
      return first;
    });
    // The slice was full of mails whose time is over: the others need no probe to go.
    if (!all) bucket.holdUntil = 0;
  }

  #takeRow(bucket: Bucket, now: number): QueueRow | undefined {
    const share = Math.floor(READ_AHEAD / this.#buckets.size);
    return bucket.take(this.#claims, this.#claimed, now, Math.max(1, Math.min(BATCH, share)));
  }

  /** Settles rows that are due as `decide` says until it answers undefined or none is left; false: there are more. */
  #settleSlice(bucket: Bucket, now: number, decide: (row: QueueRow) => Verdict | undefined): boolean {
    for (let n = 0; n < SLICE; n += 1) {
      const row = this.#takeRow(bucket, now);
      if (!row) {
        this.#rest(bucket, now);
        return true;
      }
      if (this.#settleUnsent(bucket, row)) continue;
      const verdict = decide(row);
      if (!verdict) {
        bucket.giveBack(row);
        bucket.release(this.#claimed);
        return true;
      }
      this.#settle(bucket, row, verdict);
    }
    bucket.release(this.#claimed);
    // The next tick goes on.
    bucket.nextAt = 0;
    return false;
  }

  /** A connection could not be opened: one mail bears the attempt, the rest waits without losing any. */
  #probeFailed(site: Site, verdict: Verdict, mx: string): void {
    const buckets = site.buckets();
    let at = 0;
    let borne = false;
    // In slices, as there may be 100,000 domains behind one relay; nothing stays read, as the wait may be long.
    const slice = (): void => {
      const now = Date.now();
      for (let n = 0; n < SLICE; n += 1) {
        const bucket = buckets[at];
        if (!bucket || !this.#mayTake) return;
        const row =
          bucket.job.state === 'active' && site.has(bucket) ? this.#takeRow(bucket, now) : undefined;
        if (row && this.#settleUnsent(bucket, row)) continue;
        if (row && (!borne || this.#expired(row, now))) {
          borne = true;
          this.#settle(bucket, row, verdict, { mx, sourceIp: '', tls: '' });
          continue;
        }
        if (row) bucket.giveBack(row);
        bucket.release(this.#claimed);
        bucket.said(verdict.reply, now);
        at += 1;
      }
      setImmediate(slice);
    };
    slice();
  }

  #expired(row: QueueRow, now: number): boolean {
    return isExpired(this.#settings!.retry, row.createdAt, now);
  }

  // ---- forgetting

  #tidy(): void {
    this.#tidiedAt = performance.now();
    for (const [key, site] of this.#sites) if (site.forgettable) this.#sites.delete(key);
    // A host whose TLS failed gets another chance: it must not go in clear for ever.
    this.tlsFailures.clear();
    this.#forgetStops();
  }

  /** The server only adds stops; those that can meet no queued mail any more go here. */
  #forgetStops(): void {
    try {
      if (pruneStops(this.#options.db, Date.now()) === 0) return;
      this.#stops = new Stops();
      this.#stopSeq = 0;
      this.#version = -1;
    } catch (error) {
      this.#options.onError('old stops could not be removed', error);
    }
  }

  // ---- settling

  /** Mails that must not or cannot be sent at all; answers whether this was one. */
  #settleUnsent(bucket: Bucket, row: QueueRow): boolean {
    if (this.#settleStopped(bucket, row)) return true;
    const verdict = unsendableVerdict(row);
    if (verdict) this.#settle(bucket, row, verdict);
    return verdict !== undefined;
  }

  #settleStopped(bucket: Bucket, row: QueueRow): boolean {
    const stop = this.#stops.match(row.address, row.listId);
    if (stop) this.#settle(bucket, row, STOPPED, undefined, stop.erased);
    return stop !== undefined;
  }

  #settle(
    bucket: Bucket,
    row: QueueRow,
    verdict: Verdict | SuppressedVerdict,
    where?: Where,
    erased = false,
  ): void {
    this.#throughput.count();
    const { retry } = this.#settings!;
    this.#commit.add(
      settlementOf({ bucket, row, verdict, where, erased, retry, now: Date.now(), random: Math.random() }),
    );
  }

  #committed(batch: readonly Settlement[], last: number): void {
    for (const { bucketId, row, retryAt } of batch) {
      this.#claimed.delete(row.deliveryId);
      const bucket = this.#buckets.get(bucketId);
      if (!bucket) continue;
      bucket.committed(row.kind === 'deferred' ? retryAt : null);
      if (bucket.claimed === 0 && !bucket.site?.has(bucket)) this.#rest(bucket, Date.now());
    }
    if (last > 0) this.#options.onSettled(last);
  }

  /** Nothing of the bucket is due at `now`: remember when something is, or forget the bucket when it is empty. */
  #rest(bucket: Bucket, now: number): void {
    if (bucket.claimed > 0) {
      // What is due is claimed; what comes later must not wait for it, as one reply may take ten minutes.
      bucket.nextAt = this.#claims.nextAt(bucket.id, now);
      return;
    }
    bucket.nextAt = this.#claims.nextAt(bucket.id, 0);
    if (bucket.nextAt !== null) {
      // Deferred after its job was cancelled: it does not wait for its time.
      if (bucket.job.state === 'cancelled') this.#cancel(bucket);
      return;
    }
    // A group commit in the middle of a slice may have said goodbye to it already.
    if (!this.#buckets.delete(bucket.id)) return;
    this.#cancelling.delete(bucket);
    this.#jobs.leave(bucket.job);
  }

  // ---- cancelling

  #cancel(bucket: Bucket): void {
    bucket.site?.remove(bucket);
    this.#cancelling.add(bucket);
    this.#cancelSoon();
  }

  #cancelSoon(): void {
    if (this.#cancelScheduled || this.#cancelling.size === 0) return;
    this.#cancelScheduled = true;
    setImmediate(() => {
      this.#cancelScheduled = false;
      if (this.#draining || this.#commit.failing) return;
      const [bucket] = this.#cancelling;
      if (!bucket) return;
      const rows = bucket.takeAny(this.#claims, this.#claimed, SLICE);
      for (const row of rows)
        this.#settle(
          bucket,
          row,
          synthetic('suppressed', 'cancelled', '', 'The job was cancelled before this mail left'),
        );
      if (rows.length < SLICE) this.#cancelling.delete(bucket);
      this.#cancelSoon();
    });
  }

  // ---- sites and couriers

  get #mayTake(): boolean {
    return (
      !this.#stopped &&
      !this.#draining &&
      this.#settings !== undefined &&
      !this.#commit.failing &&
      this.#commit.pending < BACKLOG
    );
  }

  /** Gives the site's connections work and opens more; once per turn of the event loop however often it is asked. */
  #pumpSoon(site: Site): void {
    this.#dirty.add(site);
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      const sites = [...this.#dirty];
      this.#dirty.clear();
      for (const each of sites) this.#pump(each);
    });
  }

  #pump(site: Site): void {
    if (!this.#mayTake || this.#sites.get(site.spec.key) !== site) return;
    for (const courier of site.couriers) courier.pump();
    if (site.hasWork && site.mayConnect()) {
      site.countConnect();
      const courier = new Courier(site, this);
      site.couriers.add(courier);
      void courier.start();
    }
  }

  #routes(settings: DeliverySettings): Route[] {
    // Safe until told otherwise: in sandbox mode nothing else can be reached, whatever routes there are.
    if (settings.mode === 'live') return settings.routes;
    return [
      {
        id: 0,
        match: '*',
        relay: [{ host: '127.0.0.1', port: this.#options.sandboxPort, tls: 'none', connections: 20 }],
      },
    ];
  }

  get #probeDelay(): number {
    return Math.min(PROBE, (this.#settings?.retry.first ?? 900) * 1000);
  }
}
