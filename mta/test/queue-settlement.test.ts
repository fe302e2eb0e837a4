import { describe, expect, it } from 'vitest';
import { DEFAULT_RETRY } from '../queue/retry.ts';
import { type SettlementInput, settlementOf, synthetic } from '../queue/settlement.ts';

const CREATED = 1_000_000;
const HOUR = 3_600_000;

function input(overrides: Partial<SettlementInput>): SettlementInput {
  return {
    // biome-ignore lint/suspicious/noExplicitAny: of the job only the id counts here
    bucket: { id: 3, job: { id: 7 } as any, domain: 'example.com', provider: 'generic' },
    row: {
      id: 11,
      bucketId: 3,
      attempts: 0,
      createdAt: CREATED,
      subscriberId: 5,
      listId: 2,
      address: 'taro@example.com',
      merge: '{}',
    },
    verdict: synthetic('deferred', 'network', '4.4.1', 'no answer'),
    retry: DEFAULT_RETRY,
    now: CREATED,
    random: 0.5,
    ...overrides,
  };
}
const row = (overrides: Partial<SettlementInput>) => settlementOf(input(overrides)).row;

describe('a settlement', () => {
  it('of a deferral has its next time by the retry schedule', () => {
    expect(settlementOf(input({}))).toMatchObject({
      retryAt: CREATED + 15 * 60_000,
      attempts: 0,
      row: { kind: 'deferred', attempt: 1 },
    });
    const third = { ...input({}).row, attempts: 2 };
    expect(settlementOf(input({ row: third }))).toMatchObject({
      retryAt: CREATED + HOUR,
      attempts: 2,
      row: { attempt: 3 },
    });
  });

  it('of a deferral after the mail’s time is a bounce that says what came last', () => {
    expect(row({ now: CREATED + 72 * HOUR })).toMatchObject({
      kind: 'bounced',
      reason: 'expired',
      status: '4.4.7',
      reply: 'Given up after 1 attempts; the last: no answer',
    });
  });

  it('of a delivery keeps what the server said and over which connection', () => {
    const verdict = {
      ...synthetic('delivered', 'other', '2.0.0', '250 2.0.0 Ok'),
      reason: '' as const,
      phase: 'dot' as const,
      code: 250,
      ms: 12,
    };
    expect(
      row({
        verdict,
        where: { mx: 'mx.example.com', sourceIp: '192.0.2.1', tls: 'TLSv1.3 X', tlsPolicy: 'required' },
      }),
    ).toEqual({
      at: CREATED,
      kind: 'delivered',
      jobId: 7,
      deliveryId: 11,
      subscriberId: 5,
      listId: 2,
      recipient: 'taro@example.com',
      domain: 'example.com',
      provider: 'generic',
      attempt: 1,
      code: 250,
      status: '2.0.0',
      reason: '',
      phase: 'dot',
      reply: '250 2.0.0 Ok',
      mx: 'mx.example.com',
      sourceIp: '192.0.2.1',
      tls: 'TLSv1.3 X',
      tlsPolicy: 'required',
      ms: 12,
      link: -1,
      ip: '',
      userAgent: '',
    });
  });

  it('of a mail that was never tried counts no attempt, and of an erased person knows no address', () => {
    const verdict = synthetic('suppressed', 'unsubscribed', '', 'left');
    expect(row({ verdict, erased: true })).toMatchObject({ kind: 'suppressed', attempt: 0, recipient: '' });
  });
});
