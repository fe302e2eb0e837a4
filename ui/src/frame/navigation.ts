/** The left navigation in the order of work. An entry that the session may not read is not shown. */
import type { Scope } from '../../../server/auth/permissions.ts';
import type { MessageKey } from '../lib/i18n.svelte.ts';
import type { IconName } from '../lib/icons.ts';

export interface NavEntry {
  key: MessageKey;
  href: string;
  icon: IconName;
  scope?: Scope;
  /** other addresses that belong to it */
  also?: RegExp;
}
export interface NavGroup {
  key?: MessageKey;
  entries: readonly NavEntry[];
}

export const NAVIGATION: readonly NavGroup[] = [
  {
    entries: [
      { key: 'nav.home', href: '/', icon: 'home' },
      {
        key: 'nav.campaigns',
        href: '/campaigns',
        icon: 'send',
        scope: 'campaigns:read',
        also: /^\/campaigns\/\d+(?!\/report)/,
      },
      {
        key: 'nav.subscribers',
        href: '/subscribers',
        icon: 'people',
        scope: 'audience:read',
        also: /^\/(attributes|imports)/,
      },
      { key: 'nav.lists', href: '/lists', icon: 'list', scope: 'audience:read' },
      {
        key: 'nav.reports',
        href: '/reports',
        icon: 'report',
        scope: 'reports:read',
        also: /^\/campaigns\/\d+\/report/,
      },
    ],
  },
  {
    key: 'nav.delivery',
    entries: [
      { key: 'nav.deliveries', href: '/deliveries', icon: 'ledger', scope: 'deliveries:read' },
      { key: 'nav.messages', href: '/messages', icon: 'mail', scope: 'deliveries:read' },
      { key: 'nav.queues', href: '/queues', icon: 'queue', scope: 'deliveries:read' },
      { key: 'nav.suppressions', href: '/suppressions', icon: 'ban', scope: 'audience:read' },
      { key: 'nav.ipPools', href: '/ip-pools', icon: 'source', scope: 'deliveries:read' },
      { key: 'nav.shaping', href: '/shaping', icon: 'gauge', scope: 'deliveries:read' },
      { key: 'nav.routes', href: '/routes', icon: 'route', scope: 'delivery:manage' },
      { key: 'nav.tls', href: '/tls', icon: 'lock', scope: 'deliveries:read' },
      { key: 'nav.sandbox', href: '/sandbox', icon: 'flask', scope: 'deliveries:read' },
    ],
  },
  {
    key: 'nav.settings',
    entries: [
      { key: 'nav.general', href: '/settings', icon: 'settings', scope: 'settings:manage' },
      { key: 'nav.sendingDomains', href: '/sending-domains', icon: 'domain', scope: 'campaigns:read' },
      { key: 'nav.users', href: '/users', icon: 'person', scope: 'users:manage' },
      { key: 'nav.apiKeys', href: '/api-keys', icon: 'key', scope: 'users:manage' },
      { key: 'nav.webhooks', href: '/webhooks', icon: 'code', scope: 'webhooks:manage' },
      { key: 'nav.auditLog', href: '/audit-log', icon: 'log', scope: 'audit:read' },
    ],
  },
];

export function isCurrent(entry: NavEntry, location: string): boolean {
  if (entry.also?.test(location)) return true;
  if (entry.href === '/') return location === '/' || location === '';
  if (entry.href === '/campaigns') return location === '/campaigns';
  return location === entry.href || location.startsWith(`${entry.href}/`);
}
