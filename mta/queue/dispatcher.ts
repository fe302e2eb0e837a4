import { pruneStops, Stops } from '../spool/stops.ts';
import type { LineStatus, MtaStatus } from '../types.ts';
import { News } from './news.ts';
import { Parts, type PartsOptions } from './parts.ts';
import { Report } from './report.ts';
import { SpoolWatch } from './spool-watch.ts';

/** ms: how often the spool is looked at (a look costs one pragma) and due retries are found */
const TICK = 100;
/** buckets looked at in a tick: with 100,000 of them a retry is found within a second instead of a tick */
const WALK = 10_000;
/** ms between two rounds of forgetting: sites without mail, stops that can meet none */
const TIDY = 600_000;

/** Moves mail from the spool to the couriers and their outcomes back: keeps the parts' time. All state is memory that a restart rebuilds from spool.db. */
export class Dispatcher {
  readonly #options: PartsOptions;
  readonly #parts: Parts;
  readonly #report: Report;
  readonly #watch: SpoolWatch;
  #tidiedAt = performance.now();
  #second = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PartsOptions) {
    this.#options = options;
    this.#parts = new Parts(options);
    this.#report = new Report(this.#parts);
    this.#watch = new SpoolWatch(this.#parts.claims, this.#parts.book, new News(this.#parts));
  }

  start(): void {
    this.#forgetStops();
    this.reloadSettings();
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Reads settings and emergency stop again, then everything else that is new. */
  reloadSettings(): void {
    this.#parts.guarded(() => this.#watch.lookAtSettings());
    this.#tick();
  }

  /** Something was enqueued, stopped, paused, cancelled or ordered. */
  wake(): void {
    if (!this.#parts.gate.draining) this.#parts.guarded(() => this.#watch.look());
  }

  /** Takes nothing more and answers when everything in flight is settled on disk. */
  async drain(timeout: number): Promise<void> {
    const { gate, sources, outlets, commit, tls, clock, composer } = this.#parts;
    gate.draining = true;
    clearInterval(this.#timer);
    sources.close();
    await outlets.drain(timeout);
    commit.flush();
    this.#parts.write();
    tls.flush();
    clock.close(Date.now());
    await composer.close();
  }

  /** What is known of the mails that wait for these domains; of one that holds none, nothing. */
  lines(domains: Iterable<string>): LineStatus[] {
    return this.#report.lines(domains);
  }

  status(): MtaStatus {
    return this.#report.status();
  }

  #tick(): void {
    const { throughput, clock, cancelling, errands, gate, holdings, placer, outlets } = this.#parts;
    this.wake();
    const now = Date.now();
    throughput.tick(now);
    clock.tick(now, performance.now());
    if (performance.now() - this.#second >= 1000) this.#everySecond(now);
    if (performance.now() - this.#tidiedAt > TIDY) this.#tidy();
    // One that waited for the disk goes on.
    cancelling.goOn();
    errands.goOn();
    if (gate.draining) return;
    for (const bucket of holdings.due(now, WALK)) placer.activate(bucket);
    outlets.tick();
  }

  #everySecond(now: number): void {
    const { gate, shaping, placer, relayWatch, orders } = this.#parts;
    this.#second = performance.now();
    if (gate.draining) return;
    shaping.tick(now);
    placer.dns.tick(this.#second, now);
    relayWatch.tick(this.#second);
    if (now >= placer.controls.changesAt) this.#parts.guarded(() => orders.read());
    this.#parts.write();
  }

  #tidy(): void {
    this.#tidiedAt = performance.now();
    this.#parts.outlets.tidy();
    this.#parts.shaping.tidy();
    this.#forgetStops();
  }

  /** The server only adds stops; those that can meet no queued mail any more go here. */
  #forgetStops(): void {
    try {
      if (pruneStops(this.#options.db, Date.now()) === 0) return;
      this.#parts.settler.stops = new Stops();
      this.#watch.forgetStops();
    } catch (error) {
      this.#options.onError('old stops could not be removed', error);
    }
  }
}
