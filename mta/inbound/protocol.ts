/** What the MTA and its two inbound threads say to each other. */
import type { CertificateFiles } from './certificate.ts';
import type { Counters } from './counters.ts';
import type { InboundLimits } from './limits.ts';
import type { MailKind } from './read/types.ts';
import type { InboundSettings } from './recipients.ts';

export interface ListenerData {
  dataDir: string;
  host: string;
  port: number;
  /** the administrator's certificate */
  files: CertificateFiles | undefined;
  limits: InboundLimits;
  settings: InboundSettings;
}

export type ToListener = { type: 'settings'; settings: InboundSettings } | { type: 'stop' };

export type FromListener =
  | { type: 'listening'; port: number }
  /** it could not be opened; tried again */
  | { type: 'not-listening'; code: string; message: string }
  /** the administrator's certificate cannot be used, our own is shown */
  | { type: 'certificate'; message: string }
  /** there is something to read */
  | { type: 'received' }
  | { type: 'counters'; counters: Counters; sessions: number };

export interface ReaderData {
  dataDir: string;
  tokenKey: string;
  careful: boolean;
}

export type ToReader = { type: 'read' } | { type: 'token-key'; tokenKey: string } | { type: 'stop' };

export type FromReader =
  /** a batch begins: if nothing more is heard, a mail has got the better of it */
  | { type: 'busy' }
  | { type: 'read'; kinds: Partial<Record<MailKind, number>>; ledgerId: number }
  | { type: 'rests' }
  | { type: 'failed'; message: string };
