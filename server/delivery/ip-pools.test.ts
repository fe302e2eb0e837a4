import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WARM_UP_PLAN } from '../../mta/index.ts';
import { type DnsServer, startDnsServer } from '../../mta/test/dns-server.ts';
import { campaigns, ipSources, sendingDomains } from '../db/schema.ts';
import { type DeliveryHarness, sourceWith, startDelivery, statusWith } from '../test/delivery-fixtures.ts';
import { call } from '../testing/harness.ts';

let d: DeliveryHarness;
beforeEach(async () => {
  d = await startDelivery();
});
afterEach(() => d.h.close());

const two = { address: '127.0.0.2', ehlo: 'out2.example.jp' };
const three = { address: '127.0.0.3', ehlo: 'out3.example.jp', weight: 3 };
const make = async (name: string, ...sources: object[]) => {
  const made = await d.post('/ip-pools', { name, sources });
  expect(made.status).toBe(201);
  return made.body;
};
const published = () => d.h.deps.spool.settings()!.pools!;

describe('IP pools', () => {
  it('are made, published to the MTA, shown and audited', async () => {
    const made = await make(' 会員向け ', two, { ...three, ehlo: 'OUT3.example.jp.' });
    expect(made).toMatchObject({
      name: '会員向け',
      sources: [
        { ...two, weight: 1, warmUp: null, live: null },
        { ...three, warmUp: null, live: null },
      ],
      usedBy: { campaigns: [], sendingDomains: [], classes: [], controls: [] },
    });
    expect(published()).toEqual([{ id: made.id, name: '会員向け', sources: [{ ...two, weight: 1 }, three] }]);
    expect(d.audited()).toMatchObject({
      action: 'ip-pool.create',
      target: `ip-pool:${made.id}`,
      detail: { name: '会員向け', sources: [{ ...two, weight: 1 }, three] },
    });
    expect((await d.get('/ip-pools', d.viewer)).body).toEqual({ items: [made], nextCursor: null });
    expect((await d.get(`/ip-pools/${made.id}`, d.viewer)).body).toEqual(made);
    expect((await d.post('/ip-pools', { name: 'x', sources: [two] }, d.viewer)).status).toBe(403);
  });

  it('write an address in one way', async () => {
    const { sources } = await make('six', { address: '[2001:DB8:0::00a]', ehlo: 'a.example.jp' });
    expect(sources[0].address).toBe('2001:db8::a');
  });

  it('show what the MTA says of each source', async () => {
    const { id } = await make('a', two, three);
    const warmUp = {
      source: two.address,
      provider: 'gmail',
      day: '2026-11-24',
      step: 2,
      sent: 200,
      deferred: 3,
      cap: 250,
      held: false,
    };
    d.h.mtaStatus = statusWith({
      sources: [
        sourceWith({ ...two, connections: 4, perSecond: 12.5, warmUps: [warmUp] }),
        sourceWith({ ...three, state: 'failed', error: 'bind EADDRNOTAVAIL 127.0.0.3', since: 5000 }),
      ],
    });
    const { source: _, ...shown } = warmUp;
    expect((await d.get(`/ip-pools/${id}`)).body.sources.map(({ live }: { live: object }) => live)).toEqual([
      {
        state: 'ok',
        error: '',
        since: '1970-01-01T00:00:01.000Z',
        connections: 4,
        perSecond: 12.5,
        warmUps: [shown],
      },
      {
        state: 'failed',
        error: 'bind EADDRNOTAVAIL 127.0.0.3',
        since: '1970-01-01T00:00:05.000Z',
        connections: 0,
        perSecond: 0,
        warmUps: [],
      },
    ]);
  });

  it.each([
    ['no source', { sources: [] }, 400, '/sources', undefined],
    [
      'a host name for an address',
      { sources: [{ ...two, address: 'localhost' }] },
      422,
      '/sources/0/address',
      'localhost',
    ],
    [
      'a short form of an address',
      { sources: [{ ...two, address: '127.1' }] },
      422,
      '/sources/0/address',
      '127.1',
    ],
    ['any address', { sources: [{ ...two, address: '0.0.0.0' }] }, 422, '/sources/0/address', '0.0.0.0'],
    [
      'an IPv4 address as IPv6',
      { sources: [{ ...two, address: '::ffff:127.0.0.2' }] },
      422,
      '/sources/0/address',
      '::ffff:127.0.0.2',
    ],
    [
      'a warm-up that begins in the future',
      { sources: [{ ...two, warmUp: { startedAt: '2099-01-01T00:00:00Z' } }] },
      422,
      '/sources/0/warmUp/startedAt',
      '2099-01-01T00:00:00Z',
    ],
    [
      'an address of an interface',
      { sources: [{ ...two, address: 'fe80::1%eth0' }] },
      422,
      '/sources/0/address',
      'fe80::1%eth0',
    ],
    [
      'an EHLO name without a dot',
      { sources: [{ ...two, ehlo: 'mailhost' }] },
      422,
      '/sources/0/ehlo',
      'mailhost',
    ],
    [
      'an address for an EHLO name',
      { sources: [{ ...two, ehlo: '192.0.2.1' }] },
      422,
      '/sources/0/ehlo',
      '192.0.2.1',
    ],
    [
      'an address twice',
      { sources: [two, { ...three, address: two.address }] },
      422,
      '/sources/1/address',
      two.address,
    ],
    ['no weight', { sources: [{ ...two, weight: 0 }] }, 400, '/sources/0/weight', 0],
    [
      'a plan that shrinks',
      { sources: [{ ...two, warmUp: { plan: [50, 40] } }] },
      422,
      '/sources/0/warmUp/plan/1',
      40,
    ],
    ['an empty name', { name: '  ' }, 422, '/name', '  '],
  ])('refuse %s', async (_name, change, status, pointer, value) => {
    const refused = await d.post('/ip-pools', { name: 'a', sources: [two], ...change });
    expect(refused).toMatchObject({ status, body: { errors: [{ pointer }] } });
    if (value !== undefined) expect(refused.body.errors[0].value).toEqual(value);
    expect(published()).toEqual([]);
  });

  it('have names of their own', async () => {
    const a = await make('a', two);
    const b = await make('b', three);
    const refused = {
      status: 409,
      body: { code: 'already-exists', errors: [{ pointer: '/name', value: 'a' }] },
    };
    expect(await d.post('/ip-pools', { name: ' a', sources: [three] })).toMatchObject(refused);
    expect(await d.patch(`/ip-pools/${b.id}`, { name: 'a' })).toMatchObject(refused);
    expect(await d.patch(`/ip-pools/${a.id}`, { name: 'a' })).toMatchObject({ status: 200 });
  });

  it('give an address one EHLO name, which a pool that has it changes for all', async () => {
    const a = await make('a', two);
    expect(
      await d.post('/ip-pools', { name: 'b', sources: [{ ...two, ehlo: 'other.example.jp' }] }),
    ).toMatchObject({
      status: 422,
      body: {
        errors: [{ pointer: '/sources/0/ehlo', code: 'ehlo-differs', value: 'other.example.jp' }],
        detail: expect.stringMatching(/out2\.example\.jp.*pool a/),
      },
    });
    await make('b', { ...two, weight: 5 });
    await d.patch(`/ip-pools/${a.id}`, { sources: [{ ...two, ehlo: 'new.example.jp' }] });
    expect(published().map(({ sources }) => sources)).toEqual([
      [{ address: two.address, ehlo: 'new.example.jp', weight: 1 }],
      [{ address: two.address, ehlo: 'new.example.jp', weight: 5 }],
    ]);
  });

  it('forget what belongs to an address that no pool has any more', async () => {
    const a = await make('a', two, three);
    await d.patch(`/ip-pools/${a.id}`, { sources: [three] });
    expect(d.h.db.select().from(ipSources).all()).toMatchObject([{ address: three.address }]);
    expect((await d.remove(`/ip-pools/${a.id}`)).status).toBe(204);
    expect(d.h.db.select().from(ipSources).all()).toEqual([]);
    expect(published()).toEqual([]);
    expect(d.audited()).toMatchObject({ action: 'ip-pool.delete' });
    expect((await d.get(`/ip-pools/${a.id}`)).status).toBe(404);
    expect((await d.patch(`/ip-pools/${a.id}`, {})).status).toBe(404);
    expect((await d.remove(`/ip-pools/${a.id}`)).status).toBe(404);
  });
});

