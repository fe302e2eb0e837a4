import { expect, it } from 'vitest';
import type { Queues } from '../../../../server/delivery/schemas.ts';
import { standingOf, throttlesOf } from './standing.ts';

const throttle = (kind: string, until: string | null, source = '', provider = 'gmail') =>
  ({ kind, until, source, provider }) as Queues['throttles'][number];
const line = (domain: string, waiting: string, queued: number, provider = 'gmail') =>
  ({ domain, waiting, queued, provider }) as Queues['items'][number];
const report = (part: Partial<Queues>) =>
  ({ items: [], providers: [], sites: [], sources: [], throttles: [], ...part }) as unknown as Queues;

it('has nothing to say of a provider that no mail goes to', () => {
  expect(standingOf('gmail', report({ items: [line('a.jp', 'slowed', 3, 'au')] }))).toEqual({
    queued: 0,
    oldestAt: null,
    perSecond: 0,
    connections: 0,
    reasons: [],
    unnamed: 0,
    throttles: [],
    sources: [],
  });
});

it('adds up the mails that wait for the same reason, the most first, and says how many it cannot name', () => {
  const standing = standingOf(
    'gmail',
    report({
      providers: [
        {
          provider: 'gmail',
          queued: 112,
          oldestAt: '2026-11-25T01:00:00Z',
          perSecond: 2.5,
          connections: 4,
        } as Queues['providers'][number],
      ],
      items: [
        line('gmail.com', 'suspended', 40),
        line('googlemail.com', 'warm-up', 50),
        line('a.example.jp', 'suspended', 20),
        line('quiet.example.jp', 'ready', 0),
        line('au.com', 'suspended', 9, 'au'),
      ],
      sites: [
        {
          provider: 'gmail',
          waiting: 'suspended',
          waitingUntil: '2026-11-25T03:00:00Z',
          source: '203.0.113.2',
        },
        {
          provider: 'gmail',
          waiting: 'suspended',
          waitingUntil: '2026-11-25T02:00:00Z',
          source: '203.0.113.1',
        },
        { provider: 'au', waiting: 'suspended', waitingUntil: '2026-11-25T01:00:00Z', source: '203.0.113.9' },
      ] as Queues['sites'],
    }),
  );
  expect(standing.reasons).toEqual([
    { waiting: 'suspended', queued: 60, until: '2026-11-25T02:00:00Z' },
    { waiting: 'warm-up', queued: 50, until: null },
  ]);
  expect(standing).toMatchObject({ queued: 112, unnamed: 2, perSecond: 2.5, connections: 4 });
  expect(standing.sources).toEqual(['203.0.113.1', '203.0.113.2']);
});

it('names the addresses that are held back or warm up, too', () => {
  const sources = [
    { address: '203.0.113.5', warmUps: [{ provider: 'gmail' }] },
    { address: '203.0.113.6', warmUps: [{ provider: 'au' }] },
  ] as Queues['sources'];
  const throttles = [throttle('rate', null, '203.0.113.4'), throttle('sending-domain', null, '')];
  expect(standingOf('gmail', report({ sources, throttles })).sources).toEqual(['203.0.113.4', '203.0.113.5']);
});

it('the hardest back-off comes first, of equals the one that lasts longest', () => {
  const [rate, soon, late, forever, domain] = [
    throttle('rate', null),
    throttle('suspend', '2026-11-25T02:00:00Z'),
    throttle('suspend', '2026-11-25T03:00:00Z'),
    throttle('suspend', null),
    throttle('sending-domain', '2026-11-25T01:00:00Z'),
  ];
  const others = throttle('suspend', null, '', 'au');
  expect(throttlesOf('gmail', [rate!, soon!, forever!, others, late!, domain!])).toEqual([
    domain,
    forever,
    late,
    soon,
    rate,
  ]);
});
