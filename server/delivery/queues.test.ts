import { describe, expect, it } from 'vitest';
import type { LineStatus } from '../../mta/index.ts';
import { mergeLines } from './queue-view.ts';

const queued = (domain: string, due: number) => ({
  domain,
  class: 'bulk' as const,
  queued: 10,
  due,
  oldestAt: 1000,
  nextAt: 2000,
});
const report: LineStatus = {
  domain: 'docomo.ne.jp',
  provider: 'docomo',
  class: 'bulk',
  waiting: 'rate-limit',
  inFlight: 2,
  connections: 1,
  lastReply: '421 4.7.0 busy',
  lastReplyAt: 1500,
};

describe('queue lines', () => {
  it('lays the live report over the counts of the same domain and class', () => {
    expect(
      mergeLines([queued('docomo.ne.jp', 3)], [report, { ...report, class: 'test', inFlight: 9 }], false),
    ).toEqual([
      {
        ...queued('docomo.ne.jp', 3),
        provider: 'docomo',
        waiting: 'rate-limit',
        inFlight: 2,
        connections: 1,
        lastReply: '421 4.7.0 busy',
        lastReplyAt: 1500,
      },
    ]);
  });

  it.each([
    ['is due', 3, false, 'unknown'],
    ['is not yet due', 0, false, 'unknown'],
    ['may not leave', 3, true, 'stopped'],
  ])('names the reason of a line without a report that %s', (_name, due, stopped, waiting) => {
    expect(mergeLines([queued('example.jp', due)], [report], stopped)).toMatchObject([
      { waiting, inFlight: 0, lastReply: '' },
    ]);
  });

  it.each([
    ['has found', 'yahoo', 'gmail', 'yahoo'],
    ['has not looked up', 'generic', 'gmail', 'gmail'],
    ['knows to be nobody’s', 'generic', '', 'generic'],
    ['has not reported', undefined, 'gmail', 'gmail'],
  ])('names the provider of a domain that the MTA %s', (_name, found, named, provider) => {
    const reports = found === undefined ? [] : [{ ...report, provider: found }];
    expect(mergeLines([queued('docomo.ne.jp', 3)], reports, false, () => named)[0]!.provider).toBe(provider);
  });

  it('shows the emergency stop above any other reason', () => {
    expect(mergeLines([queued('docomo.ne.jp', 3)], [report], true)[0]!.waiting).toBe('stopped');
  });
});
