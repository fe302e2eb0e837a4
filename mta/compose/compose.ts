import { type CompileResult, compileContent } from '../message/compile.ts';
import { createDkimSigner, type DkimSigner } from '../message/dkim.ts';
import { ByteWriter } from '../message/encode.ts';
import {
  ContentRenderError,
  type RenderContext,
  type RenderRow,
  renderMessage,
  writeSigned,
} from '../message/render.ts';
import type { ContentSource } from '../types.ts';
import type { ComposeSettings, JobContent } from './protocol.ts';

/** This mail cannot be made: its content does not compile, or this person's values break it. Everything else is our failure. */
export class UnfitContent extends Error {}

interface Sender {
  returnPathDomain: string;
  signer: DkimSigner | undefined;
}

interface PreparedJob {
  class: JobContent['class'];
  compiled: CompileResult;
  /** made at the first mail after the job or the settings came */
  bound: { context: RenderContext; signer: DkimSigner | undefined } | undefined;
}

/** Renders and signs, synchronously: what one composing thread does. Each job's content is compiled once. */
export class Composing {
  readonly #jobs = new Map<number, PreparedJob>();
  readonly #senders = new Map<string, Sender>();
  readonly #body = new ByteWriter();
  #settings: ComposeSettings | undefined;

  /** @throws Error when a key cannot be read */
  use(settings: ComposeSettings): void {
    this.#settings = settings;
    this.#senders.clear();
    for (const { domain, returnPathDomain, dkim } of settings.domains) {
      const signer = dkim.length > 0 ? createDkimSigner({ domain, keys: dkim }) : undefined;
      this.#senders.set(domain.toLowerCase(), { returnPathDomain, signer });
    }
    for (const job of this.#jobs.values()) job.bound = undefined;
  }

  add(job: JobContent): void {
    const compiled = compileContent(JSON.parse(job.content) as ContentSource);
    this.#jobs.set(job.id, { class: job.class, compiled, bound: undefined });
  }

  forget(jobId: number): void {
    this.#jobs.delete(jobId);
  }

  /**
   * Appends the whole message to `out`; answers its envelope.
   * @throws UnfitContent
   */
  compose(jobId: number, row: RenderRow, out: ByteWriter): { mailFrom: string; rcptTo: string } {
    const job = this.#jobs.get(jobId);
    if (!job) throw new Error(`job ${jobId} has no content here`);
    const { compiled } = job;
    if (!compiled.ok)
      throw new UnfitContent(compiled.errors.map((error) => `${error.field}: ${error.message}`).join('; '));
    job.bound ??= this.#bind(jobId, job.class, compiled.content.fields.fromDomain);
    const { context, signer } = job.bound;
    try {
      const rendered = renderMessage(compiled.content, context, row, this.#body);
      writeSigned(out, rendered, signer);
      return rendered;
    } catch (error) {
      throw error instanceof ContentRenderError ? new UnfitContent(error.message) : error;
    }
  }

  #bind(jobId: number, deliveryClass: JobContent['class'], fromDomain: string): PreparedJob['bound'] & {} {
    if (!this.#settings) throw new Error('there are no delivery settings');
    const { publicUrl, tokenKey, rawLocalParts } = this.#settings;
    // A From domain that nobody has set up: unsigned, and bounces come back to it (sandbox, first steps).
    const { returnPathDomain, signer } = this.#senders.get(fromDomain) ?? {
      returnPathDomain: fromDomain,
      signer: undefined,
    };
    return {
      context: {
        jobId,
        class: deliveryClass,
        publicUrl,
        tokenKey,
        domain: { returnPathDomain },
        rawLocalParts: new Set(rawLocalParts),
      },
      signer,
    };
  }
}
