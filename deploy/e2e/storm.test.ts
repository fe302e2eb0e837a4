/**
 * kill -9 of the MTA, of the server and of both, in a drain and while people are enqueued, with a sink that defers, refuses and disconnects:
 * every recipient is accounted for. `npm run storm -- --kills 100` is the long one.
 */
import { expect, it } from 'vitest';
import { KILL_KINDS } from '../../scripts/storm/plan.ts';
import { storm } from '../../scripts/storm/run.ts';

it('loses nobody and repeats no more than was in flight', { timeout: 240_000 }, async () => {
  const result = await storm({ kills: 6, count: 2500, seed: 29, seconds: 200 });
  expect(result.discrepancies.slice(0, 10)).toEqual([]);
  expect(result).toMatchObject({ kills: 6, recipients: 2500 });
  expect(result.delivered + result.bounced).toBe(2500);
  expect(result.duplicates).toBeLessThanOrEqual(result.inFlight);
  // The sink did all that it was asked to, and the seed has every kind of kill.
  expect(result.bounced).toBeGreaterThan(0);
  expect(result.deferrals).toBeGreaterThan(0);
  expect(result.repeatedAfterDisconnect).toBeGreaterThan(0);
  for (const kind of KILL_KINDS) expect(result.byKind[kind]).toBeGreaterThan(0);
});