describe('a pool in use', () => {
  it('is not deleted, and says who uses it', async () => {
    const { id } = await make('a', two);
    const { db } = d.h;
    const [scheduled, draft] = [
      db.insert(campaigns).values({ name: '秋号', state: 'scheduled', poolId: id }).returning().get(),
      db.insert(campaigns).values({ name: '下書き', poolId: id }).returning().get(),
    ];
    const domain = db
      .insert(sendingDomains)
      .values({ domain: 'example.jp', returnPathDomain: 'bounce.example.jp', poolId: id })
      .returning()
      .get();
    const settings = await call(d.h.admin, 'PATCH', '/api/v1/settings', d.admin, {
      classPools: { test: id },
    });
    expect(settings.status).toBe(200);
    const order = await d.post('/queues/controls', { scope: 'all', action: 'reroute', poolId: id });
    expect(order.status).toBe(201);

    expect((await d.get(`/ip-pools/${id}`)).body.usedBy).toEqual({
      campaigns: [{ id: scheduled.id, name: '秋号' }],
      sendingDomains: [{ id: domain.id, domain: 'example.jp' }],
      classes: ['test'],
      controls: [order.body.id],
    });
    const refused = await d.remove(`/ip-pools/${id}`);
    expect(refused).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(refused.body.errors.map(({ code, value }: Record<string, unknown>) => [code, value])).toEqual([
      ['in-use', scheduled.id],
      ['in-use', 'example.jp'],
      ['in-use', 'test'],
      ['in-use', order.body.id],
    ]);
    expect(refused.body.detail).toContain('秋号');

    db.update(campaigns).set({ state: 'finished' }).run();
    db.delete(sendingDomains).run();
    await call(d.h.admin, 'PATCH', '/api/v1/settings', d.admin, { classPools: { test: null } });
    await d.remove(`/queues/controls/${order.body.id}`);
    expect((await d.remove(`/ip-pools/${id}`)).status).toBe(204);
    expect(db.select().from(campaigns).all()).toMatchObject([
      { id: scheduled.id, poolId: null },
      { id: draft.id, poolId: null },
    ]);
  });
});

