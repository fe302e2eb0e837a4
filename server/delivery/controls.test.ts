import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { campaigns, ipPools, ipSources, routes, sendingDomains } from '../db/schema.ts';
import { type DeliveryHarness, siteWith, startDelivery, statusWith } from '../test/delivery-fixtures.ts';

let d: DeliveryHarness;
let campaignId: number;
let draftId: number;
let jobId: number;
let poolId: number;
let routeId: number;

beforeAll(async () => {
  d = await startDelivery();
  const { db, deps } = d.h;
  jobId = deps.spool.createJob({
    ref: 'campaign:1',
    class: 'bulk',
    content: {
      from: { name: '', address: 'a@example.jp' },
      subject: 's',
      text: 't',
      track: { opens: false, clicks: false },
    },
  });
  campaignId = db.insert(campaigns).values({ name: '秋号', jobId }).returning().get().id;
  draftId = db.insert(campaigns).values({ name: '下書き' }).returning().get().id;
  poolId = db.insert(ipPools).values({ name: '予備', sources: [] }).returning().get().id;
  db.insert(ipSources).values({ address: '2001:db8::a', ehlo: 'a.example.jp' }).run();
  routeId = db.insert(routes).values({ match: '*.example.jp' }).returning().get().id;
  db.insert(sendingDomains).values({ domain: 'example.jp', returnPathDomain: 'b.example.jp' }).run();
});
afterAll(() => d.h.close());
beforeEach(() => {
  d.h.sent.mta.length = 0;
  d.h.sent.events.length = 0;
  d.h.mtaStatus = undefined;
});

const order = (body: object) => d.post('/queues/controls', { action: 'pause', ...body });

