/** Why a group's mail gets no connection, by its name: one lane in every state that it can be in. */
import { describe, expect, it } from 'vitest';
import { Brake, Cap } from '../queue/cap.ts';
import type { Courier } from '../queue/courier.ts';
import type { SiteSpec } from '../queue/destinations.ts';
import type { Lane } from '../queue/lane.ts';
import type { Line } from '../queue/line.ts';
import { Relays } from '../queue/relays.ts';
import { Site } from '../queue/site.ts';
import { Throughput } from '../queue/throughput.ts';
import { decideTls } from '../routing/tls-policy.ts';
import type { WarmUpCounter } from '../routing/warm-up.ts';
import { createProfiles } from '../shaping/profiles.ts';
import type { LaneThrottle } from '../shaping/throttles.ts';
import type { WaitReason } from '../types.ts';

const DOCOMO = createProfiles().named('docomo')!;
const NOON = Date.UTC(2026, 0, 15, 3, 0, 0);
const QUARTER_PAST = NOON + 15 * 60_000;

interface Setting {
  source?: { failed?: boolean; paused?: boolean };
  throttle?: Partial<LaneThrottle>;
  warmUpFull?: boolean;
  /** connections: open and being opened */
  open?: number;
  opening?: number;
  /** of the lane, and of the provider with the connections that it has elsewhere */
  limit?: number;
  cap?: [limit: number, elsewhere: number];
  /** connections of the source to the provider's other sites */
  elsewhere?: number;
  allowed?: number;
  /** what has happened */
  before?(lane: Lane, line: Line): void;
  spec?: Partial<SiteSpec>;
  wall?: number;
}

const NO_LIMITS = { perMinute: undefined, connections: undefined };
const courier = (opening: boolean): Courier => ({ opening }) as Courier;

function blockOf(setting: Setting, urgent: boolean): WaitReason | undefined {
  const cap = setting.cap && new Cap('provider-limit', setting.cap[0], undefined);
  for (let n = 0; n < (setting.cap?.[1] ?? 0); n += 1) cap!.couriers.add(courier(false));
  const brake = new Brake();
  for (let n = 0; n < (setting.elsewhere ?? 0); n += 1) brake.couriers.add(courier(false));
  const relays = new Relays();
  relays.apply([{ id: 1, match: '*', relay: [{ host: 'a', port: 25 }] }]);
  for (const relay of relays) relay.failed('ECONNREFUSED');
  const site = new Site(
    {
      key: 'mx:a',
      routeId: undefined,
      profile: DOCOMO,
      hosts: async () => [],
      connections: setting.limit ?? 10,
      ratePerSecond: undefined,
      newConnectionsPerMinute: undefined,
      ...setting.spec,
    },
    {
      limits: () => ({
        cap,
        brake,
        warming: setting.warmUpFull ? ({ full: true, carrying: 0 } as WarmUpCounter) : undefined,
      }),
      throttle: () => {},
      relays: (id) => relays.of(id),
    },
  );
  const source = {
    address: '10.0.0.1',
    ehlo: 'a.test',
    failed: false,
    paused: false,
    throughput: new Throughput(),
    ...setting.source,
  };
  const tls = decideTls({ domain: 'a.test', rules: [] });
  site.group({ key: '1', sources: [{ source, weight: 1 }] }, tls);
  const lane = site.lane('10.0.0.1')!;
  const line = lane.line(tls);
  const wall = setting.wall ?? QUARTER_PAST;
  if (setting.throttle)
    lane.throttled(
      { suspendedUntil: 0, ...NO_LIMITS, together: NO_LIMITS, causes: [], ...setting.throttle },
      wall,
    );
  if (setting.allowed !== undefined) lane.allowed = setting.allowed;
  for (let n = 0; n < (setting.open ?? 0); n += 1) lane.add(courier(false));
  for (let n = 0; n < (setting.opening ?? 0); n += 1) lane.add(courier(true));
  for (const each of lane.couriers) for (const shared of lane.caps) shared.couriers.add(each);
  setting.before?.(lane, line);
  return lane.block(line, urgent, performance.now(), wall);
}

