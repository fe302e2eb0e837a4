import { type CompileResult, compileContent } from '../message/compile.ts';
import type { Claims, JobRow } from '../spool/claim.ts';
import type { DeliveryClass, JobState } from '../types.ts';

/** Contents kept compiled: those of the jobs that send now. Single mails that wait for a retry need none. */
const COMPILED = 100;

export class Job {
  readonly id: number;
  readonly class: DeliveryClass;
  state: JobState;
  /** buckets of it that are in memory */
  buckets = 0;
  readonly #compile: (job: Job) => CompileResult;

  constructor(row: JobRow, compile: (job: Job) => CompileResult) {
    this.id = row.id;
    this.class = row.class;
    this.state = row.state;
    this.#compile = compile;
  }

  /** Not ok: it does not compile (the server checks before it creates a job, so this is a last resort). */
  get compiled(): CompileResult {
    return this.#compile(this);
  }
}

/** Jobs by id, dropped when none of their buckets is in memory any more. */
export class Jobs {
  readonly #claims: Claims;
  readonly #jobs = new Map<number, Job>();
  /** the least lately used first */
  readonly #compiled = new Map<Job, CompileResult>();

  constructor(claims: Claims) {
    this.#claims = claims;
  }

  /** The job of a new bucket; undefined when there is none. */
  join(id: number): Job | undefined {
    let job = this.#jobs.get(id);
    if (!job) {
      const row = this.#claims.job(id);
      if (!row) return undefined;
      job = new Job(row, (each) => this.#compile(each));
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
    if (job.buckets > 0) return;
    this.#jobs.delete(job.id);
    this.#compiled.delete(job);
  }

  #compile(job: Job): CompileResult {
    const found = this.#compiled.get(job) ?? compileContent(this.#claims.content(job.id));
    this.#compiled.delete(job);
    if (this.#compiled.size >= COMPILED) this.#compiled.delete(this.#compiled.keys().next().value!);
    this.#compiled.set(job, found);
    return found;
  }
}
