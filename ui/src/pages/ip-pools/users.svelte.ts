import type { IpPool } from '../../../../server/delivery/schemas.ts';
import { t } from '../../lib/i18n.svelte.ts';

/** What uses a pool, in words, with the place where that is changed ('': on the pool page itself). */
export const usersOf = ({ usedBy }: IpPool): { text: string; href: string }[] => [
  ...usedBy.classes.map((name) => ({
    text: t('ipPools.usedBy.class', { name: t(`queues.class.${name}`) }),
    href: '',
  })),
  ...usedBy.sendingDomains.map(({ id, domain }) => ({ text: domain, href: `#/sending-domains/${id}` })),
  ...usedBy.campaigns.map(({ id, name }) => ({ text: name, href: `#/campaigns/${id}/send` })),
  ...(usedBy.controls.length > 0
    ? [{ text: t('ipPools.usedBy.reroutes', { n: usedBy.controls.length }), href: '#/queues' }]
    : []),
];
