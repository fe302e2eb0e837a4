import { createDkimSigner, type DkimSigner } from '../message/dkim.ts';
import { buildSigned, type RenderContext, renderMessage } from '../message/render.ts';
import type { Mail } from '../smtp/types.ts';
import { parseMerge, type QueueRow } from '../spool/claim.ts';
import type { DeliverySettings } from '../types.ts';
import type { Job } from './jobs.ts';

/** Makes one mail's bytes from the job's compiled content and the row's values, signed for the From domain. */
export class Composer {
  readonly #settings: DeliverySettings;
  readonly #domains = new Map<string, { returnPathDomain: string; signer: DkimSigner | undefined }>();
  readonly #contexts = new WeakMap<Job, { context: RenderContext; signer: DkimSigner | undefined }>();

  constructor(settings: DeliverySettings) {
    this.#settings = settings;
    for (const { domain, returnPathDomain, dkim } of settings.domains) {
      const key = dkim[0];
      const signer = key && createDkimSigner({ domain, selector: key.selector, privateKey: key.privateKey });
      this.#domains.set(domain.toLowerCase(), { returnPathDomain, signer });
    }
  }

  /** Throws `ContentRenderError` when this person's values break the content. */
  async compose(job: Job, row: QueueRow): Promise<Mail> {
    const { compiled } = job;
    // The dispatcher settles such a job's mails without composing them.
    if (!compiled.ok) throw new Error(`job ${job.id} does not compile`);
    const { context, signer } = this.#context(job, compiled.content.fields.fromDomain);
    const rendered = renderMessage(compiled.content, context, {
      deliveryId: row.id,
      subscriberId: row.subscriberId,
      listId: row.listId,
      address: row.address,
      merge: parseMerge(row.merge),
      createdAt: row.createdAt,
    });
    const message = await buildSigned(rendered, signer);
    return { mailFrom: rendered.mailFrom, rcptTo: rendered.rcptTo, message };
  }

  #context(job: Job, fromDomain: string): { context: RenderContext; signer: DkimSigner | undefined } {
    let found = this.#contexts.get(job);
    if (!found) {
      // A From domain that nobody has set up: unsigned, and bounces come back to it (sandbox, first steps).
      const domain = this.#domains.get(fromDomain) ?? { returnPathDomain: fromDomain, signer: undefined };
      found = {
        context: {
          jobId: job.id,
          class: job.class,
          publicUrl: this.#settings.publicUrl,
          tokenKey: this.#settings.tokenKey,
          domain: { returnPathDomain: domain.returnPathDomain },
        },
        signer: domain.signer,
      };
      this.#contexts.set(job, found);
    }
    return found;
  }
}