describe('a warm-up', () => {
  const warmUpOf = () => published().map(({ sources }) => sources[0]!.warmUp);

  it('starts now by the built-in plan, or by one of its own, and holds in all pools', async () => {
    const before = Date.now();
    const a = await make('a', { ...two, warmUp: true });
    await make('b', two);
    const [first, second] = warmUpOf();
    expect(first!.startedAt).toBeGreaterThanOrEqual(before);
    expect(second).toEqual(first);
    expect(a.sources[0].warmUp).toEqual({
      startedAt: new Date(first!.startedAt).toISOString(),
      plan: WARM_UP_PLAN,
      ownPlan: false,
    });
    const own = await d.patch(`/ip-pools/${a.id}`, { sources: [{ ...two, warmUp: { plan: [10, 20] } }] });
    expect(own.body.sources[0].warmUp).toMatchObject({ plan: [10, 20], ownPlan: true });
    expect(warmUpOf()).toEqual([
      { startedAt: first!.startedAt, plan: [10, 20] },
      { startedAt: first!.startedAt, plan: [10, 20] },
    ]);
  });

  it('stays when it is not named, and ends when it is told to', async () => {
    const startedAt = '2026-11-01T00:00:00.000Z';
    const a = await make('a', { ...two, warmUp: { startedAt, plan: [5] } });
    await d.patch(`/ip-pools/${a.id}`, { sources: [{ ...two, weight: 9 }] });
    await d.patch(`/ip-pools/${a.id}`, { sources: [{ ...two, warmUp: true }] });
    expect(warmUpOf()).toEqual([{ startedAt: Date.parse(startedAt), plan: [5] }]);
    await d.patch(`/ip-pools/${a.id}`, { sources: [{ ...two, warmUp: { plan: null } }] });
    expect(warmUpOf()).toEqual([{ startedAt: Date.parse(startedAt) }]);
    await d.patch(`/ip-pools/${a.id}`, { sources: [{ ...two, warmUp: false }] });
    expect(warmUpOf()).toEqual([undefined]);
  });

  it('starts anew with all providers or with one, and the MTA is told', async () => {
    const startedAt = '2020-01-01T00:00:00.000Z';
    const { id } = await make('a', { ...two, warmUp: { startedAt } });
    const reset = (body: object) => d.post(`/ip-pools/${id}/sources/127.0.0.2/warm-up/reset`, body);
    d.h.sent.mta.length = 0;
    expect((await reset({ provider: 'gmail' })).body.sources[0].warmUp.startedAt).toBe(startedAt);
    expect(d.h.sent.mta).toContainEqual({ type: 'control' });
    expect(d.audited()).toMatchObject({
      action: 'ip-pool.warm-up-reset',
      detail: { address: '127.0.0.2', provider: 'gmail' },
    });
    const { body } = await reset({});
    expect(body.sources[0].warmUp.startedAt > startedAt).toBe(true);
    expect(warmUpOf()[0]!.startedAt).toBe(Date.parse(body.sources[0].warmUp.startedAt));
    expect((await d.post(`/ip-pools/${id}/sources/127.0.0.9/warm-up/reset`)).status).toBe(404);
    expect((await d.post('/ip-pools/999/sources/127.0.0.2/warm-up/reset')).status).toBe(404);
  });
});

