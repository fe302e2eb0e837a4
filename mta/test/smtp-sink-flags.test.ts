/**
 * Every fault flag of Postfix's smtp-sink against the whole MTA: each flag is a relay of its own behind one MTA process, so that
 * the table also shows that no faulty site costs another anything.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LedgerRow, Route } from '../types.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';
import { type SmtpSink, startSmtpSink } from './smtp-sink.ts';

/** 'site': the connection is never of use, so one mail bears witness and the others wait untouched. */
type Fate = 'delivered' | 'bounced' | 'deferred' | 'site';
interface Case {
  /** as smtp-sink takes them */
  args: string[];
  fate: Fate;
  row?: Partial<LedgerRow>;
}

const flag = (name: string, command: string, fate: Fate, row: Partial<LedgerRow> = {}): Case => ({
  args: [name, command],
  fate,
  row,
});

const LOST = { reason: 'network', status: '4.4.2', code: 0 } as const;
const CASES: Case[] = [
  { args: [], fate: 'delivered' },
  // -q: the connection ends without a reply
  flag('-q', 'CONNECT', 'site', { phase: 'banner', code: 0 }),
  flag('-q', 'EHLO', 'site', { phase: 'ehlo', code: 0 }),
  flag('-q', 'MAIL', 'deferred', { phase: 'mail', ...LOST }),
  flag('-q', 'RCPT', 'deferred', { phase: 'rcpt', ...LOST }),
  flag('-q', 'DATA', 'deferred', { phase: 'data', ...LOST }),
  flag('-q', '.', 'deferred', { phase: 'dot', ...LOST, reply: expect.stringContaining('twice') }),
  flag('-q', 'RSET', 'delivered'),
  flag('-q', 'QUIT', 'delivered'),
  // -Q: 421, then the end
  flag('-Q', 'CONNECT', 'site', { phase: 'banner', code: 421 }),
  flag('-Q', 'EHLO', 'site', { phase: 'ehlo', code: 421 }),
  flag('-Q', 'MAIL', 'deferred', { phase: 'mail', code: 421 }),
  flag('-Q', 'RCPT', 'deferred', { phase: 'rcpt', code: 421 }),
  flag('-Q', 'DATA', 'deferred', { phase: 'data', code: 421 }),
  flag('-Q', '.', 'deferred', { phase: 'dot', code: 421 }),
  flag('-Q', 'QUIT', 'delivered'),
  // -r: 450
  flag('-r', 'CONNECT', 'site', { phase: 'banner', code: 450 }),
  flag('-r', 'EHLO', 'site', { phase: 'ehlo', code: 450 }),
  flag('-r', 'MAIL', 'deferred', { phase: 'mail', code: 450, status: '4.3.0' }),
  flag('-r', 'RCPT', 'deferred', { phase: 'rcpt', code: 450, status: '4.3.0' }),
  flag('-r', 'DATA', 'deferred', { phase: 'data', code: 450, status: '4.3.0' }),
  flag('-r', '.', 'deferred', { phase: 'dot', code: 450, status: '4.3.0' }),
  flag('-r', 'QUIT', 'delivered'),
  // -f: 500. Before MAIL it says nothing of the mail; a refused EHLO is followed by HELO.
  flag('-f', 'CONNECT', 'site', { phase: 'banner', code: 500 }),
  flag('-f', 'EHLO', 'delivered'),
  flag('-f', 'EHLO HELO', 'site', { phase: 'ehlo', code: 500 }),
  flag('-f', 'MAIL', 'bounced', { phase: 'mail', code: 500, status: '5.3.0' }),
  flag('-f', 'RCPT', 'bounced', { phase: 'rcpt', code: 500, status: '5.3.0' }),
  flag('-f', 'DATA', 'bounced', { phase: 'data', code: 500, status: '5.3.0' }),
  flag('-f', '.', 'bounced', { phase: 'dot', code: 500, status: '5.3.0' }),
  flag('-f', 'RSET', 'delivered'),
  flag('-f', 'QUIT', 'delivered'),
  // -W, -w, -H: slow, and within every timeout. With -p, as a -W that waits answers the pipelined commands behind it first.
  { args: ['-W', 'EHLO:1', '-p'], fate: 'delivered' },
  { args: ['-W', 'MAIL:1', '-p'], fate: 'delivered' },
  { args: ['-W', 'RCPT:1:50', '-p'], fate: 'delivered' },
  { args: ['-W', 'DATA:1', '-p'], fate: 'delivered' },
  { args: ['-W', '.:1', '-p'], fate: 'delivered' },
  { args: ['-W', 'QUIT:1', '-p'], fate: 'delivered' },
  flag('-w', '1', 'delivered'),
  flag('-H', '1', 'delivered'),
  // extensions that are not offered
  { args: ['-8'], fate: 'delivered' },
  { args: ['-e'], fate: 'delivered' },
  { args: ['-E'], fate: 'delivered' },
  { args: ['-p'], fate: 'delivered' },
  { args: ['-N'], fate: 'delivered' },
  { args: ['-P'], fate: 'delivered' },
  { args: ['-8', '-e', '-p', '-N'], fate: 'delivered' },
  // its own words instead of 450 and 500
  {
    args: ['-f', 'RCPT', '-B', '550 5.1.1 User unknown'],
    fate: 'bounced',
    row: { phase: 'rcpt', code: 550, status: '5.1.1', reason: 'unknown-user' },
  },
  {
    args: ['-r', '.', '-b', '452 4.3.1 Insufficient system storage'],
    fate: 'deferred',
    row: { phase: 'dot', code: 452, status: '4.3.1', reason: 'system-full' },
  },
  // -A 0: 550 before the message has come, and nothing more is read
  flag('-A', '0', 'bounced', { phase: 'dot', code: 550 }),
];

