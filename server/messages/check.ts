/** What a message must be before it is accepted; every mistake is named with its place and value. */
import { eq } from 'drizzle-orm';
import type { CompiledContent, ContentError, ContentSource, MergeValues } from '../../mta/index.ts';
import { ContentRenderError, compileContent, parseAddress, renderPreview } from '../../mta/index.ts';
import { renderError } from '../campaigns/content.ts';
import { asFieldError, contentFinding } from '../campaigns/preflight.ts';
import { poolExists } from '../campaigns/store.ts';
import { sendingDomains, templates } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import type { FieldError, FieldErrorCode } from '../errors.ts';
import { readTime } from '../schemas.ts';
import { refusalOf } from '../suppression/refusal.ts';
import type { MessageInput } from './schemas.ts';

/** ms that a message may wait for its time */
const MAX_AHEAD = 30 * 24 * 3_600_000;
/** bytes of a whole mail, attachments in base64: what most servers take */
const MAX_BYTES = 25 * 1024 * 1024;

/** A message that can be written down. */
export interface Checked {
  source: ContentSource;
  to: { address: string; key: string };
  merge: MergeValues;
  links: string[];
  tags: string[];
  templateId: number | null;
  poolId: number | undefined;
  sendAt: number | undefined;
}

export interface CheckContext {
  db: Db;
  mode: 'sandbox' | 'live';
  now: number;
}

type Content = { ok: true; content: CompiledContent } | { ok: false; errors: readonly ContentError[] };

/** Checks the messages of one request: what they share (a template's content) is compiled once. */
export class MessageCheck {
  readonly #context: CheckContext;
  readonly #compiled = new Map<string, Content>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  /** Never throws on what a caller sent. Pointers are those of a single message's body. */
  check(input: MessageInput): { ok: true; message: Checked } | { ok: false; errors: FieldError[] } {
    const { db } = this.#context;
    const errors: FieldError[] = [];
    const to = parseAddress(input.to);
    if (!to.ok) errors.push(field('/to', to.code, to.message, input.to));
    else {
      const reason = refusalOf(db, to.key);
      if (reason !== undefined)
        errors.push(field('/to', 'suppressed', `No mail goes to this address: ${reason}`, input.to));
    }
    this.#checkFrom(input.from.address, errors);
    const sendAt = this.#sendAt(input.sendAt, errors);
    if (input.poolId !== undefined && !poolExists(db, input.poolId))
      errors.push(field('/poolId', 'not-found', `There is no IP pool ${input.poolId}`, input.poolId));
    const source = this.#source(input, errors);
    const merge: MergeValues = input.variables ?? {};
    const content = source && this.#content(source, merge, errors);
    if (errors.length > 0 || !to.ok || !source || !content) return { ok: false, errors };
    return {
      ok: true,
      message: {
        source,
        to: { address: to.address, key: to.key },
        merge: Object.fromEntries(content.variables.map((name) => [name, merge[name] ?? null])),
        links: content.links.map(({ url }) => url),
        tags: [...new Set(input.tags ?? [])],
        templateId: input.templateId ?? null,
        poolId: input.poolId,
        sendAt,
      },
    };
  }

  #checkFrom(address: string, errors: FieldError[]): void {
    const { db, mode } = this.#context;
    const from = parseAddress(address);
    // An address that is none is the compiler's to name.
    if (!from.ok || mode === 'sandbox') return;
    if (
      db
        .select({ id: sendingDomains.id })
        .from(sendingDomains)
        .where(eq(sendingDomains.domain, from.domain))
        .get()
    )
      return;
    const message = `${from.domain} is no sending domain of this installation`;
    errors.push(field('/from/address', 'sending-domain-missing', message, address));
  }

  #sendAt(value: string | undefined, errors: FieldError[]): number | undefined {
    if (value === undefined) return undefined;
    const at = readTime(value, '/sendAt');
    if (at > this.#context.now + MAX_AHEAD)
      errors.push(field('/sendAt', 'value-invalid', 'may be 30 days ahead at most', value));
    // What is past leaves at once: the caller's clock may be a little behind.
    return at > this.#context.now ? at : undefined;
  }

  #source(input: MessageInput, errors: FieldError[]): ContentSource | undefined {
    const { templateId } = input;
    const template =
      templateId === undefined
        ? undefined
        : this.#context.db.select().from(templates).where(eq(templates.id, templateId)).get();
    if (templateId !== undefined && !template) {
      errors.push(field('/templateId', 'not-found', `There is no template ${templateId}`, templateId));
      return undefined;
    }
    const subject = input.subject ?? template?.subject;
    if (subject === undefined) {
      errors.push(field('/subject', 'required', 'must be given when there is no template'));
      return undefined;
    }
    // One of its own replaces both of the template's: half of each would be two different mails.
    const own = input.html !== undefined || input.text !== undefined;
    const bytes = (input.attachments ?? []).reduce((sum, { content }) => sum + content.length, 0);
    if (bytes > MAX_BYTES) {
      errors.push(field('/attachments', 'value-invalid', `hold ${bytes} bytes; ${MAX_BYTES} at most`));
      return undefined;
    }
    return {
      from: { name: input.from.name ?? '', address: input.from.address },
      replyTo: input.replyTo || undefined,
      subject,
      html: (own ? input.html : template?.html) || undefined,
      text: (own ? input.text : template?.text) || undefined,
      track: { opens: input.trackOpens ?? false, clicks: input.trackClicks ?? false },
      headers: input.headers,
      attachments: input.attachments,
    };
  }

  #content(source: ContentSource, merge: MergeValues, errors: FieldError[]): CompiledContent | undefined {
    const key = JSON.stringify(source);
    let compiled = this.#compiled.get(key);
    if (!compiled) {
      compiled = compileContent(source);
      this.#compiled.set(key, compiled);
    }
    const problems = compiled.ok ? this.#rendered(compiled.content, merge) : compiled.errors;
    errors.push(...problems.map((error) => asFieldError(contentFinding(error))));
    return compiled.ok && problems.length === 0 ? compiled.content : undefined;
  }

  /** Its own values may break what is right in itself: better said now than by a bounce. */
  #rendered(content: CompiledContent, merge: MergeValues): ContentError[] {
    try {
      renderPreview(content, merge);
      return [];
    } catch (error) {
      if (error instanceof ContentRenderError) return [renderError(error)];
      throw error;
    }
  }
}

function field(pointer: string, code: FieldErrorCode, message: string, value?: unknown): FieldError {
  return { pointer, code, message, ...(value === undefined ? {} : { value }) };
}