const table: [string, Setting, bulk: WaitReason | undefined, urgent: WaitReason | undefined][] = [
  ['nothing', {}, undefined, undefined],
  ['a source that cannot be bound', { source: { failed: true } }, 'source-failed', 'source-failed'],
  ['an operator’s pause', { source: { paused: true } }, 'paused-by-operator', 'paused-by-operator'],
  ['a back-off', { throttle: { suspendedUntil: QUARTER_PAST + 1 } }, 'suspended', 'suspended'],
  ['a back-off that is over', { throttle: { suspendedUntil: QUARTER_PAST } }, undefined, undefined],
  ['servers that do not answer', { before: (lane) => lane.died(1000) }, 'site-dead', 'site-dead'],
  [
    'relays that do not answer',
    { spec: { routeId: 1 }, before: (lane) => lane.died(1000) },
    'relay-down',
    'relay-down',
  ],
  ['TLS that cannot be had', { before: (lane, line) => lane.lineDied(line, 1000) }, 'tls-unmet', 'tls-unmet'],
  [
    'other mail’s TLS that cannot be had',
    {
      before: (lane) =>
        lane.lineDied(
          lane.line(decideTls({ domain: 'b.test', rules: [{ match: '*', mode: 'verified' }] })),
          1000,
        ),
    },
    undefined,
    undefined,
  ],
  [
    'servers that are tried again by order',
    {
      before: (lane) => {
        lane.died(1000);
        lane.revive();
      },
    },
    undefined,
    undefined,
  ],
  ['a warm-up’s day', { warmUpFull: true }, 'warm-up', 'warm-up'],
  ['the full hour', { wall: NOON }, 'quiet-minutes', undefined],
  ['two minutes before the hour', { wall: NOON - 119_000 }, 'quiet-minutes', undefined],
  ['servers that have not answered yet', { opening: 1 }, 'connecting', 'connecting'],
  ['one more being opened', { open: 2, opening: 1, allowed: 9 }, undefined, undefined],
  ['two more being opened', { open: 2, opening: 2, allowed: 9 }, 'connecting', 'connecting'],
  ['what was earned', { open: 2 }, 'connection-limit', undefined],
  ['all but one', { open: 2, limit: 3, allowed: 3 }, 'reserved', undefined],
  ['all', { open: 3, limit: 3, allowed: 3 }, 'connection-limit', 'connection-limit'],
  ['the only one', { open: 1, limit: 1 }, 'connection-limit', 'connection-limit'],
  [
    'a back-off’s one connection',
    { open: 1, allowed: 5, throttle: { connections: 1 } },
    'connection-limit',
    'connection-limit',
  ],
  [
    'a back-off’s one connection for all the provider’s sites',
    { elsewhere: 1, throttle: { connections: 1, together: { ...NO_LIMITS, connections: 1 } } },
    'connection-limit',
    'connection-limit',
  ],
  ['connections to the provider’s other sites, without a back-off', { elsewhere: 9 }, undefined, undefined],
  [
    'a slower rate for all the provider’s sites, of which another has had its mail',
    {
      open: 1,
      allowed: 5,
      throttle: { together: { ...NO_LIMITS, perMinute: 1 } },
      before: (lane) => lane.brake!.rate.take(performance.now()),
    },
    'slowed',
    'slowed',
  ],
  [
    'a slower rate, before a connection that would only wait',
    { throttle: { perMinute: 1 } },
    'slowed',
    'slowed',
  ],
  ['all but one of the provider’s', { cap: [3, 2] }, 'reserved', undefined],
  ['all of the provider’s', { cap: [3, 3] }, 'provider-limit', 'provider-limit'],
  ['the provider’s only one', { cap: [1, 0] }, undefined, undefined],
  [
    'a connection that was refused',
    { open: 1, allowed: 5, before: (lane) => lane.pauseConnecting() },
    'connection-limit',
    'connection-limit',
  ],
  ['connections that were of no use', { before: (lane) => lane.wasFruitless() }, 'site-dead', 'site-dead'],
  [
    'new connections a minute',
    { spec: { newConnectionsPerMinute: 1 }, before: (lane) => lane.countConnect(performance.now()) },
    'connect-rate',
    'connect-rate',
  ],
  [
    'the rate',
    {
      open: 1,
      allowed: 5,
      spec: { ratePerSecond: 0.01 },
      before: (lane) => lane.countMail(performance.now()),
    },
    'rate-limit',
    'rate-limit',
  ],
  ['a slower rate', { open: 1, allowed: 5, throttle: { perMinute: 1 } }, 'slowed', 'slowed'],
];

describe('bulk mail and urgent mail are held by', () => {
  it.each(table)('%s', (_, setting, bulk, urgent) => {
    expect([blockOf(setting, false), blockOf(setting, true)]).toEqual([bulk, urgent]);
  });
});