const domainOf = (index: number): string => `f${index}.example.com`;
/** Where each mail costs a connection they come slower and slower: two are enough. */
const countOf = ({ args, fate }: Case): number => {
  if (fate === 'site') return 3;
  return (fate === 'deferred' && /^-[qQ]$/.test(args[0]!)) || /^-[WwHA]$/.test(args[0] ?? '') ? 2 : 20;
};

let sinks: SmtpSink[] = [];
let mta: MtaHarness;
let jobs: number[] = [];

beforeAll(async () => {
  sinks = await Promise.all(CASES.map(({ args }) => startSmtpSink(args)));
  const routes: Route[] = sinks.map(({ port }, index) => ({
    id: index + 1,
    match: domainOf(index),
    relay: [{ host: '127.0.0.1', port, tls: 'none' }],
  }));
  mta = await startMta({ routes, retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 } });
  jobs = CASES.map((each, index) =>
    mta.send(Array.from({ length: countOf(each) }, (_, n) => `p${n}@${domainOf(index)}`)),
  );
});
afterAll(async () => {
  await mta.close();
  await Promise.all(sinks.map((sink) => sink.stop()));
});

describe('smtp-sink', () => {
  it.each(CASES.map((each, index) => [each.args.join(' ') || 'without a fault', each.fate, index] as const))(
    '%s: %s',
    async (_, fate, index) => {
      const { row = {} } = CASES[index]!;
      const count = countOf(CASES[index]!);
      const job = jobs[index]!;
      const tried = fate === 'site' ? 1 : count;
      await mta.until(() => mta.ledger(job).length >= tried);
      if (fate === 'site')
        await mta.until(() => {
          const line = mta.status?.lines.find(({ domain }) => domain === domainOf(index));
          return line !== undefined && line.inFlight === 0 && line.connections === 0;
        });
      const rows = mta.ledger(job);
      expect(rows).toHaveLength(tried);
      expect(new Set(rows.map(({ recipient }) => recipient)).size).toBe(tried);
      const kind = fate === 'site' ? 'deferred' : fate;
      for (const each of rows) expect(each).toMatchObject({ kind, attempt: 1, ...row });
      const final = kind === 'deferred' ? 0 : count;
      expect(mta.spool.job(job)).toMatchObject({
        enqueued: count,
        settled: final,
        delivered: fate === 'delivered' ? count : 0,
        bounced: fate === 'bounced' ? count : 0,
      });
    },
  );
});
