import type { CompiledContent } from '../message/compile.ts';
import { compileContent } from '../message/compile.ts';
import type { Claims, JobRow } from '../spool/claim.ts';
import type { DeliveryClass, JobState } from '../types.ts';

/** Content is compiled once for each job and kept while its mails are in memory. */
export class Job {
  readonly id: number;
  readonly class: DeliveryClass;
  state: JobState;
  /** buckets of it that are in memory */
  buckets = 0;
  /** undefined: it does not compile (the server checks before it creates a job, so this is a last resort) */
  readonly content: CompiledContent | undefined;
  readonly contentError: string;

  constructor(row: JobRow, claims: Claims) {
    this.id = row.id;
    this.class = row.class;
    this.state = row.state;
    const compiled = compileContent(claims.content(row.id));
    this.content = compiled.ok ? compiled.content : undefined;
    this.contentError = compiled.ok
      ? ''
      : compiled.errors.map((error) => `${error.field}: ${error.message}`).join('; ');
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
      job = new Job(row, this.#claims);
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
