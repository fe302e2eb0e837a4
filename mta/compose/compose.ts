import { type CompiledContent, compileContent } from '../message/compile.ts';
import { createDkimSigner, type DkimSigner } from '../message/dkim.ts';
import { ByteWriter } from '../message/encode.ts';
import { compileRaw } from '../message/raw/compile-raw.ts';
import {
  ContentRenderError,
  type RenderContext,
  type RenderedMessage,
  type RenderRow,
  renderMessage,
  writeSigned,
} from '../message/render.ts';
import type { ContentSource, RawSource } from '../types.ts';
import type { ComposeSettings, JobContent } from './protocol.ts';
import { UnfitContent } from './unfit.ts';

interface Sender {
  returnPathDomain: string;
  signer: DkimSigner | undefined;
}

/** A rendered mail, its body in memory that is used again after `reset`. */
export interface Unsigned {
  rendered: RenderedMessage;
  signer: DkimSigner | undefined;
}

interface PreparedJob {
  class: JobContent['class'];
  /** or why it cannot be sent */
  compiled: CompiledContent | string;
  /** made at the first mail after the job or the settings came */
  bound: { context: RenderContext; signer: DkimSigner | undefined } | undefined;
}

/** Renders and signs, synchronously: what one composing thread does. Each job's content is compiled once. */
export class Composing {
  readonly #jobs = new Map<number, PreparedJob>();
  readonly #senders = new Map<string, Sender>();
  readonly #bodies = new ByteWriter();
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
    const compiled = compile(JSON.parse(job.content) as ContentSource | RawSource);
    this.#jobs.set(job.id, { class: job.class, compiled, bound: undefined });
  }

  forget(jobId: number): void {
    this.#jobs.delete(jobId);
  }

  /**
   * Everything but the signature.
   * @throws UnfitContent
   */
  render(jobId: number, row: RenderRow): Unsigned {
    const job = this.#jobs.get(jobId);
    if (!job) throw new Error(`job ${jobId} has no content here`);
    const { compiled } = job;
    if (typeof compiled === 'string') throw new UnfitContent(compiled);
    job.bound ??= this.#bind(jobId, job.class, compiled.fields.fromDomain);
    const { context, signer } = job.bound;
    const start = this.#bodies.length;
    try {
      return { rendered: renderMessage(compiled, context, row, this.#bodies), signer };
    } catch (error) {
      this.#bodies.length = start;
      throw error instanceof ContentRenderError ? new UnfitContent(error.message) : error;
    }
  }

  /** Appends the whole message to `out`. */
  sign({ rendered, signer }: Unsigned, out: ByteWriter): void {
    writeSigned(out, rendered, signer);
  }

  /** All that was rendered is signed: its memory is used again. */
  reset(): void {
    this.#bodies.reset();
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

function compile(source: ContentSource | RawSource): CompiledContent | string {
  if ('raw' in source) {
    const result = compileRaw(Buffer.from(source.raw, 'base64'), { track: source.track });
    return result.ok ? result.mail.content : result.problem.message;
  }
  const result = compileContent(source);
  if (result.ok) return result.content;
  return result.errors.map((error) => `${error.field}: ${error.message}`).join('; ');
}