describe('a test of an address', () => {
  let dns: DnsServer;
  let t: DeliveryHarness;
  beforeEach(async () => {
    dns = await startDnsServer({});
    t = await startDelivery({ TODOKE_DNS: dns.address });
  });
  afterEach(async () => {
    await t.h.close();
    await dns.stop();
  });
  const ptr = '2.0.0.127.in-addr.arpa';
  const test = async (source: object = two) => (await t.post('/ip-pools/test', source)).body;
  const codes = ({ bind, ptr, ehlo }: Record<'bind' | 'ptr' | 'ehlo', { code: string }>) => [
    bind.code,
    ptr.code,
    ehlo.code,
  ];

  it('is content with an address of this machine whose names agree', async () => {
    dns.zone[ptr] = { PTR: ['out2.example.jp'] };
    dns.zone['out2.example.jp'] = { A: ['127.0.0.9', '127.0.0.2'] };
    const found = await test();
    expect(codes(found)).toEqual(['bind-ok', 'ptr-ok', 'ehlo-ok']);
    expect([found.bind.state, found.ptr.state, found.ehlo.state]).toEqual(['ok', 'ok', 'ok']);
    expect(found).toMatchObject({ address: '127.0.0.2', ehloName: 'out2.example.jp' });
    expect(found.ptr.found).toEqual(['out2.example.jp']);
  });

  it('says what is missing, and what to put there', async () => {
    const found = await test();
    expect(codes(found)).toEqual(['bind-ok', 'ptr-missing', 'ehlo-missing']);
    expect(found.ptr.detail).toContain('out2.example.jp');
    expect(found.ehlo.detail).toContain('127.0.0.2');
  });

  it('says what it found instead', async () => {
    dns.zone[ptr] = { PTR: ['dynamic.isp.example'] };
    dns.zone['out2.example.jp'] = { A: ['192.0.2.7'] };
    const found = await test();
    expect(codes(found)).toEqual(['bind-ok', 'ptr-different', 'ehlo-different']);
    expect([found.ptr.found, found.ehlo.found]).toEqual([['dynamic.isp.example'], ['192.0.2.7']]);
  });

  it('warns of a second PTR record', async () => {
    dns.zone[ptr] = { PTR: ['out2.example.jp', 'old.example.jp'] };
    expect((await test()).ptr).toMatchObject({ state: 'warning', code: 'ptr-ok' });
  });

  it('knows an address that this machine does not have, and a DNS that does not answer', async () => {
    dns.failures.set('*', 'SERVFAIL');
    const found = await test({ address: '192.0.2.55', ehlo: 'a.example.jp' });
    expect(codes(found)).toEqual(['bind-not-here', 'ptr-dns-failed', 'ehlo-dns-failed']);
    expect(found.bind).toMatchObject({ state: 'error', detail: expect.stringContaining('192.0.2.55') });
  });

  it('compares IPv6 addresses, not how they are written', async () => {
    dns.zone['six.example.jp'] = { AAAA: ['0:0:0:0:0:0:0:1'] };
    expect((await test({ address: '::1', ehlo: 'six.example.jp' })).ehlo.code).toBe('ehlo-ok');
  });

  it('refuses what is no address and no full name, and viewers', async () => {
    expect(await t.post('/ip-pools/test', { ...two, address: 'x.y' })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/address', code: 'ip-address', value: 'x.y' }] },
    });
    expect(await t.post('/ip-pools/test', { ...two, ehlo: 'host' })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/ehlo', code: 'ehlo-name', value: 'host' }] },
    });
    expect((await t.post('/ip-pools/test', two, t.viewer)).status).toBe(403);
  });
});
