/**
 * What the main thread and a composing thread tell each other. Rows and results travel many at a time as flat arrays of
 * strings and numbers (cheap to clone) and one buffer (not copied): a message for each mail would cost more than its
 * rendering.
 */
import type { DeliveryClass } from '../types.ts';

/** What all mails of a job share. */
export interface JobContent {
  id: number;
  class: DeliveryClass;
  /** JSON of `ContentSource` */
  content: string;
}

/** The part of `DeliverySettings` that mails are made with. */
export interface ComposeSettings {
  publicUrl: string;
  tokenKey: string;
  domains: { domain: string; returnPathDomain: string; dkim: { selector: string; privateKey: string }[] }[];
  rawLocalParts: string[];
}

export type ToComposer =
  | { type: 'settings'; settings: ComposeSettings }
  /** comes before the job's first mail; the content is kept until `forget` */
  | { type: 'job'; job: JobContent }
  | { type: 'forget'; jobId: number }
  | { type: 'batch'; rows: PackedRows };

/** jobId, deliveryId, subscriberId, listId, createdAt, address, merge (JSON), of one mail after the other */
export type PackedRows = (string | number)[];
export const ROW_FIELDS = 7;

/** In the order of the batch; a batch may be answered in parts. */
export interface FromComposer {
  /** mailFrom, rcptTo, length in `bytes`, of one mail after the other; a failure has its text, '' and a code below 0 */
  mails: (string | number)[];
  bytes: ArrayBuffer;
}
export const MAIL_FIELDS = 3;

/** the content does not fit this person, or nobody */
export const UNFIT = -1;
/** our own failure */
export const FAILED = -2;
