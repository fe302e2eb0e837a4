/** Reads what has come in, in its order, and writes what follows from it into the spool. */
import { isOurMessageId } from '../message/message-id.ts';
import type { DeliveredRow, Returned, ReturnedEvent } from '../spool/returned.ts';
import { effectOf, reportFor } from './effects.ts';
import type { InboundMailbox, UnreadMail } from './mailbox.ts';
import { readMail } from './read/read.ts';
import type { MailKind, Reading } from './read/types.ts';
import { type Trace, tracesOf } from './trace.ts';

/** mails of one transaction, and ms of reading for it: both keep the sender's commits from waiting */
const BATCH = 200;
const BATCH_TIME = 100;
/** ms that a mail waits at most for the outcome of the delivery that it is about */
const PATIENCE = 5000;

export interface ReaderOptions {
  mailbox: InboundMailbox;
  returned: Returned;
  tokenKey(): string;
  /** the thread before has ended in the middle of a mail: find it and pass over it */
  careful: boolean;
}

export type BatchResult =
  /** nothing is unread */
  | { state: 'idle' }
  /** the next mail's delivery has no outcome yet */
  | { state: 'waiting' }
  | { state: 'read'; kinds: MailKind[]; ledgerId: number };

export class Reader {
  readonly #options: ReaderOptions;
  /** mails that are still read one by one */
  #careful: number;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#careful = options.careful ? BATCH : 0;
  }

  /**
   * One transaction. What a mail was is noted before its effects are written: after a crash in between it is read
   * again and noted again, and its effects are written then.
   */
  batch(): BatchResult {
    const { mailbox, returned } = this.#options;
    const mails = mailbox.after(returned.cursor(), this.#careful > 0 ? 1 : BATCH);
    if (mails.length === 0) return { state: 'idle' };
    const started = performance.now();
    const readings = new Map<number, Reading | null>();
    const events: ReturnedEvent[] = [];
    for (const mail of mails) {
      const reading = this.#read(mail);
      const effects = reading ? this.#events(mail, reading) : [];
      if (effects.some(({ deliveryId }) => this.#isEarly(mail, deliveryId))) break;
      readings.set(mail.id, reading);
      events.push(...effects);
      if (performance.now() - started > BATCH_TIME) break;
    }
    if (readings.size === 0) return { state: 'waiting' };
    mailbox.note(readings);
    const ledgerId = returned.write(events, [...readings.keys()].at(-1)!);
    const erased = mails.filter(
      ({ id, recipients }) =>
        readings.has(id) && recipients.some(({ ids }) => ids && returned.isErased(ids.deliveryId)),
    );
    mailbox.remove(erased.map(({ id }) => id));
    return {
      state: 'read',
      kinds: [...readings.values()].map((reading) => reading?.kind ?? 'other'),
      ledgerId,
    };
  }

  #read(mail: UnreadMail): Reading | null {
    const { mailbox } = this.#options;
    if (this.#careful > 0) {
      this.#careful -= 1;
      if (!mailbox.begin(mail.id)) {
        this.#careful = 0;
        return null;
      }
    }
    return readMail(mailbox.raw(mail));
  }

  #isEarly(mail: UnreadMail, deliveryId: number): boolean {
    return Date.now() - mail.at < PATIENCE && this.#options.returned.pending(deliveryId);
  }

  #events(mail: UnreadMail, reading: Reading): ReturnedEvent[] {
    const kind = effectOf(mail.recipients, reading);
    if (kind === undefined) return [];
    const tokenKey = this.#options.tokenKey();
    return tracesOf(mail.recipients, reading, tokenKey).map((trace) => ({
      kind,
      at: mail.at,
      deliveryId: trace.by === 'address' ? trace.ids.deliveryId : trace.claim.deliveryId,
      matches: (delivery) => isAbout(trace, delivery, tokenKey),
      report: (recipient) => reportFor(reading.reports, recipient),
      host: mail.helo,
      ip: mail.ip,
    }));
  }
}

function isAbout(trace: Trace, delivery: DeliveredRow, tokenKey: string): boolean {
  if (trace.by === 'message-id') return isOurMessageId(tokenKey, trace.claim, delivery);
  const { jobId, subscriberId, listId } = trace.ids;
  return jobId === delivery.jobId && subscriberId === delivery.subscriberId && listId === delivery.listId;
}
