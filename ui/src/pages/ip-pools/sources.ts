/** What the IP pool screen works out: shares, plans as text, and what a form sends. Pure. */

/** DELIVERY.md's; a test holds it against the MTA's own. */
export const STANDARD_PLAN: readonly number[] = [
  50, 100, 250, 500, 1000, 2500, 5000, 7500, 10_000, 15_000, 20_000, 30_000, 40_000, 55_000, 70_000, 100_000,
];

/** A source's share of its pool's mail, 0…1. */
export function share(weight: number | null, weights: readonly (number | null)[]): number {
  const all = weights.reduce<number>((sum, w) => sum + Math.max(w ?? 0, 0), 0);
  return all > 0 ? Math.max(weight ?? 0, 0) / all : 0;
}

/** The pools that an address is in. */
export const poolsOf = <T extends { sources: readonly { address: string }[] }>(
  address: string,
  pools: readonly T[],
): T[] => pools.filter(({ sources }) => sources.some((source) => source.address === address));

/** `50, 100 250` → [50, 100, 250]; '' → null (the standard plan); undefined: it cannot be read. Full-width digits are digits. */
export function readPlan(text: string): number[] | null | undefined {
  const plain = text.normalize('NFKC').trim();
  if (plain === '') return null;
  const parts = plain.split(/[\s,、→]+/).filter(Boolean);
  const plan = parts.map(Number);
  return plan.every((n) => Number.isInteger(n) && n >= 1 && n <= 100_000_000) && plan.length <= 100
    ? plan
    : undefined;
}
export const planText = (plan: readonly number[]): string => plan.join(', ');

export interface SourceFields {
  address: string;
  ehlo: string;
  weight: number | null;
  warming: boolean;
  /** own plan as text, '' for the standard one */
  plan: string;
}
interface Known {
  address: string;
  ehlo: string;
  weight: number;
  warmUp: { plan: number[]; ownPlan: boolean } | null;
}

export const blankSource = (): SourceFields => ({
  address: '',
  ehlo: '',
  weight: 1,
  warming: true,
  plan: '',
});
export const fieldsOf = (source: Known): SourceFields => ({
  address: source.address,
  ehlo: source.ehlo,
  weight: source.weight,
  warming: source.warmUp !== null,
  plan: source.warmUp?.ownPlan ? planText(source.warmUp.plan) : '',
});

/** As the API wants it. A warm-up under way goes on: only a changed plan is sent, never a new start. */
export function inputOf(fields: SourceFields, known: Known | undefined) {
  const plan = readPlan(fields.plan) ?? null;
  const same =
    known?.warmUp != null &&
    (known.warmUp.ownPlan ? planText(known.warmUp.plan) : '') === planText(plan ?? []);
  return {
    address: fields.address.trim(),
    ehlo: fields.ehlo.trim(),
    weight: fields.weight || 1,
    warmUp: !fields.warming ? false : same || (plan === null && known?.warmUp == null) ? true : { plan },
  };
}
