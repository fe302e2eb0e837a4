/** `campaign:12` → where it is and what it is called. */
import { hasText, label } from '../../lib/i18n.svelte.ts';

const HREFS: Record<string, (id: string) => string> = {
  campaign: (id) => `#/campaigns/${id}`,
  list: (id) => `#/lists/${id}`,
  subscriber: (id) => `#/subscribers/${id}`,
  import: (id) => `#/imports/${id}`,
  'sending-domain': (id) => `#/sending-domains/${id}`,
  route: () => '#/routes',
  'ip-pool': () => '#/ip-pools',
  queues: () => '#/queues',
  'queue-control': () => '#/queues',
  'queue-throttle': () => '#/queues',
  shaping: (id) => `#/shaping/${id}`,
  'tls-rule': () => '#/tls',
  message: (id) => `#/messages/${id}`,
  webhook: (id) => `#/webhooks/${id}`,
  user: () => '#/users',
  'api-key': () => '#/api-keys',
  settings: () => '#/settings',
  attribute: () => '#/attributes',
  suppression: () => '#/suppressions',
};

export function targetHref(target: string): string | undefined {
  const [kind = '', id = ''] = target.split(':');
  return HREFS[kind]?.(id);
}

export function targetText(target: string): string {
  const [kind = '', id] = target.split(':');
  if (!hasText(`auditTarget.${kind}`)) return target;
  return id
    ? `${label('auditTarget', kind)} ${/^\d+$/.test(id) ? `#${id}` : id}`
    : label('auditTarget', kind);
}