describe('an order', () => {
  it('is kept, told to the MTA, shown on every screen and audited', async () => {
    const { status, body } = await order({ scope: 'domain', value: ' Docomo.ne.jp', reason: ' 障害のため ' });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      scope: 'domain',
      value: 'docomo.ne.jp',
      action: 'pause',
      reason: '障害のため',
      by: 'administrator',
      state: 'active',
      affected: 0,
      until: null,
      campaignId: null,
      targetName: null,
    });
    expect(d.h.deps.spool.controls()[0]).toMatchObject({
      scope: 'domain',
      value: 'docomo.ne.jp',
      until: null,
    });
    expect(d.h.sent.mta).toEqual([{ type: 'control' }]);
    expect(d.h.sent.events).toMatchObject([{ type: 'queues', data: { controls: [{ id: body.id }] } }]);
    expect(d.audited()).toEqual(
      expect.objectContaining({
        actor_name: 'administrator',
        action: 'queues.pause',
        target: `queue-control:${body.id}`,
        detail: { scope: 'domain', value: 'docomo.ne.jp', reason: '障害のため' },
      }),
    );

    d.h.sent.mta.length = 0;
    expect((await d.remove(`/queues/controls/${body.id}`)).status).toBe(204);
    expect(d.h.deps.spool.controls()).toEqual([]);
    expect(d.h.sent.mta).toEqual([{ type: 'control' }]);
    expect(d.audited()).toMatchObject({
      action: 'queues.control-remove',
      detail: { action: 'pause', value: 'docomo.ne.jp' },
    });
    expect(await d.remove(`/queues/controls/${body.id}`)).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });

  it('about a campaign is about its job, and named by the campaign', async () => {
    const { body } = await order({ scope: 'campaign', campaignId, action: 'bounce' });
    expect(body).toMatchObject({ scope: 'campaign', value: '', campaignId, campaignName: '秋号' });
    expect(d.h.deps.spool.controls()[0]).toMatchObject({
      scope: 'job',
      value: String(jobId),
      action: 'bounce',
    });
    expect((await d.get('/queues', d.viewer)).body.controls[0]).toEqual(body);
  });

  it.each([
    ['all', undefined, ''],
    ['domain', '例え.jp', 'xn--r8jz45g.jp'],
    ['provider', 'gmail', 'gmail'],
    ['sending-domain', 'Example.JP', 'example.jp'],
    ['source', '2001:DB8::0a', '2001:db8::a'],
    ['site', 'mx:a.example.jp,b.example.jp', 'mx:a.example.jp,b.example.jp'],
  ])('is taken for %s', async (scope, value, kept) => {
    expect(await order({ scope, value, action: 'retry' })).toMatchObject({
      status: 201,
      body: { scope, value: kept },
    });
  });

  it('may name a site that the MTA reports, and a route', async () => {
    expect((await order({ scope: 'site', value: `route:${routeId}` })).status).toBe(201);
    expect((await order({ scope: 'site', value: 'sandbox' })).status).toBe(422);
    d.h.mtaStatus = statusWith({ sites: [siteWith({ site: 'sandbox' })] });
    expect((await order({ scope: 'site', value: 'sandbox' })).status).toBe(201);
  });

  it('to reroute names where to, by its name', async () => {
    const byPool = await order({ scope: 'all', action: 'reroute', poolId, minutes: 60 });
    expect(byPool.body).toMatchObject({ poolId, routeId: null, targetName: '予備' });
    const byRoute = await order({ scope: 'provider', value: 'docomo', action: 'reroute', routeId });
    expect(byRoute.body).toMatchObject({ poolId: null, routeId, targetName: '*.example.jp' });
    expect(await d.remove(`/routes/${routeId}`)).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });

  it('ends at a time or after some minutes', async () => {
    const before = Date.now();
    const { body } = await order({ scope: 'all', minutes: 30 });
    expect(Date.parse(body.until) - before).toBeGreaterThanOrEqual(30 * 60_000);
    expect((await order({ scope: 'all', until: '2099-01-01T09:00:00+09:00' })).body.until).toBe(
      '2099-01-01T00:00:00.000Z',
    );
  });

  it.each<[string, () => object, string, string, unknown]>([
    ['a domain without its name', () => ({ scope: 'domain' }), '/value', 'required', undefined],
    ['what is no domain', () => ({ scope: 'domain', value: 'a b' }), '/value', 'domain', 'a b'],
    ['an unknown provider', () => ({ scope: 'provider', value: 'gmial' }), '/value', 'not-found', 'gmial'],
    [
      'an unknown sending domain',
      () => ({ scope: 'sending-domain', value: 'x.jp' }),
      '/value',
      'not-found',
      'x.jp',
    ],
    [
      'a source of no pool',
      () => ({ scope: 'source', value: '192.0.2.1' }),
      '/value',
      'not-found',
      '192.0.2.1',
    ],
    [
      'a source that is no address',
      () => ({ scope: 'source', value: 'eth0' }),
      '/value',
      'ip-address',
      'eth0',
    ],
    [
      'a site of a route that is gone',
      () => ({ scope: 'site', value: 'route:999' }),
      '/value',
      'not-found',
      'route:999',
    ],
    ['what is no site', () => ({ scope: 'site', value: 'gmail' }), '/value', 'value-invalid', 'gmail'],
    ['all with a value', () => ({ scope: 'all', value: 'x' }), '/value', 'value-invalid', 'x'],
    ['a campaign without its number', () => ({ scope: 'campaign' }), '/campaignId', 'required', undefined],
    ['a campaign by value', () => ({ scope: 'campaign', value: '1' }), '/value', 'value-invalid', '1'],
    ['an unknown campaign', () => ({ scope: 'campaign', campaignId: 999 }), '/campaignId', 'not-found', 999],
    [
      'a campaign beside a domain',
      () => ({ scope: 'domain', value: 'a.jp', campaignId }),
      '/campaignId',
      'value-invalid',
      undefined,
    ],
    ['a reroute to nowhere', () => ({ scope: 'all', action: 'reroute' }), '/routeId', 'required', undefined],
    [
      'a reroute to two',
      () => ({ scope: 'all', action: 'reroute', routeId, poolId }),
      '/poolId',
      'value-invalid',
      undefined,
    ],
    [
      'a reroute to no pool',
      () => ({ scope: 'all', action: 'reroute', poolId: 999 }),
      '/poolId',
      'not-found',
      999,
    ],
    [
      'a reroute to no route',
      () => ({ scope: 'all', action: 'reroute', routeId: 999 }),
      '/routeId',
      'not-found',
      999,
    ],
    ['a pause with a pool', () => ({ scope: 'all', poolId }), '/poolId', 'value-invalid', undefined],
    [
      'a bounce for a while',
      () => ({ scope: 'all', action: 'bounce', minutes: 5 }),
      '/minutes',
      'value-invalid',
      5,
    ],
    [
      'a time that is over',
      () => ({ scope: 'all', until: '2020-01-01T00:00:00Z' }),
      '/until',
      'time-past',
      '2020-01-01T00:00:00Z',
    ],
    [
      'two ends',
      () => ({ scope: 'all', until: '2099-01-01T00:00:00Z', minutes: 5 }),
      '/minutes',
      'value-invalid',
      5,
    ],
  ])('is refused: %s', async (_name, body, pointer, code, value) => {
    const kept = d.h.deps.spool.controls().length;
    const refused = await order(body());
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'value-invalid', errors: [{ pointer, code }] },
    });
    if (value !== undefined) expect(refused.body.errors[0].value).toBe(value);
    expect(d.h.deps.spool.controls()).toHaveLength(kept);
    expect(d.h.sent.mta).toEqual([]);
  });

  it('is refused for a campaign that has no mail in the queue', async () => {
    const notStarted = await order({ scope: 'campaign', campaignId: draftId });
    expect(notStarted).toMatchObject({
      status: 409,
      body: { code: 'wrong-state', errors: [{ pointer: '/campaignId' }] },
    });
    d.h.deps.spool.seal(jobId);
    expect((await order({ scope: 'campaign', campaignId })).status).toBe(409);
  });

  it('belongs to those who manage delivery', async () => {
    expect((await d.post('/queues/controls', { scope: 'all', action: 'pause' }, d.viewer)).status).toBe(403);
  });
});

