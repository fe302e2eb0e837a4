/** What the MTA and its two inbound threads say to each other. */
import type { CertificateFiles } from './certificate.ts';
import type { Counters } from './counters.ts';
import type { InboundLimits } from './limits.ts';
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
