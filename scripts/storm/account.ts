/** Is every recipient accounted for? Pure: what ledger, sink and report say, held against each other one by one. */
import type { Accepted } from '../../mta/test/obedient-peer.ts';
import type { SpoolRecord } from './evidence.ts';
import { isNeverKept, type Person } from './people.ts';

/** of `GET /campaigns/:id/report` */
export interface ReportSeen {
  counts: {
    recipients: number;
    queued: number;
    delivered: number;
    deferred: number;
    bounced: number;
    suppressed: number;
  };
  byProvider: { delivered: number; deferrals: number; bounced: number; suppressed: number }[];
  overTime: { points: { delivered: number; bounced: number; deferred: number }[] };
  bounceReasons: { reason: string; count: number }[];
}

export interface Evidence {
  people: readonly Person[];
  spool: SpoolRecord;
  /** what the sink took, each time */
  taken: readonly Accepted[];
  /** recipient → how often the sink had taken its mail when a kill came and the ledger did not know */
  inFlight: ReadonlyMap<string, number>;
  report: ReportSeen;
}

/** Mails by recipient that the sink has and the ledger can't explain: those that a kill has just cut off. */
export function unexplained(
  spool: Pick<SpoolRecord, 'ledger'>,
  taken: readonly Accepted[],
): Map<string, number> {
  const left = countBy(taken, ({ recipient }) => recipient);
  for (const { recipient, kind, unanswered } of spool.ledger)
    if (kind === 'delivered' || (unanswered && !isNeverKept(recipient)))
      left.set(recipient, (left.get(recipient) ?? 0) - 1);
  for (const [recipient, count] of left) if (count <= 0) left.delete(recipient);
  return left;
}

/** What does not agree, in words; empty: all is well. */
export function discrepancies(evidence: Evidence): string[] {
  return [...recipients(evidence), ...counters(evidence), ...reported(evidence)];
}

function* recipients({ people, spool, taken, inFlight }: Evidence): Generator<string> {
  const lines = Map.groupBy(spool.ledger, ({ recipient }) => recipient);
  const mails = Map.groupBy(taken, ({ recipient }) => recipient);
  for (const { email, ends } of people) {
    const own = lines.get(email) ?? [];
    const seen = mails.get(email) ?? [];
    const finals = own.filter(({ kind }) => kind !== 'deferred');
    if (finals.length === 0) yield `${email}: lost, the ledger has no verdict`;
    else if (finals.length > 1)
      yield `${email}: ${finals.length} verdicts (${finals.map(({ kind }) => kind).join(', ')})`;
    else if (finals[0]!.kind !== ends) yield `${email}: ${finals[0]!.kind} instead of ${ends}`;
    if (own.at(-1) !== finals.at(-1)) yield `${email}: deferred after its verdict`;
    for (const [index, { attempt }] of own.entries())
      if (attempt !== index + 1) yield `${email}: line ${index + 1} of the ledger is attempt ${attempt}`;

    const delivered = finals.filter(({ kind }) => kind === 'delivered').length;
    const unanswered = own.filter((line) => line.unanswered && !isNeverKept(email)).length;
    const cut = inFlight.get(email) ?? 0;
    if (delivered > seen.length) yield `${email}: delivered, and the sink does not have it`;
    // What was unanswered may have been taken or not; everything else is exact.
    const most = delivered + cut + unanswered;
    if (seen.length > most) yield `${email}: taken ${seen.length} times, ${most} can be explained`;
    const ids = new Set(seen.map(({ messageId }) => messageId));
    if (ids.size > 1 || ids.has('')) yield `${email}: came as ${[...ids].join(' and ')}`;
  }
  const known = new Set(people.map(({ email }) => email));
  for (const email of new Set([...lines.keys(), ...mails.keys()]))
    if (!known.has(email)) yield `${email}: nobody was to write to it`;
}

function* counters({ people, spool }: Evidence): Generator<string> {
  const { job, queue, buckets, ledger } = spool;
  const kinds = countBy(ledger, ({ kind }) => kind);
  const of = (kind: string): number => kinds.get(kind) ?? 0;
  yield* compare('job', [
    ['sealed', job.sealed, 1],
    ['enqueued', job.enqueued, people.length],
    ['settled', job.settled, of('delivered') + of('bounced') + of('suppressed')],
    ['delivered', job.delivered, of('delivered')],
    ['bounced', job.bounced, of('bounced')],
    ['suppressed', job.suppressed, of('suppressed')],
  ]);
  yield* compare('spool', [
    ['rows of the queue', queue, 0],
    ['bucket.queued', buckets.queued, 0],
    ['bucket.deferred', buckets.deferred, 0],
  ]);
}

function* reported({ people, spool, report }: Evidence): Generator<string> {
  const kinds = countBy(spool.ledger, ({ kind }) => kind);
  const of = (kind: string): number => kinds.get(kind) ?? 0;
  const sum = <T>(rows: readonly T[], value: (row: T) => number): number =>
    rows.reduce((total, row) => total + value(row), 0);
  yield* compare('report', [
    ['recipients', report.counts.recipients, people.length],
    ['queued', report.counts.queued, 0],
    ['deferred', report.counts.deferred, 0],
    ['delivered', report.counts.delivered, of('delivered')],
    ['bounced', report.counts.bounced, of('bounced')],
    ['suppressed', report.counts.suppressed, of('suppressed')],
    ['delivered by provider', sum(report.byProvider, (row) => row.delivered), of('delivered')],
    ['deferrals by provider', sum(report.byProvider, (row) => row.deferrals), of('deferred')],
    ['bounced by provider', sum(report.byProvider, (row) => row.bounced), of('bounced')],
    ['delivered over time', sum(report.overTime.points, (point) => point.delivered), of('delivered')],
    ['deferred over time', sum(report.overTime.points, (point) => point.deferred), of('deferred')],
    ['bounced over time', sum(report.overTime.points, (point) => point.bounced), of('bounced')],
    ['bounces by reason', sum(report.bounceReasons, (row) => row.count), of('bounced')],
  ]);
}

function* compare(
  whose: string,
  values: readonly (readonly [name: string, found: number, expected: number])[],
): Generator<string> {
  for (const [name, found, expected] of values)
    if (found !== expected) yield `${whose}: ${name} is ${found} instead of ${expected}`;
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}
