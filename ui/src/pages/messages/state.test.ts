import { describe, expect, it } from 'vitest';
import type { MessageState } from '../../../../server/messages/schemas.ts';
import { countStates, isWaiting } from './state.ts';

const message = (...states: MessageState[]) => ({
  recipients: states.map((state, n) => ({ address: `p${n}@example.jp`, state })),
});

describe('a message', () => {
  it.each<[MessageState[], boolean]>([
    [['delivered'], false],
    [['delivered', 'deferred'], true],
    [['scheduled'], true],
    [['queued'], true],
    [['bounced', 'suppressed', 'cancelled'], false],
  ])('with %j may still be stopped: %s', (states, expected) => {
    expect(isWaiting(message(...states))).toBe(expected);
  });

  it('says first what needs a look', () => {
    expect(countStates(message('delivered', 'bounced', 'delivered', 'queued'))).toEqual([
      { state: 'bounced', count: 1 },
      { state: 'queued', count: 1 },
      { state: 'delivered', count: 2 },
    ]);
  });
});
