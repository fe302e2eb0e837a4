import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { Check } from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WAIT_REASONS } from '../../mta/index.ts';
import { routes } from '../db/schema.ts';
import {
  type DeliveryHarness,
  lineWith,
  siteWith,
  sourceWith,
  startDelivery,
  statusWith,
} from '../test/delivery-fixtures.ts';
import { liveQueues } from './queues.ts';
import { Queues } from './schemas.ts';

let d: DeliveryHarness;
let status: ReturnType<typeof statusWith>;

beforeAll(async () => {
  d = await startDelivery();
  const { spool } = d.h.deps;
  const job = spool.createJob({
    ref: 'campaign:1',
    class: 'bulk',
    content: {
      from: { name: '', address: 'a@example.jp' },
      subject: 's',
      text: 't',
      track: { opens: false, clicks: false },
    },
  });
  const mails = { 'docomo.ne.jp': 3, 'gmail.com': 2, 'unknown.example': 1 };
  spool.enqueue(job, {
    from: 0,
    to: 1,
    rows: Object.entries(mails).flatMap(([domain, count]) =>
      Array.from({ length: count }, (_, i) => ({
        address: `u${i}@${domain}`,
        subscriberId: 0,
        listId: 0,
        merge: {},
      })),
    ),
  });
  const routeId = d.h.db.insert(routes).values({ match: '*.corp.example' }).returning().get().id;
  status = statusWith({
    lines: [lineWith({ inFlight: 1, lastReply: '421 busy', lastReplyAt: 5000 })],
    sites: [
      siteWith({
        source: '127.0.0.2',
        waitingUntil: 60_000,
        inFlight: 1,
        connections: 2,
        perSecond: 1.5,
        delivered: 10,
        deferred: 2,
        bounced: 1,
        replies: [3, 2, 1].map((at) => ({ at: at * 1000, text: `421 ${'x'.repeat(1000)}` })),
      }),
      siteWith({ source: '127.0.0.3', waiting: 'warm-up', connections: 1, perSecond: 0.5, delivered: 5 }),
      siteWith({ site: 'route:1', provider: '', waiting: 'relay-down' }),
      siteWith({ site: 'mx:google', provider: 'gmail', waiting: 'suspended', ratePerSecond: null }),
    ],
    sources: [sourceWith({}), sourceWith({ address: '127.0.0.3', state: 'failed', error: 'EADDRNOTAVAIL' })],
    relays: [
      {
        routeId,
        host: 'relay.corp.example',
        port: 25,
        state: 'down',
        since: 1000,
        error: 'refused',
        checkedAt: 2000,
        connections: 0,
        perSecond: 0,
      },
      {
        routeId: 99,
        host: 'old',
        port: 25,
        state: 'unknown',
        since: 0,
        error: '',
        checkedAt: null,
        connections: 0,
        perSecond: 0,
      },
    ],
    problems: [{ code: 'source-failed', value: '127.0.0.3', since: 1000, detail: 'cannot be bound' }],
  });
  d.h.mtaStatus = status;
});
afterAll(() => d.h.close());

const names = (items: { domain: string }[]) => items.map(({ domain }) => domain);

