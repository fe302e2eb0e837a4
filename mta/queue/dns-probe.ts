import type { Bucket } from './bucket.ts';
import type { LookUps } from './look-ups.ts';

/** ms between two probes of a DNS that is dead; one look-up that gets no answer takes nine seconds itself */
const EVERY = 5000;
/** domains that are asked for at a time: one may be broken by itself */
const SAMPLE = 5;
/** mails that are remembered as witnesses; it takes only a few failures to know that the DNS is dead */
const WITNESSES = 100;

export interface DnsProbeParts {
  lookUps: LookUps;
  /** buckets that wait because their domain could not be looked up */
  held(): Iterable<Bucket>;
  /** looks a domain up; was there an answer? */
  ask(domain: string): Promise<boolean>;
  /** the bucket is looked up again */
  retry(bucket: Bucket): void;
  /** makes a mail due that was put off */
  hasten(bucket: Bucket, rowId: number): void;
  /** 0 ≤ x < 1 */
  random(): number;
}

/**
 * While the resolver is dead, asks for some of the waiting domains every few seconds, and lets all of them go as soon as most of those have an
 * answer: their own holds end only minutes later. Also the mails that were put off before it was known to be dead go then, as what kept them
 * was our own resolver and no server of theirs.
 */
export class DnsProbe {
  readonly #parts: DnsProbeParts;
  readonly #witnesses: { bucket: Bucket; rowId: number }[] = [];
  #dead = false;
  #asking = false;
  #nextAt = 0;

  constructor(parts: DnsProbeParts) {
    this.#parts = parts;
  }

  /** A mail was put off because of its domain's look-up. */
  bears(bucket: Bucket, rowId: number): void {
    this.#witnesses.push({ bucket, rowId });
    if (this.#witnesses.length > WITNESSES) this.#witnesses.shift();
  }

  /** Call about once a second. `now` in ms, monotonic; `wall` in epoch ms. */
  tick(now: number, wall: number): void {
    const { lookUps } = this.#parts;
    const dead = lookUps.deadSince !== undefined;
    if (this.#dead && !dead) this.#release();
    this.#dead = dead;
    // Failures among many answers are the domains' own.
    if (!dead && lookUps.quiet(wall)) this.#witnesses.length = 0;
    if (!dead || this.#asking || now < this.#nextAt) return;
    this.#asking = true;
    void this.#probe().finally(() => {
      this.#asking = false;
      this.#nextAt = performance.now() + EVERY;
    });
  }

  async #probe(): Promise<void> {
    const { ask, lookUps } = this.#parts;
    const domains = this.#sample();
    const answers = await Promise.all(domains.map((domain) => ask(domain)));
    const answered = answers.filter(Boolean).length;
    // Nobody waits any more: then there is nothing to tell of.
    if (domains.length === 0 || answered > domains.length / 2) lookUps.revived();
  }

  /** Each waiting domain with the same chance (reservoir). */
  #sample(): string[] {
    const { held, random } = this.#parts;
    const sample: string[] = [];
    const seen = new Set<string>();
    for (const { domain } of held()) {
      if (seen.has(domain)) continue;
      seen.add(domain);
      if (sample.length < SAMPLE) sample.push(domain);
      else {
        const at = Math.floor(random() * seen.size);
        if (at < SAMPLE) sample[at] = domain;
      }
    }
    return sample;
  }

  #release(): void {
    for (const bucket of this.#parts.held()) this.#parts.retry(bucket);
    for (const { bucket, rowId } of this.#witnesses.splice(0)) this.#parts.hasten(bucket, rowId);
  }
}
