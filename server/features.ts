/** All features of the product; a test may build the apps with fewer. */
import { importRoutes } from './audience/imports/routes.ts';
import { audienceRoutes } from './audience/routes.ts';
import { campaignRoutes } from './campaigns/routes.ts';
import { deliveryRoutes } from './delivery/routes.ts';
import { sendingDomainRoutes } from './delivery/sending-domain-routes.ts';
import type { Routes } from './deps.ts';
import { messageRoutes, templateRoutes } from './messages/routes.ts';
import { suppressionRoutes } from './suppression/routes.ts';
import { trackingRoutes } from './tracking/routes.ts';
import { webhookRoutes } from './webhooks/routes.ts';

/** on the admin port */
export const features: Routes[] = [
  audienceRoutes,
  importRoutes,
  suppressionRoutes,
  campaignRoutes,
  deliveryRoutes,
  sendingDomainRoutes,
  messageRoutes,
  templateRoutes,
  webhookRoutes,
];
/** on the public port */
export const publicFeatures: Routes[] = [trackingRoutes];
