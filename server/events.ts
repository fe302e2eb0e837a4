/**
 * What moves on a screen, pushed over `GET /api/v1/events` (server-sent events; `event:` is the type, `data:` JSON).
 * UI code imports these types; the server sends nothing else.
 */
import type { Import } from './audience/schemas.ts';
import type { CampaignSummary } from './campaigns/schemas.ts';
import type { Queues } from './delivery/schemas.ts';
import type { Webhook } from './webhooks/schemas.ts';

export type LiveEvent =
  | { type: 'import'; data: Import }
  | { type: 'campaign'; data: CampaignSummary }
  | { type: 'queues'; data: Queues }
  | { type: 'webhook'; data: Webhook };
