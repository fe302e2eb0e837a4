import { expect, it } from 'vitest';
import type { LedgerEvent } from '../../mta/index.ts';
import { Recorder } from './recorder.ts';

const event = (deliveryId: number): LedgerEvent => ({
  kind: 'opened',
  at: 0,
  jobId: 1,
  deliveryId,
  subscriberId: 1,
  listId: 1,
  link: -1,
  ip: '',
  userAgent: '',
});

function spool(): { groups: number[][]; recordEvents(events: LedgerEvent[]): number } {
  const groups: number[][] = [];
  return {
    groups,
    recordEvents(events) {
      groups.push(events.map(({ deliveryId }) => deliveryId));
      return groups.length;
    },
  };
}

it('writes what comes together in one commit, and answers after it', async () => {
  const sink = spool();
  const recorder = new Recorder({ spool: sink });
  const answers = [1, 2, 3].map((id) => recorder.record(event(id)));
  expect(sink.groups).toEqual([]);
  await Promise.all(answers);
  expect(sink.groups).toEqual([[1, 2, 3]]);
});

it('does not wait when a group is full', async () => {
  const sink = spool();
  const recorder = new Recorder({ spool: sink, size: 2, delay: 60_000 });
  await Promise.all([recorder.record(event(1)), recorder.record(event(2))]);
  const third = recorder.record(event(3));
  expect(sink.groups).toEqual([[1, 2]]);
  recorder.flush();
  await third;
  expect(sink.groups).toEqual([[1, 2], [3]]);
});

it('tells everybody of a group that could not be written, and goes on', async () => {
  let broken = true;
  const sink = spool();
  const recorder = new Recorder({
    spool: {
      recordEvents(events) {
        if (broken) throw new Error('disk full');
        return sink.recordEvents(events);
      },
    },
  });
  const answers = await Promise.allSettled([recorder.record(event(1)), recorder.record(event(2))]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  broken = false;
  await recorder.record(event(3));
  expect(sink.groups).toEqual([[3]]);
});
