import { describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../../../../server/webhooks/events.ts';
import { EVENTS, hostOf, linesOf, stateOf } from './state.ts';

describe('a webhook on the screen', () => {
  it.each([
    [{ disabledReason: null, failingSince: null }, 'ok'],
    [{ disabledReason: null, failingSince: '2026-11-25T00:00:00Z' }, 'failing'],
    [{ disabledReason: 'person', failingSince: '2026-11-25T00:00:00Z' }, 'person'],
    [{ disabledReason: 'gone', failingSince: null }, 'gone'],
    [{ disabledReason: 'failing', failingSince: '2026-11-25T00:00:00Z' }, 'failed'],
  ] as const)('%j is %s', (hook, state) => {
    expect(stateOf(hook)).toBe(state);
  });

  it('can be given every type of event', () => {
    expect([...EVENTS].sort()).toEqual([...EVENT_TYPES].sort());
  });

  it.each([
    ['https://crm.example.jp/hooks?key=1', 'crm.example.jp'],
    ['http://10.0.0.1:8080/', '10.0.0.1:8080'],
    ['no url', 'no url'],
  ])('%s is called %s', (url, host) => {
    expect(hostOf(url)).toBe(host);
  });

  it('reads one entry a line', () => {
    expect(linesOf(' a.example \r\n\n10.0.0.0/8\n')).toEqual(['a.example', '10.0.0.0/8']);
  });
});