describe('the queue screen', () => {
  it('puts sites, sources, relays and problems beside the lines', async () => {
    const { body } = await d.get('/queues', d.viewer);
    expect(names(body.items)).toEqual(['docomo.ne.jp', 'gmail.com', 'unknown.example']);
    // gmail.com tells by its name whose it is, the other is not known before its MX is
    expect(body.items.map(({ provider }: { provider: string }) => provider)).toEqual(['docomo', 'gmail', '']);
    expect(body.sites).toMatchObject([
      {
        site: 'mx:mfsmax.docomo.ne.jp',
        source: '127.0.0.2',
        waiting: 'rate-limit',
        waitingUntil: '1970-01-01T00:01:00.000Z',
        connectionsAllowed: 2,
      },
      { source: '127.0.0.3', waiting: 'warm-up' },
      { site: 'route:1', waiting: 'relay-down' },
      { site: 'mx:google', ratePerSecond: null },
    ]);
    expect(body.sites[0].replies).toHaveLength(3);
    expect(body.sources).toMatchObject([
      { address: '127.0.0.2', state: 'ok', since: '1970-01-01T00:00:01.000Z' },
      { address: '127.0.0.3', state: 'failed', error: 'EADDRNOTAVAIL' },
    ]);
    expect(body.relays).toMatchObject([
      { match: '*.corp.example', state: 'down', error: 'refused', checkedAt: '1970-01-01T00:00:02.000Z' },
      { match: '', state: 'unknown', checkedAt: null },
    ]);
    expect(body.problems).toEqual([
      {
        code: 'source-failed',
        value: '127.0.0.3',
        since: '1970-01-01T00:00:01.000Z',
        detail: 'cannot be bound',
      },
    ]);
  });

  it('adds a provider up: depth from its lines, the rest from its sites, each once', async () => {
    const { providers } = (await d.get('/queues')).body;
    expect(providers[0]).toEqual({
      provider: 'docomo',
      label: expect.any(String),
      queued: 3,
      due: 3,
      oldestAt: expect.stringMatching(/Z$/),
      sites: 1,
      inFlight: 1,
      connections: 3,
      perSecond: 2,
      delivered: 15,
      deferred: 2,
      bounced: 1,
      throttles: 0,
    });
    // a route's site is none, and the line of a domain that nobody knows has no site
    expect(providers[2]).toMatchObject({ provider: '', queued: 1, sites: 0 });
    expect(providers.map(({ provider, queued }: Record<string, unknown>) => [provider, queued])).toEqual([
      ['docomo', 3],
      ['gmail', 2],
      ['', 1],
    ]);
  });

  it.each([
    ['domain=Gmail.com', ['gmail.com'], 4],
    ['domain=nothing.example', [], 4],
    ['provider=docomo', ['docomo.ne.jp'], 2],
    ['waiting=unknown', ['gmail.com', 'unknown.example'], 0],
    ['waiting=warm-up', [], 1],
    ['provider=gmail&waiting=unknown', ['gmail.com'], 0],
    ['search=MAIL', ['gmail.com'], 4],
    ['search=.', ['docomo.ne.jp', 'gmail.com', 'unknown.example'], 4],
    ['class=bulk&search=e.', ['docomo.ne.jp'], 4],
    ['class=test', [], 4],
  ])('filters by %s', async (query, domains, sites) => {
    const { body } = await d.get(`/queues?${query}`);
    expect([names(body.items), body.sites.length]).toEqual([domains, sites]);
    expect(body.queued).toBe(6);
    expect(body.totals).toMatchObject({ items: domains.length, domains: domains.length, sites });
    expect(body.among).toBeNull();
  });

  it.each([
    ['limit=1', ['docomo.ne.jp'], 3],
    ['limit=1&offset=1', ['gmail.com'], 3],
    ['limit=2&offset=2', ['unknown.example'], 3],
    ['offset=3', [], 3],
    ['search=mail&offset=1', [], 1],
  ])('shows a page: %s', async (query, domains, lines) => {
    const { body } = await d.get(`/queues?${query}`);
    expect([names(body.items), body.totals.items]).toEqual([domains, lines]);
    // What stands beside the lines is the same on each page.
    expect([body.sites.length, body.providers.length]).toEqual([4, query.startsWith('search') ? 2 : 3]);
  });

  it('refuses a reason that there is not', async () => {
    expect(await d.get('/queues?waiting=bored')).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: 'waiting', code: 'enum', value: 'bored' }] },
    });
  });

  it('says of everything that it is stopped when nothing may leave', async () => {
    const { body } = await d.post('/queues/stop');
    const reasons = [...body.items, ...body.sites].map(({ waiting }: { waiting: string }) => waiting);
    expect(new Set(reasons)).toEqual(new Set(['stopped']));
    await d.post('/queues/resume');
  });

  it('knows by itself what waits while the MTA is down', async () => {
    d.h.mtaStatus = undefined;
    const { body } = await d.get('/queues');
    d.h.mtaStatus = status;
    expect(body).toMatchObject({
      running: false,
      queued: 6,
      sites: [],
      sources: [],
      relays: [],
      problems: [],
    });
    expect(body.items).toHaveLength(3);
  });
});

