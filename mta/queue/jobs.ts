import { parseAddress } from '../message/address.ts';
import type { Claims, JobRow } from '../spool/claim.ts';
import { DELIVERY_CLASSES, type DeliveryClass, type JobState } from '../types.ts';

export class Job {
  readonly id: number;
  readonly class: DeliveryClass;
  /** the class's place in the order of who waits for whom, 0 first */
  readonly rank: number;
  /** its own IP pool */
  readonly poolId: number | null;
  /** A-label, lower case; '' when the sender's address is none */
  readonly fromDomain: string;
  state: JobState;
  /** buckets of it that are in memory */
  buckets = 0;

  constructor(row: JobRow) {
    this.id = row.id;
    this.class = row.class;
    this.rank = DELIVERY_CLASSES.indexOf(row.class);
    this.poolId = row.poolId;
    const from = parseAddress(row.fromAddress ?? '');
    this.fromDomain = from.ok ? from.domain : '';
    this.state = row.state;
  }
}

/** Jobs by id, dropped when none of their buckets is in memory any more. */
export class Jobs {
  readonly #claims: Claims;
  readonly #jobs = new Map<number, Job>();
  #touched = 0;

  constructor(claims: Claims) {
    this.#claims = claims;
  }

  /** The job of a new bucket; undefined when there is none. */
  join(id: number): Job | undefined {
    let job = this.#jobs.get(id);
    if (!job) {
      const row = this.#claims.job(id);
      if (!row) return undefined;
      job = new Job(row);
      this.#jobs.set(id, job);
    }
    job.buckets += 1;
    return job;
  }

  /** Reads the states that were set since the last look; answers the jobs here whose state has changed. */
  refresh(): Job[] {
    const changed: Job[] = [];
    for (const { id, state, touched } of this.#claims.jobsSince(this.#touched)) {
      this.#touched = touched;
      const job = this.#jobs.get(id);
      if (!job || job.state === state) continue;
      job.state = state;
      changed.push(job);
    }
    return changed;
  }

  leave(job: Job): void {
    job.buckets -= 1;
    if (job.buckets === 0) this.#jobs.delete(job.id);
  }
}
