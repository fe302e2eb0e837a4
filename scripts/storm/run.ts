/**
 * The storm: one campaign through the whole appliance to a sink that defers, refuses and disconnects, while MTA and server are killed
 * again and again; then every recipient is accounted for.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ObedientPeer, startObedientPeer } from '../../mta/test/obedient-peer.ts';
import { discrepancies, type ReportSeen, unexplained } from './account.ts';
import { CONNECTIONS, prepareCampaign } from './campaign.ts';
import { Progress, readSpool } from './evidence.ts';
import { isNeverKept, makePeople, type Person } from './people.ts';
import { KILL_KINDS, type Kill, type KillKind, planKills } from './plan.ts';
import { seeded } from './random.ts';
import { Target } from './target.ts';

/** What a kill can cut off at most: two mails a connection (one awaits its reply, one follows it) and one group commit. */
const IN_FLIGHT = CONNECTIONS * 2 + 200;

export interface StormOptions {
  kills: number;
  /** recipients */
  count: number;
  seed: number;
  /** it fails after so many seconds */
  seconds: number;
  log?: ((line: string) => void) | undefined;
}

export interface StormResult {
  seed: number;
  kills: number;
  byKind: Record<KillKind, number>;
  /** kills that met the enqueueing, and those that met processes that were just starting */
  whileEnqueueing: number;
  whileStarting: number;
  recipients: number;
  delivered: number;
  bounced: number;
  deferrals: number;
  /** mails that the sink got again because of kills; at most `inFlight` */
  duplicates: number;
  /** mails that it got again because it had taken them and disconnected without an answer */
  repeatedAfterDisconnect: number;
  /** mails that were cut off by kills: taken, and not in the ledger; the sum, and the most by one kill */
  inFlight: number;
  mostInFlight: number;
  seconds: number;
  discrepancies: string[];
}