describe('the live event', () => {
  it('has the shape of the answer, and a bounded size', async () => {
    d.h.mtaStatus = statusWith({
      ...status,
      sites: Array.from({ length: 200 }, (_, i) => ({ ...status.sites[0]!, site: `mx:${i}` })),
      siteCount: 250,
      sources: Array.from({ length: 300 }, (_, i) => sourceWith({ address: `10.0.${i >> 8}.${i & 255}` })),
    });
    const event = await liveQueues(d.h.deps);
    d.h.mtaStatus = status;
    expect(Check(Queues as never, event)).toBe(true);
    expect([event.sites.length, event.sources.length]).toEqual([60, 100]);
    expect(event.totals).toMatchObject({ items: 3, domains: 3, sites: 250, sources: 300, relays: 2 });
    expect(event.sites[0]!.replies).toHaveLength(2);
    expect(event.sites[0]!.replies[0]!.text).toHaveLength(300);
    expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(120_000);
  });

  it('reaches an open screen when an order is given', async () => {
    const base = await d.h.admin.listen({ host: '127.0.0.1', port: 0 });
    const request = httpGet(`${base}/api/v1/events`, { headers: d.viewer });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.setEncoding('utf8');
    let text = '';
    const event = new Promise<string>((resolve) => {
      response.on('data', (part: string) => {
        text += part;
        const found = /event: queues\ndata: (.*)\n\n/.exec(text);
        if (found) resolve(found[1]!);
      });
    });
    await d.post('/queues/controls', { scope: 'domain', value: 'gmail.com', action: 'pause' });
    const data = JSON.parse(await event);
    request.destroy();
    expect(Check(Queues as never, data)).toBe(true);
    expect(data).toMatchObject({ queued: 6, controls: [{ value: 'gmail.com', action: 'pause' }] });
  });
});

describe('metrics', () => {
  it('count by named reasons, providers, sources and relays, with zeros for what is not there', async () => {
    const scraped = await d.h.admin.inject({ url: '/metrics', headers: d.h.key('metrics:read') });
    const value = (series: string): number | undefined => {
      const line = scraped.body.split('\n').find((each) => each.startsWith(`todoke_${series} `));
      return line === undefined ? undefined : Number(line.split(' ')[1]);
    };
    expect(value('queue_waiting_messages{reason="rate-limit"}')).toBe(3);
    expect(value('queue_waiting_messages{reason="unknown"}')).toBe(3);
    expect(value('sites{reason="suspended"}')).toBe(1);
    for (const reason of WAIT_REASONS) expect(value(`sites{reason="${reason}"}`), reason).toBeDefined();
    expect(value('problems{code="source-failed"}')).toBe(1);
    expect(value('problems{code="disk-full"}')).toBe(0);
    expect(value('throttles{kind="suspend"}')).toBe(0);
    expect(value('provider_queue_messages{provider="docomo"}')).toBe(3);
    expect(value('provider_connections{provider="docomo"}')).toBe(3);
    expect(value('provider_settled_per_second{provider="docomo"}')).toBe(2);
    expect(value('source_up{address="127.0.0.2"}')).toBe(1);
    expect(value('source_up{address="127.0.0.3"}')).toBe(0);
    expect(scraped.body).toMatch(/todoke_relay_up\{route="\d+",relay="relay.corp.example:25"\} 0/);
    expect(scraped.body).not.toContain('relay="old:25"');
    expect(scraped.body).not.toContain('unknown.example');
  });
});
