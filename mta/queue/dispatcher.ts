import type { Database } from 'better-sqlite3';
import type { Resolver } from '../routing/dns.ts';
import type { SecureResolver } from '../routing/dns-secure.ts';
import { Sources } from '../routing/sources.ts';
import { createProfiles } from '../shaping/profiles.ts';
import { Claims } from '../spool/claim.ts';
import { DueTimes } from '../spool/due-times.ts';
import { OrderBook } from '../spool/order-book.ts';
import { GroupCommit, SettleWriter } from '../spool/settle.ts';
import { pruneStops, Stops } from '../spool/stops.ts';
import { ThrottleStore } from '../spool/throttles.ts';
import { UptimeStore } from '../spool/uptimes.ts';
import { WarmUpStore } from '../spool/warm-ups.ts';
import type { DeliverySettings, LineStatus, MtaStatus, Route } from '../types.ts';
import type { Bucket } from './bucket.ts';
import { Cancelling } from './cancelling.ts';
import { Clock } from './clock.ts';
import { Composer } from './composer.ts';
import { Destinations } from './destinations.ts';
import { Errands } from './errands.ts';
import { Gate } from './gate.ts';
import { Holdings } from './holdings.ts';
import { LaneSources } from './lane-sources.ts';
import { LookUps } from './look-ups.ts';
import { Orders } from './orders.ts';
import { Outlets } from './outlets.ts';
import { Placer } from './placer.ts';
import { Pools } from './pools.ts';
import { type DiskTrouble, problemsOf } from './problems.ts';
import { RelayWatch } from './relay-watch.ts';
import type { SessionOpener } from './session-opener.ts';
import { Settler } from './settler.ts';
import { Shaping } from './shaping.ts';
import { type SocketLimits, Sockets } from './sockets.ts';
import { SpoolWatch } from './spool-watch.ts';
import { statusLines, statusSites, statusSources } from './status.ts';
import { Throughput } from './throughput.ts';
import { Tls } from './tls.ts';
import { Traffic } from './traffic.ts';
import type { WaitingWorld } from './waiting.ts';

/** ms: how often the spool is looked at (a look costs one pragma) and due retries are found */
const TICK = 100;
/** ms between probes of a site that is dead or a domain whose look-up fails (DELIVERY.md: one probe after 5 min) */
const PROBE = 300_000;
/** buckets looked at in a tick: with 100,000 of them a retry is found within a second instead of a tick */
const WALK = 10_000;
/** ms between two rounds of forgetting: sites without mail, stops that can meet none */
const TIDY = 600_000;

export interface DispatcherOptions {
  db: Database;
  resolver: Resolver;
  secureResolver: SecureResolver;
  sandboxPort: number;
  socketLimits: SocketLimits;
  onSettled(ledgerId: number): void;
  onError(what: string, error: unknown): void;
}

