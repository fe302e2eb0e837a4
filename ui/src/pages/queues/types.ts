import type { QueueControl, QueueControlCreate, Queues } from '../../../../server/delivery/schemas.ts';

export type { Queues };
export type Line = Queues['items'][number];
export type Site = Queues['sites'][number];
export type Provider = Queues['providers'][number];
export type Source = Queues['sources'][number];
export type Relay = Queues['relays'][number];
export type Throttle = Queues['throttles'][number];
export type Control = QueueControl;
export type WaitReason = Line['waiting'];
export type Action = QueueControlCreate['action'];

/** What an order is about. */
export interface Target {
  scope: QueueControlCreate['scope'];
  value: string;
  /** as the screen calls it */
  name: string;
  /** mails that wait there, null: not known */
  queued: number | null;
}
