import type { Database } from 'better-sqlite3';
import type { Resolver } from '../routing/dns.ts';
import type { SecureResolver } from '../routing/dns-secure.ts';
import { Sources } from '../routing/sources.ts';
import { Claims } from '../spool/claim.ts';
import { DueTimes } from '../spool/due-times.ts';
import { OrderBook } from '../spool/order-book.ts';
import { GroupCommit, SettleWriter } from '../spool/settle.ts';
import { ThrottleStore } from '../spool/throttles.ts';
import { UptimeStore } from '../spool/uptimes.ts';
import { WarmUpStore } from '../spool/warm-ups.ts';
import { Cancelling } from './cancelling.ts';
import { Clock } from './clock.ts';
import { Composer } from './composer.ts';
import { Configuration } from './configuration.ts';
import { Disk } from './disk.ts';
import { Errands } from './errands.ts';
import { Gate } from './gate.ts';
import { Holdings } from './holdings.ts';
import { LaneSources } from './lane-sources.ts';
import { LookUps } from './look-ups.ts';
import { Orders } from './orders.ts';
import { Outlets } from './outlets.ts';
import { Placer } from './placer.ts';
import { RelayWatch } from './relay-watch.ts';
import { Settler } from './settler.ts';
import { Shaping } from './shaping.ts';
import { type SocketLimits, Sockets } from './sockets.ts';
import { Throughput } from './throughput.ts';
import { Tls } from './tls.ts';
import { Traffic } from './traffic.ts';

export interface PartsOptions {
  db: Database;
  resolver: Resolver;
  secureResolver: SecureResolver;
  sandboxPort: number;
  socketLimits: SocketLimits;
  onSettled(ledgerId: number): void;
  onError(what: string, error: unknown): void;
}

/** The queue's parts, built and connected: who is told of what. They run in nobody's time but the dispatcher's. */
export class Parts {
  readonly claims: Claims;
  readonly book: OrderBook;
  readonly disk: Disk;
  readonly commit: GroupCommit;
  readonly gate: Gate;
  readonly holdings: Holdings;
  readonly throughput = new Throughput();
  readonly settler: Settler;
  readonly cancelling: Cancelling;
  readonly shaping: Shaping;
  readonly traffic = new Traffic();
  readonly sockets: Sockets;
  readonly outlets: Outlets;
  readonly laneSources = new LaneSources();
  readonly sources: Sources;
  readonly lookUps = new LookUps();
  readonly placer: Placer;
  readonly errands: Errands;
  readonly orders: Orders;
  readonly relayWatch: RelayWatch;
  readonly clock: Clock;
  readonly composer: Composer;
  readonly tls: Tls;
  readonly configuration: Configuration;
  readonly #onError: PartsOptions['onError'];

  constructor(options: PartsOptions) {
    const { db, resolver, secureResolver, onError, onSettled } = options;
    this.#onError = onError;
    this.disk = new Disk(onError);
    this.claims = new Claims(db);
    this.book = new OrderBook(db);
    this.composer = new Composer({ content: (id) => this.claims.content(id), onError });
    this.tls = new Tls({ db, resolver, secureResolver, onError });
    this.commit = new GroupCommit(new SettleWriter(db), {
      delay: 50,
      size: 200,
      onCommitted: (batch, last) => {
        this.disk.works();
        this.holdings.committed(batch);
        this.write();
        if (last > 0) onSettled(last);
      },
      onError: (error) => this.disk.failed('the spool cannot be written; sending waits', error),
    });
    this.gate = new Gate(this.commit);
    this.holdings = new Holdings(this.claims, {
      cancelled: (bucket) => this.cancelling.add(bucket),
      empty: (bucket) => this.cancelling.forget(bucket),
    });
    this.settler = new Settler(this.holdings, this.gate, this.commit, this.throughput, (since) =>
      this.clock.lost(since),
    );
    this.cancelling = new Cancelling(this.holdings, this.gate, this.settler);
    this.shaping = new Shaping(new ThrottleStore(db), new WarmUpStore(db), {
      lanes: () => this.outlets.lanes(),
      sendingDomainChanged: () => this.placer.reconsider(),
      laneFree: (lane) => this.outlets.pumpSoon(lane.site),
    });
    this.sockets = new Sockets(options.socketLimits);
    this.outlets = new Outlets(this.gate, this.shaping, this.traffic, this.sockets);
    this.sources = new Sources({
      onChange: (address, usable) => {
        this.laneSources.found(address, usable);
        this.outlets.tick();
      },
    });
    const due = new DueTimes(db);
    this.placer = new Placer({
      gate: this.gate,
      holdings: this.holdings,
      settler: this.settler,
      shaping: this.shaping,
      outlets: this.outlets,
      sources: this.laneSources,
      lookUps: this.lookUps,
      hasten: (bucket, rowId) => {
        const now = Date.now();
        this.guarded(() => due.hasten(rowId, now));
        if (bucket.nextAt !== null && bucket.nextAt > now) bucket.nextAt = now;
      },
    });
    this.errands = new Errands({
      gate: this.gate,
      holdings: this.holdings,
      settler: this.settler,
      outlets: this.outlets,
      placer: this.placer,
      book: this.book,
      flush: () => this.commit.flush(),
      onError,
    });
    this.orders = new Orders({
      book: this.book,
      placer: this.placer,
      outlets: this.outlets,
      sources: this.laneSources,
      errands: this.errands,
    });
    this.relayWatch = new RelayWatch({
      outlets: this.outlets,
      sources: this.laneSources,
      resolver: resolver,
      probeDelay: () => this.configuration.probeDelay,
    });
    this.traffic.parts = {
      gate: this.gate,
      holdings: this.holdings,
      settler: this.settler,
      shaping: this.shaping,
      outlets: this.outlets,
      composer: this.composer,
      opener: () => this.configuration.opener,
      probeDelay: () => this.configuration.probeDelay,
      sourceFailed: (address, error) => this.sources.failed(address, error),
      cancel: (bucket) => this.cancelling.add(bucket),
      onError,
    };
    this.clock = new Clock(
      {
        due,
        gate: this.gate,
        latest: this.claims.latestTime(),
        uptime: new UptimeStore(db),
        buckets: () => this.holdings.buckets.values(),
        onSetBack: () => this.placer.clockSetBack(),
        onError,
      },
      Date.now(),
      performance.now(),
    );
    this.configuration = new Configuration({
      resolver,
      sandboxPort: options.sandboxPort,
      composer: this.composer,
      gate: this.gate,
      tls: this.tls,
      laneSources: this.laneSources,
      sources: this.sources,
      shaping: this.shaping,
      outlets: this.outlets,
      placer: this.placer,
      orders: this.orders,
      onError,
    });
  }

  /** Reads or writes the spool; what fails is told, and the process goes on. */
  guarded(look: () => void): void {
    if (this.disk.guarded(look) && !this.commit.failing) this.disk.works();
  }

  /** Back-offs and warm-up counts: what cannot be written now is written later. */
  write(): void {
    if (this.gate.diskFull) return;
    try {
      this.shaping.flush();
    } catch (error) {
      this.#onError('what was learnt from replies could not be written; it is kept', error);
    }
  }
}
