/** How a webhook and its requests look: words, colours, icons. */
import type { Webhook, WebhookDelivery } from '../../../../server/webhooks/schemas.ts';
import type { IconName } from '../../lib/icons.ts';

interface Look {
  tone: 'neutral' | 'ok' | 'warn' | 'bad';
  icon: IconName;
}

/** Names a text of `webhooks.state`. `failed`: switched off after three days; `gone`: after a 410. */
export type WebhookState = 'ok' | 'failing' | 'person' | 'gone' | 'failed';

export function stateOf(hook: Pick<Webhook, 'disabledReason' | 'failingSince'>): WebhookState {
  if (hook.disabledReason !== null) return hook.disabledReason === 'failing' ? 'failed' : hook.disabledReason;
  return hook.failingSince === null ? 'ok' : 'failing';
}

export const STATE_LOOKS: Record<WebhookState, Look> = {
  ok: { tone: 'ok', icon: 'check' },
  failing: { tone: 'warn', icon: 'warn' },
  person: { tone: 'neutral', icon: 'pause' },
  gone: { tone: 'bad', icon: 'error' },
  failed: { tone: 'bad', icon: 'error' },
};

export const DELIVERY_LOOKS: Record<WebhookDelivery['state'], Look> = {
  waiting: { tone: 'warn', icon: 'clock' },
  delivered: { tone: 'ok', icon: 'check' },
  failed: { tone: 'bad', icon: 'error' },
  skipped: { tone: 'neutral', icon: 'ban' },
};

/** In the order of the form. The first ones are chosen for a new webhook: rare, and what other systems act on. */
export const EVENTS = [
  'bounced',
  'complained',
  'unsubscribed',
  'campaign.finished',
  'campaign.aborted',
  'delivered',
  'deferred',
  'suppressed',
  'opened',
  'clicked',
] as const satisfies readonly Webhook['events'][number][];
export const FIRST_EVENTS: readonly Webhook['events'][number][] = EVENTS.slice(0, 5);

/** `https://user.example/very/long` → its host: what one looks for in a list. */
export function hostOf(url: string): string {
  return URL.parse(url)?.host ?? url;
}

/** The lines of a text field as entries. */
export const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
