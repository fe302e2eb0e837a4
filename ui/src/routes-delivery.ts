/**
 * Screens of sending: campaigns, reports, ledger, single messages, queues, IP pools, shaping, TLS, sandbox, sending domains, routes.
 * Order matters where two patterns match: the report is no step of the sending path.
 */
import type { LoadPage } from './routes.ts';

export const deliveryPages: Record<string, LoadPage> = {
  '/campaigns': () => import('./pages/campaigns/Campaigns.svelte'),
  '/campaigns/:id/report': () => import('./pages/report/Report.svelte'),
  '/campaigns/:id/:step?': () => import('./pages/campaigns/CampaignPath.svelte'),
  '/reports': () => import('./pages/report/Reports.svelte'),
  '/deliveries': () => import('./pages/deliveries/Deliveries.svelte'),
  '/messages': () => import('./pages/messages/Messages.svelte'),
  '/messages/:id': () => import('./pages/messages/MessagePage.svelte'),
  '/queues': () => import('./pages/queues/QueuesPage.svelte'),
  '/ip-pools': () => import('./pages/ip-pools/IpPools.svelte'),
  '/shaping': () => import('./pages/shaping/Shaping.svelte'),
  '/shaping/:provider': () => import('./pages/shaping/ProviderPage.svelte'),
  '/tls': () => import('./pages/tls/TlsPage.svelte'),
  '/sandbox/:id?': () => import('./pages/sandbox/Sandbox.svelte'),
  '/sending-domains': () => import('./pages/sending-domains/SendingDomains.svelte'),
  '/sending-domains/:id': () => import('./pages/sending-domains/SendingDomainPage.svelte'),
  '/routes': () => import('./pages/routes/Routes.svelte'),
};
