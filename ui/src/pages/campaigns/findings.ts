import type { Finding } from '../../../../server/campaigns/schemas.ts';

/** Places of a starter that nobody filled in: one finding for all, naming the first ones. */
export function blankFindings(blanks: readonly string[]): Finding[] {
  const unique = [...new Set(blanks)];
  if (unique.length === 0) return [];
  const value = unique.slice(0, 3).join(' ') + (unique.length > 3 ? ' …' : '');
  return [
    {
      code: 'blank-left',
      level: 'warning',
      pointer: '/html',
      message: `Places to fill in are left: ${value}`,
      overridable: false,
      value,
    },
  ];
}