/**
 * Moves mail from the spool to the couriers and their outcomes back: builds the parts, connects them, and keeps their time. All state is
 * memory that a restart rebuilds from spool.db.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #claims: Claims;
  readonly #book: OrderBook;
  readonly #commit: GroupCommit;
  readonly #gate: Gate;
  readonly #holdings: Holdings;
  readonly #settler: Settler;
  readonly #cancelling: Cancelling;
  readonly #shaping: Shaping;
  readonly #traffic = new Traffic();
  readonly #sockets: Sockets;
  readonly #outlets: Outlets;
  readonly #laneSources = new LaneSources();
  readonly #sources: Sources;
  readonly #lookUps = new LookUps();
  readonly #placer: Placer;
  readonly #errands: Errands;
  readonly #orders: Orders;
  readonly #relayWatch: RelayWatch;
  readonly #watch: SpoolWatch;
  readonly #throughput = new Throughput();
  readonly #clock: Clock;
  readonly #composer: Composer;
  readonly #tls: Tls;
  #opener: SessionOpener | undefined;
  #disk: DiskTrouble | undefined;
  #tidiedAt = performance.now();
  #second = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    const { db, resolver, secureResolver, onError, onSettled } = options;
    this.#claims = new Claims(db);
    this.#book = new OrderBook(db);
    this.#composer = new Composer({ content: (id) => this.#claims.content(id), onError });
    this.#tls = new Tls({ db, resolver, secureResolver, onError });
    this.#commit = new GroupCommit(new SettleWriter(db), {
      delay: 50,
      size: 200,
      onCommitted: (batch, last) => {
        this.#disk = undefined;
        this.#holdings.committed(batch);
        this.#write();
        if (last > 0) onSettled(last);
      },
      onError: (error) => this.#diskFailed('the spool cannot be written; sending waits', error),
    });
    this.#gate = new Gate(this.#commit);
    this.#holdings = new Holdings(this.#claims, {
      cancelled: (bucket) => this.#cancelling.add(bucket),
      empty: (bucket) => this.#cancelling.forget(bucket),
    });
    this.#settler = new Settler(this.#holdings, this.#gate, this.#commit, this.#throughput, (since) =>
      this.#clock.lost(since),
    );
    this.#cancelling = new Cancelling(this.#holdings, this.#gate, this.#settler);
    this.#shaping = new Shaping(new ThrottleStore(db), new WarmUpStore(db), {
      lanes: () => this.#outlets.lanes(),
      sendingDomainChanged: () => this.#placer.reconsider(),
      laneFree: (lane) => this.#outlets.pumpSoon(lane.site),
    });
    this.#sockets = new Sockets(options.socketLimits);
    this.#outlets = new Outlets(this.#gate, this.#shaping, this.#traffic, this.#sockets);
    this.#sources = new Sources({
      onChange: (address, usable) => {
        const source = this.#laneSources.get(address);
        if (source) source.failed = !usable;
        this.#outlets.tick();
      },
    });
    const due = new DueTimes(db);
    this.#placer = new Placer({
      gate: this.#gate,
      holdings: this.#holdings,
      settler: this.#settler,
      shaping: this.#shaping,
      outlets: this.#outlets,
      sources: this.#laneSources,
      lookUps: this.#lookUps,
      hasten: (bucket, rowId) => {
        const now = Date.now();
        this.#guarded(() => due.hasten(rowId, now));
        if (bucket.nextAt !== null && bucket.nextAt > now) bucket.nextAt = now;
      },
    });
    this.#errands = new Errands({
      gate: this.#gate,
      holdings: this.#holdings,
      settler: this.#settler,
      outlets: this.#outlets,
      placer: this.#placer,
      book: this.#book,
      flush: () => this.#commit.flush(),
      onError,
    });
    this.#orders = new Orders({
      book: this.#book,
      placer: this.#placer,
      outlets: this.#outlets,
      sources: this.#laneSources,
      errands: this.#errands,
    });
    this.#relayWatch = new RelayWatch({
      outlets: this.#outlets,
      sources: this.#laneSources,
      resolver: options.resolver,
      probeDelay: () => this.#probeDelay,
    });
    this.#traffic.parts = {
      gate: this.#gate,
      holdings: this.#holdings,
      settler: this.#settler,
      shaping: this.#shaping,
      outlets: this.#outlets,
      composer: this.#composer,
      opener: () => this.#opener!,
      probeDelay: () => this.#probeDelay,
      sourceFailed: (address, error) => this.#sources.failed(address, error),
      cancel: (bucket) => this.#cancelling.add(bucket),
      onError,
    };
    this.#watch = new SpoolWatch(this.#claims, this.#book, {
      settings: (text) => this.#settings(text),
      stopped: (stopped) => {
        if (stopped && !this.#gate.stopped) this.#outlets.stopAll();
        this.#gate.stopped = stopped;
      },
      stop: (stop) => this.#settler.stops.apply(stop),
      jobs: () => this.#jobsChanged(),
      orders: () => {
        this.#shaping.reload();
        this.#orders.read();
      },
      bucket: (row) => {
        const bucket = this.#holdings.learn(row);
        if (bucket?.job.state === 'cancelled') this.#cancelling.add(bucket);
        else if (bucket?.nextAt != null && bucket.nextAt <= Date.now()) this.#placer.activate(bucket);
      },
    });
    this.#clock = new Clock(
      {
        due,
        gate: this.#gate,
        latest: this.#claims.latestTime(),
        uptime: new UptimeStore(db),
        buckets: () => this.#holdings.buckets.values(),
        onSetBack: () => this.#placer.clockSetBack(),
        onError,
      },
      Date.now(),
      performance.now(),
    );
  }

  start(): void {
    this.#forgetStops();
    this.reloadSettings();
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Reads settings and emergency stop again, then everything else that is new. */
  reloadSettings(): void {
    this.#guarded(() => this.#watch.lookAtSettings());
    this.#tick();
  }

  /** Something was enqueued, stopped, paused, cancelled or ordered. */
  wake(): void {
    if (!this.#gate.draining) this.#guarded(() => this.#watch.look());
  }

  /** Takes nothing more and answers when everything in flight is settled on disk. */
  async drain(timeout: number): Promise<void> {
    this.#gate.draining = true;
    clearInterval(this.#timer);
    this.#sources.close();
    await this.#outlets.drain(timeout);
    this.#commit.flush();
    this.#write();
    this.#tls.flush();
    this.#clock.close(Date.now());
    await this.#composer.close();
  }

  /** What is known of the mails that wait for these domains; of one that holds none, nothing. */
  lines(domains: Iterable<string>): LineStatus[] {
    const buckets: Bucket[] = [];
    this.#guarded(() => {
      for (const domain of new Set(domains))
        for (const id of this.#claims.bucketsOf(domain)) {
          const bucket = this.#holdings.buckets.get(id);
          if (bucket) buckets.push(bucket);
        }
    });
    return statusLines(buckets, this.#world());
  }

  #world(): WaitingWorld {
    return {
      gate: this.#gate,
      controls: this.#placer.controls,
      warmUps: this.#shaping.warmUps,
      sockets: this.#sockets,
      wall: Date.now(),
      now: performance.now(),
    };
  }

  status(): MtaStatus {
    const world = this.#world();
    const { wall } = world;
    return {
      at: wall,
      mode: this.#gate.settings?.mode ?? 'sandbox',
      perSecond: this.#throughput.perSecond(wall),
      inFlight: this.#holdings.inFlight,
      connections: this.#outlets.couriers.size,
      ...statusSites(this.#outlets.lanes(), world),
      sources: statusSources(this.#sources, this.#laneSources, this.#outlets, world),
      relays: Array.from(this.#outlets.routeRelays, (relay) => relay.status(wall, world.now)),
      problems: problemsOf({
        disk: this.#disk,
        lookUps: this.#lookUps,
        sources: this.#sources,
        outlets: this.#outlets,
        shaping: this.#shaping,
        placer: this.#placer,
        clock: this.#clock.watch,
      }),
      rssMB: Math.round(process.memoryUsage.rss() / 1_048_576),
    };
  }

  // ---- time

  #tick(): void {
    this.wake();
    const now = Date.now();
    this.#throughput.tick(now);
    this.#clock.tick(now, performance.now());
    if (performance.now() - this.#second >= 1000) this.#everySecond(now);
    if (performance.now() - this.#tidiedAt > TIDY) this.#tidy();
    // One that waited for the disk goes on.
    this.#cancelling.goOn();
    this.#errands.goOn();
    if (this.#gate.draining) return;
    for (const bucket of this.#holdings.due(now, WALK)) this.#placer.activate(bucket);
    this.#outlets.tick();
  }

  #everySecond(now: number): void {
    this.#second = performance.now();
    if (this.#gate.draining) return;
    this.#shaping.tick(now);
    this.#placer.dns.tick(this.#second, now);
    this.#relayWatch.tick(this.#second);
    if (now >= this.#placer.controls.changesAt) this.#guarded(() => this.#orders.read());
    this.#write();
  }

  #tidy(): void {
    this.#tidiedAt = performance.now();
    this.#outlets.tidy();
    this.#shaping.tidy();
    this.#forgetStops();
  }

  /** The server only adds stops; those that can meet no queued mail any more go here. */
  #forgetStops(): void {
    try {
      if (pruneStops(this.#options.db, Date.now()) === 0) return;
      this.#settler.stops = new Stops();
      this.#watch.forgetStops();
    } catch (error) {
      this.#options.onError('old stops could not be removed', error);
    }
  }

  /** Back-offs and warm-up counts: what cannot be written now is written later. */
  #write(): void {
    if (this.#gate.diskFull) return;
    try {
      this.#shaping.flush();
    } catch (error) {
      this.#options.onError('what was learnt from replies could not be written; it is kept', error);
    }
  }

  /** A spool that cannot be read now must not end the process, which holds outcomes that are not written yet. */
  #guarded(look: () => void): void {
    try {
      look();
      if (!this.#commit.failing) this.#disk = undefined;
    } catch (error) {
      this.#diskFailed('the spool cannot be read', error);
    }
  }

  #diskFailed(what: string, error: unknown): void {
    this.#disk = { since: this.#disk?.since ?? Date.now(), error };
    this.#options.onError(what, error);
  }

  // ---- news

  /** Settings that differ: connections end after what they have in flight, and everything is found anew. */
  #settings(text: string): void {
    try {
      this.#apply(JSON.parse(text) as DeliverySettings);
    } catch (error) {
      this.#options.onError('the new delivery settings cannot be used; the old ones stay', error);
    }
  }

  #apply(settings: DeliverySettings): void {
    // First, as a key that cannot be read throws.
    this.#composer.use(settings);
    this.#gate.settings = settings;
    const { pools = [] } = settings;
    const { tlsRules, tlsDiscovery, opener } = this.#tls.apply(settings);
    const sources = pools.flatMap((pool) => pool.sources);
    this.#opener = opener;
    this.#laneSources.apply(pools, settings.ehloName);
    void this.#sources.configure(pools);
    for (const { address } of sources) {
      const source = this.#laneSources.get(address);
      if (source) source.failed = !this.#sources.usable(address);
    }
    this.#shaping.apply(settings);
    const routes = this.#routes(settings);
    this.#outlets.reset(routes);
    this.#placer.apply(
      new Destinations({
        routes,
        resolver: this.#options.resolver,
        profiles: createProfiles(settings.shaping),
        selfNames: [settings.ehloName, ...sources.map(({ ehlo }) => ehlo)],
        selfAddresses: sources.map(({ address }) => address),
        probeDelay: this.#probeDelay,
        tlsRules,
        tlsDiscovery,
      }),
      new Pools(settings),
    );
    this.#orders.read();
  }

  #jobsChanged(): void {
    const changed = new Set(this.#holdings.jobs.refresh());
    if (changed.size === 0) return;
    for (const bucket of this.#holdings.buckets.values())
      if (changed.has(bucket.job)) this.#jobChanged(bucket);
  }

  #jobChanged(bucket: Bucket): void {
    if (bucket.job.state === 'cancelled') this.#cancelling.add(bucket);
    else if (bucket.job.state === 'active') this.#placer.activate(bucket);
    else {
      bucket.group?.remove(bucket);
      this.#holdings.release(bucket);
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
    return Math.min(PROBE, (this.#gate.settings?.retry.first ?? 900) * 1000);
  }
}