export async function storm(options: StormOptions): Promise<StormResult> {
  const folder = mkdtempSync(join(tmpdir(), 'todoke-storm-'));
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const sink = await startObedientPeer({ logFile: join(folder, 'taken.tsv') });
  const target = new Target(dataDir);
  try {
    return await new Storm(options, dataDir, sink, target).run();
  } catch (error) {
    options.log?.(await target.state());
    throw error;
  } finally {
    await target.destroy();
    await sink.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Storm {
  readonly #options: StormOptions;
  readonly #dataDir: string;
  readonly #sink: ObedientPeer;
  readonly #target: Target;
  readonly #people: Person[];
  readonly #kills: Kill[];
  readonly #startedAt = performance.now();
  readonly #inFlight = new Map<string, number>();
  readonly #problems: string[] = [];
  #mostInFlight = 0;
  #whileEnqueueing = 0;
  /** as far as was seen last */
  #enqueueing = true;
  #jobId = 0;
  /** at the last kill that waited for the campaign to get on */
  #settledBefore = -1;

  constructor(options: StormOptions, dataDir: string, sink: ObedientPeer, target: Target) {
    this.#options = options;
    this.#dataDir = dataDir;
    this.#sink = sink;
    this.#target = target;
    const random = seeded(options.seed);
    this.#people = makePeople(options.count, random);
    this.#kills = planKills(options.kills, random);
  }

  async run(): Promise<StormResult> {
    this.#target.start();
    const campaignId = await prepareCampaign(await this.#target.api(), this.#sink.port, this.#people);
    // Of the start alone: the enqueueing goes on without us.
    await (await this.#target.api()).post(`/campaigns/${campaignId}/start`);
    for (const [index, kill] of this.#kills.entries()) {
      await this.#until(kill);
      if (this.#enqueueing) this.#whileEnqueueing += 1;
      let cut = 0;
      await this.#target.strike(kill, async () => {
        cut = await this.#cutOff();
      });
      this.#mostInFlight = Math.max(this.#mostInFlight, cut);
      const what = `kill ${index + 1} of ${this.#kills.length} (${kill.kind}, ${kill.when.what})`;
      this.#options.log?.(`${what} cut off ${cut} mails, after ${this.#seconds} s`);
      if (cut > IN_FLIGHT)
        this.#problems.push(`${what} cut off ${cut} mails; at most ${IN_FLIGHT} can be in flight`);
    }
    const api = await this.#target.api();
    await api.poll<{ state: string }>(`/campaigns/${campaignId}`, ({ state }) => {
      this.#checkTime('the campaign has not ended');
      return state === 'finished';
    });
    const report = await api.get<ReportSeen>(`/campaigns/${campaignId}/report`);
    const code = await this.#target.stop();
    if (code !== 0) this.#problems.push(`the appliance ended with code ${code} instead of 0`);
    return this.#result(report);
  }

  /** Waits until the kill's moment has come. */
  async #until({ when, delay }: Kill): Promise<void> {
    if (when.what !== 'starting') {
      // The enqueueing goes on before the server listens.
      if (when.what === 'settled') await this.#target.ready();
      const progress = new Progress(this.#dataDir);
      for (;;) {
        this.#checkTime(`${when.what} is below ${when.share}`);
        await this.#target.check();
        const now = progress.read();
        if (now) {
          this.#jobId = now.id;
          this.#enqueueing = now.sealed === 0;
          const { length } = this.#people;
          const done = when.what === 'enqueued' && now.sealed ? 1 : now[when.what] / length;
          // Two kills one right after the other would meet nothing in flight.
          const sends =
            when.what === 'enqueued' || now.settled > this.#settledBefore || now.settled === length;
          if (done >= when.share && sends) {
            this.#settledBefore = now.settled;
            break;
          }
        }
        await sleep(when.what === 'enqueued' ? 2 : 20);
      }
    }
    await sleep(delay);
  }

  /** While nothing runs: mails that the sink has and the ledger does not know. */
  async #cutOff(): Promise<number> {
    await this.#sink.idle();
    let cut = 0;
    const spool = readSpool(this.#dataDir, this.#jobId);
    for (const [recipient, count] of unexplained(spool, this.#sink.accepted())) {
      const known = this.#inFlight.get(recipient) ?? 0;
      if (count <= known) continue;
      cut += count - known;
      this.#inFlight.set(recipient, count);
    }
    return cut;
  }

  #checkTime(what: string): void {
    if (this.#seconds > this.#options.seconds)
      throw new Error(`The storm did not end within ${this.#options.seconds} s: ${what}`);
  }

  get #seconds(): number {
    return Math.round((performance.now() - this.#startedAt) / 100) / 10;
  }

  #result(report: ReportSeen): StormResult {
    const spool = readSpool(this.#dataDir, this.#jobId);
    const taken = this.#sink.accepted();
    const inFlight = [...this.#inFlight.values()].reduce((sum, count) => sum + count, 0);
    const repeated = taken.length - new Set(taken.map(({ recipient }) => recipient)).size;
    const unanswered = spool.ledger.filter((line) => line.unanswered && !isNeverKept(line.recipient)).length;
    const count = (kind: string): number => spool.ledger.filter((line) => line.kind === kind).length;
    const byKind = (kind: KillKind): number => this.#kills.filter((kill) => kill.kind === kind).length;
    return {
      seed: this.#options.seed,
      kills: this.#kills.length,
      byKind: Object.fromEntries(KILL_KINDS.map((kind) => [kind, byKind(kind)])) as Record<KillKind, number>,
      whileEnqueueing: this.#whileEnqueueing,
      whileStarting: this.#kills.filter(({ when }) => when.what === 'starting').length,
      recipients: this.#people.length,
      delivered: count('delivered'),
      bounced: count('bounced'),
      deferrals: count('deferred'),
      duplicates: Math.max(0, repeated - unanswered),
      repeatedAfterDisconnect: Math.min(repeated, unanswered),
      inFlight,
      mostInFlight: this.#mostInFlight,
      seconds: this.#seconds,
      discrepancies: [
        ...this.#problems,
        ...discrepancies({ people: this.#people, spool, taken, inFlight: this.#inFlight, report }),
      ],
    };
  }
}
