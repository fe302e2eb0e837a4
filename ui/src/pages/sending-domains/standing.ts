import type { SendingDomain } from '../../../../server/delivery/sending-domain-schemas.ts';

/** How far a domain is: `ready` when every record that providers demand is right. */
export function standing(domain: SendingDomain): {
  kind: 'ready' | 'attention' | 'unchecked';
  ok: number;
  all: number;
} {
  const ok = domain.records.filter((record) => record.state === 'ok').length;
  const all = domain.records.length;
  if (!domain.checkedAt) return { kind: 'unchecked', ok, all };
  const ready = domain.records.every((record) => record.state === 'ok' || !record.required);
  return { kind: ready ? 'ready' : 'attention', ok, all };
}
