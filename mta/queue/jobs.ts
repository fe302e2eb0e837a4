import type { Claims, JobRow } from '../spool/claim.ts';
import type { DeliveryClass, JobState } from '../types.ts';

export class Job {
  readonly id: number;
  readonly class: DeliveryClass;
  state: JobState;
  /** buckets of it that are in memory */
  buckets = 0;

  constructor(row: JobRow) {
    this.id = row.id;
    this.class = row.class;
    this.state = row.state;
  }
}

/** Jobs by id, dropped when none of their buckets is in memory any more. */
export class Jobs {
  readonly #claims: Claims;
  readonly #jobs = new Map<number, Job>();

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

  /** Reads the states again; answers the jobs whose state has changed. */
  refresh(): Job[] {
    const changed: Job[] = [];
    for (const job of this.#jobs.values()) {
      const state = this.#claims.job(job.id)?.state ?? 'cancelled';
      if (state === job.state) continue;
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
