/** How the queue screen calls things. */
import { hasText, label, number, t } from '../../lib/i18n.svelte.ts';
import { readSite, SANDBOX_ROUTE } from './standing.ts';
import type { Control, Relay, Throttle } from './types.ts';

/** The dictionary's name; `own` is for those that an administrator added. */
export function providerName(provider: string, own?: string): string {
  return hasText(`deliveries.provider.${provider}`)
    ? label('deliveries.provider', provider)
    : own || provider;
}

export function siteName(key: string, relays: readonly Relay[] = []): string {
  const site = readSite(key);
  if ('routeId' in site) {
    if (site.routeId === SANDBOX_ROUTE) return t('mode.sandbox');
    const match = relays.find(({ routeId }) => routeId === site.routeId)?.match;
    return t('queues.route', { match: match || `#${site.routeId}` });
  }
  const [first, ...rest] = site.hosts;
  if (!first) return key;
  return rest.length === 0 ? first : `${first} ${t('queues.hosts', { n: rest.length })}`;
}

export const sourceName = (address: string): string => address || t('queues.systemSource');

/** What an order is about, in words. */
export function orderScope(control: Control, relays: readonly Relay[]): string {
  const value =
    control.scope === 'campaign'
      ? (control.campaignName ?? `#${control.campaignId}`)
      : control.scope === 'site'
        ? siteName(control.value, relays)
        : control.scope === 'provider'
          ? providerName(control.value)
          : control.value;
  return label('queues.orders.scope', control.scope, { value });
}

export function orderWay(control: Control): string {
  if (control.action !== 'reroute') return '';
  const name = control.targetName ?? `#${control.routeId ?? control.poolId}`;
  return control.routeId === null
    ? t('queues.orders.toPool', { name })
    : t('queues.orders.toRoute', { name });
}

/** Where a back-off holds. */
export function throttlePlace(throttle: Throttle, relays: readonly Relay[]): string {
  if (throttle.kind === 'sending-domain')
    return t('queues.throttle.domain', {
      domain: throttle.sendingDomain,
      provider: providerName(throttle.provider),
    });
  if (throttle.site === '')
    return t('queues.throttle.allSites', { provider: providerName(throttle.provider) });
  return siteName(throttle.site, relays);
}

/** `速度を制限: 1 分に 10 通まで` */
export function throttleText(throttle: Throttle): string {
  const parts = [
    throttle.perMinute !== null && t('queues.throttle.rate', { n: number(throttle.perMinute, 1) }),
    throttle.connections !== null && t('queues.throttle.connections', { n: throttle.connections }),
  ].filter(Boolean);
  return parts.join(' · ');
}
