/** Every screen by its address; each loads when it is opened. The other half is in routes-delivery.ts. */
import type { Component } from 'svelte';
import { wrap } from 'svelte-spa-router/wrap';
import Loading from './frame/Loading.svelte';
import NotFound from './frame/NotFound.svelte';
import { deliveryPages } from './routes-delivery.ts';

/** Each page declares the `params` that its address has. */
export type LoadPage = () => Promise<{ default: Component<never> }>;

const pages: Record<string, LoadPage> = {
  '/': () => import('./pages/home/Home.svelte'),
  '/subscribers': () => import('./pages/subscribers/Subscribers.svelte'),
  '/subscribers/:id': () => import('./pages/subscribers/Subscriber.svelte'),
  '/lists': () => import('./pages/lists/Lists.svelte'),
  '/lists/:id': () => import('./pages/lists/ListPage.svelte'),
  '/attributes': () => import('./pages/attributes/Attributes.svelte'),
  '/imports': () => import('./pages/imports/Imports.svelte'),
  '/imports/new': () => import('./pages/imports/ImportWizard.svelte'),
  '/imports/:id': () => import('./pages/imports/ImportPage.svelte'),
  '/suppressions': () => import('./pages/suppressions/Suppressions.svelte'),
  '/settings': () => import('./pages/settings/SettingsPage.svelte'),
  '/users': () => import('./pages/users/Users.svelte'),
  '/api-keys': () => import('./pages/api-keys/ApiKeys.svelte'),
  '/webhooks': () => import('./pages/webhooks/Webhooks.svelte'),
  '/webhooks/:id': () => import('./pages/webhooks/WebhookPage.svelte'),
  '/audit-log': () => import('./pages/audit-log/AuditLog.svelte'),
  '/profile': () => import('./pages/profile/Profile.svelte'),
  ...deliveryPages,
};

export const routes = {
  ...Object.fromEntries(
    Object.entries(pages).map(([path, load]) => [
      path,
      wrap({ asyncComponent: load as never, loadingComponent: Loading }),
    ]),
  ),
  '*': NotFound,
};
