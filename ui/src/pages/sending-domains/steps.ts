import type { DnsRecord, SendingDomain } from '../../../../server/delivery/sending-domain-schemas.ts';
import { onePiece } from './txt.ts';

/** The order of the guided page. */
export const STEPS = ['dkim', 'spf', 'dmarc', 'return-path', 'reverse-dns'] as const;
export type StepKey = (typeof STEPS)[number];

export interface Step {
  key: StepKey;
  records: DnsRecord[];
  /** records that matter (neither optional nor of a key in preparation), and how many of them are right */
  ok: number;
  all: number;
  /** bad: a required record is not right; warn: a recommended one is not; unchecked: something that matters was never looked at */
  state: 'ok' | 'warn' | 'bad' | 'unchecked';
}

export function stepsOf(domain: SendingDomain): Step[] {
  const pending = domain.dkimKeys.filter(({ state }) => state === 'pending').map(({ id }) => id);
  return STEPS.map((key) => {
    const records = domain.records.filter(({ step }) => step === key);
    // A key that does not sign yet is no fault of the domain's.
    const matter = records.filter(
      ({ level, keyId }) => level !== 'optional' && !(keyId !== null && pending.includes(keyId)),
    );
    const ok = matter.filter(({ state }) => state === 'ok').length;
    return { key, records, ok, all: matter.length, state: stateOf(matter) };
  });
}

function stateOf(records: readonly DnsRecord[]): Step['state'] {
  const wrong = records.filter(({ state }) => state !== 'ok');
  if (wrong.length === 0) return 'ok';
  if (wrong.some(({ required, state }) => required && state !== 'unchecked')) return 'bad';
  if (wrong.some(({ state }) => state === 'unchecked')) return 'unchecked';
  return 'warn';
}

export const STEP_TONES = { ok: 'ok', warn: 'warn', bad: 'bad', unchecked: 'neutral' } as const;

/** A record's tone: what is only recommended is no alarm. */
export function recordTone({
  state,
  level,
}: Pick<DnsRecord, 'state' | 'level'>): 'ok' | 'warn' | 'bad' | 'neutral' {
  if (state === 'ok') return 'ok';
  if (state === 'unchecked' || level === 'optional') return 'neutral';
  return level === 'required' ? 'bad' : 'warn';
}

/** Many registrars want only the part before the domain; `@` stands for the domain itself. */
export function shortName(name: string, domain: string): string {
  const end = `.${domain}`;
  return name === domain ? '@' : name.endsWith(end) ? name.slice(0, -end.length) : name;
}

/** Records that others may have written too: what is there and works must not be replaced by our own value. */
const SHARED: readonly DnsRecord['purpose'][] = ['spf', 'return-path-spf', 'dmarc', 'from-address'];

/**
 * What should stand there. `merged`: what is there with ours added, so that nothing is lost; `published`: what is there is
 * right; `own`: our value as it is.
 */
export function valueToPublish(record: DnsRecord): { kind: 'own' | 'merged' | 'published'; value: string } {
  const suggestion = record.advice.find(({ values }) => values.suggestion)?.values.suggestion;
  if (suggestion) return { kind: 'merged', value: suggestion };
  const elsewhere = record.advice.some(({ code }) => code === 'dmarc-inherited');
  if (record.state === 'ok' && SHARED.includes(record.purpose) && !elsewhere)
    return { kind: 'published', value: record.found.join(', ') };
  return { kind: 'own', value: onePiece(record.value) };
}
