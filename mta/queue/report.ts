import type { LineStatus, MtaStatus } from '../types.ts';
import type { Bucket } from './bucket.ts';
import type { Parts } from './parts.ts';
import { problemsOf } from './problems.ts';
import { statusLines, statusSites, statusSources } from './status.ts';
import type { WaitingWorld } from './waiting.ts';

/** What the MTA tells of itself, once a second and when it is asked. */
export class Report {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What is known of the mails that wait for these domains; of one that holds none, nothing. */
  lines(domains: Iterable<string>): LineStatus[] {
    const { claims, holdings } = this.#parts;
    const buckets: Bucket[] = [];
    this.#parts.guarded(() => {
      for (const domain of new Set(domains))
        for (const id of claims.bucketsOf(domain)) {
          const bucket = holdings.buckets.get(id);
          if (bucket) buckets.push(bucket);
        }
    });
    return statusLines(buckets, this.#world());
  }

  status(): MtaStatus {
    const {
      gate,
      throughput,
      holdings,
      outlets,
      sources,
      laneSources,
      disk,
      lookUps,
      shaping,
      placer,
      clock,
    } = this.#parts;
    const world = this.#world();
    const { wall } = world;
    return {
      at: wall,
      mode: gate.settings?.mode ?? 'sandbox',
      perSecond: throughput.perSecond(wall),
      inFlight: holdings.inFlight,
      connections: outlets.couriers.size,
      ...statusSites(outlets.lanes(), world),
      sources: statusSources(sources, laneSources, outlets, world),
      relays: Array.from(outlets.routeRelays, (relay) => relay.status(wall, world.now)),
      problems: problemsOf({
        disk: disk.trouble,
        lookUps,
        sources,
        outlets,
        shaping,
        placer,
        clock: clock.watch,
      }),
      rssMB: Math.round(process.memoryUsage.rss() / 1_048_576),
    };
  }

  #world(): WaitingWorld {
    const { gate, placer, shaping, sockets } = this.#parts;
    return {
      gate,
      controls: placer.controls,
      warmUps: shaping.warmUps,
      sockets,
      wall: Date.now(),
      now: performance.now(),
    };
  }
}