describe('a back-off', () => {
  it('is shown with the reply that brought it about, and lifted', async () => {
    const spool = new Database(`${d.h.dataDir}/spool.db`);
    const { lastInsertRowid: id } = spool
      .prepare(
        `INSERT INTO throttle (kind, source, site, provider, sending_domain, per_minute, connections, since, until, cause, times, reply)
         VALUES ('rate', '', 'mx:gmail', 'gmail', '', 10, NULL, 1000, 2000, 'unusual rate', 2, '421 unusual rate')`,
      )
      .run();
    spool.close();
    expect((await d.get('/queues', d.viewer)).body.throttles).toEqual([
      {
        id,
        kind: 'rate',
        source: '',
        site: 'mx:gmail',
        provider: 'gmail',
        sendingDomain: '',
        perMinute: 10,
        connections: null,
        since: '1970-01-01T00:00:01.000Z',
        until: '1970-01-01T00:00:02.000Z',
        trigger: 'unusual rate',
        times: 2,
        reply: '421 unusual rate',
      },
    ]);
    expect((await d.remove(`/queues/throttles/${id}`)).status).toBe(204);
    expect(d.h.deps.spool.throttles()).toEqual([]);
    expect(d.h.sent.mta).toEqual([{ type: 'control' }]);
    expect(d.h.sent.events).toMatchObject([{ type: 'queues', data: { throttles: [] } }]);
    expect(d.audited()).toMatchObject({
      action: 'queues.throttle-lift',
      target: `queue-throttle:${id}`,
      detail: { provider: 'gmail', trigger: 'unusual rate' },
    });
    expect(await d.remove(`/queues/throttles/${id}`)).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });
});
