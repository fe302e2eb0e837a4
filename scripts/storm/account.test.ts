/** The storm's bookkeeping finds what is wrong: one recipient lost, one sent twice, one counter off by one. */
import { expect, it } from 'vitest';
import { discrepancies, type Evidence, unexplained } from './account.ts';
import type { LedgerLine } from './evidence.ts';
import { makePeople } from './people.ts';
import { KILL_KINDS, planKills } from './plan.ts';
import { seeded } from './random.ts';

const A = 'p0+once-450-4.2.0@d0.example.com';
const B = 'p1+550-5.1.1@d1.example.com';
const C = 'p2+once-take-and-drop@d2.example.com';
const D = 'p3+once-drop-after-dot@d3.example.com';

const line = (recipient: string, attempt: number, kind: string, unanswered = false): LedgerLine => ({
  recipient,
  attempt,
  kind,
  unanswered,
});
const mail = (recipient: string, messageId = `<${recipient}>`) => ({ recipient, messageId });

function good(): Evidence {
  return {
    people: [
      { email: A, ends: 'delivered' },
      { email: B, ends: 'bounced' },
      { email: C, ends: 'delivered' },
      { email: D, ends: 'delivered' },
    ],
    spool: {
      ledger: [
        line(A, 1, 'deferred'),
        line(B, 1, 'bounced'),
        line(C, 1, 'deferred', true),
        line(D, 1, 'deferred', true),
        line(A, 2, 'delivered'),
        line(C, 2, 'delivered'),
        line(D, 2, 'delivered'),
      ],
      queue: 0,
      buckets: { queued: 0, deferred: 0 },
      job: { enqueued: 4, sealed: 1, settled: 4, delivered: 3, bounced: 1, suppressed: 0 },
    },
    taken: [mail(C), mail(A), mail(C), mail(D)],
    inFlight: new Map(),
    report: {
      counts: { recipients: 4, queued: 0, delivered: 3, deferred: 0, bounced: 1, suppressed: 0 },
      byProvider: [{ delivered: 3, deferrals: 3, bounced: 1, suppressed: 0 }],
      overTime: { points: [{ delivered: 3, bounced: 1, deferred: 3 }] },
      bounceReasons: [{ reason: 'unknown-user', count: 1 }],
    },
  };
}

it('finds nothing where ledger, sink and report agree', () => {
  expect(discrepancies(good())).toEqual([]);
});

const spoilt: [what: string, spoil: (evidence: Evidence) => void, found: RegExp][] = [
  ['a verdict is missing', ({ spool }) => spool.ledger.splice(4, 1), /^p0.*lost/],
  ['a verdict came twice', ({ spool }) => spool.ledger.push(line(A, 3, 'delivered')), /^p0.*2 verdicts/],
  ['it ended otherwise', ({ spool }) => (spool.ledger[1]!.kind = 'suppressed'), /^p1.*instead of bounced/],
  ['deferred after the end', ({ spool }) => spool.ledger.push(line(A, 3, 'deferred')), /^p0.*deferred after/],
  ['an attempt is missing', ({ spool }) => spool.ledger.splice(0, 1), /^p0.*is attempt 2/],
  ['delivered to nobody', ({ taken }) => (taken as unknown[]).splice(1, 1), /^p0.*does not have it/],
  ['sent twice', ({ taken }) => (taken as unknown[]).push(mail(A)), /^p0.*taken 2 times, 1 can/],
  [
    'sent again though it was never kept',
    ({ taken }) => (taken as unknown[]).push(mail(D)),
    /^p3.*taken 2 times/,
  ],
  ['taken and refused', ({ taken }) => (taken as unknown[]).push(mail(B)), /^p1.*taken 1 times, 0 can/],
  ['another mail', ({ taken }) => (taken[0]!.messageId = '<other>'), /^p2.*came as/],
  ['a stranger', ({ taken }) => (taken as unknown[]).push(mail('x@example.com')), /^x@.*nobody/],
  ['the job miscounts', ({ spool }) => (spool.job.delivered += 1), /^job: delivered is 4 instead of 3/],
  ['something is left', ({ spool }) => (spool.queue = 1), /^spool: rows of the queue is 1/],
  ['the report miscounts', ({ report }) => (report.counts.bounced = 2), /^report: bounced is 2/],
  [
    'a chart miscounts',
    ({ report }) => (report.overTime.points[0]!.deferred = 4),
    /^report: deferred over time is 4/,
  ],
];
it.each(spoilt)('says that %s', (_, spoil, found) => {
  const evidence = good();
  spoil(evidence);
  expect(discrepancies(evidence).some((said) => found.test(said))).toBe(true);
});

it('allows a second mail to whom a kill has cut off, and to nobody else', () => {
  const evidence = { ...good(), inFlight: new Map([[A, 1]]) };
  (evidence.taken as unknown[]).push(mail(A));
  expect(discrepancies(evidence)).toEqual([]);
  (evidence.taken as unknown[]).push(mail(A));
  expect(discrepancies(evidence)).toHaveLength(1);
});

it('sees what a kill has cut off: in the sink, and in the ledger neither delivered nor without an answer', () => {
  const ledger = [line(A, 1, 'delivered'), line(C, 1, 'deferred', true), line(D, 1, 'deferred', true)];
  const taken = [mail(A), mail(C), mail(B), mail(D)];
  expect(unexplained({ ledger }, taken)).toEqual(
    new Map([
      [B, 1],
      [D, 1],
    ]),
  );
});

it('plans the same storm from the same seed, with all kinds of kills at all times', () => {
  const plan = (seed: number) => planKills(100, seeded(seed));
  expect(plan(1)).toEqual(plan(1));
  expect(plan(1)).not.toEqual(plan(2));
  expect(new Set(plan(1).map(({ kind }) => kind))).toEqual(new Set(KILL_KINDS));
  expect(new Set(plan(1).map(({ when }) => when.what))).toEqual(new Set(['enqueued', 'settled', 'starting']));
  const people = makePeople(1000, seeded(1));
  expect(new Set(people.map(({ email }) => email)).size).toBe(1000);
  expect(people.filter(({ ends }) => ends === 'bounced').length).toBeGreaterThan(10);
});
