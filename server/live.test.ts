import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LiveEvent } from './events.ts';
import { call, type Harness, startHarness } from './testing/harness.ts';

let h: Harness;
let base: string;
beforeAll(async () => {
  h = await startHarness();
  base = await h.admin.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => h.close());

const queues = (queued: number): LiveEvent => ({
  type: 'queues',
  data: {
    mode: 'sandbox',
    stopped: false,
    running: true,
    perSecond: 0,
    queued,
    inFlight: 0,
    connections: 0,
    rssMB: 1,
    items: [],
    providers: [],
    sites: [],
    sources: [],
    relays: [],
    problems: [],
    controls: [],
    throttles: [],
    totals: {
      items: 0,
      domains: 0,
      providers: 0,
      sites: 0,
      sources: 0,
      relays: 0,
      problems: 0,
      controls: 0,
      throttles: 0,
    },
    among: null,
  },
});
const campaign = (id: number, name: string) => ({ type: 'campaign', data: { id, name } }) as LiveEvent;

interface Stream {
  response: IncomingMessage;
  /** resolves when the text received so far contains it */
  received(text: string): Promise<string>;
  ended: Promise<void>;
}

async function open(headers: Record<string, string>): Promise<Stream> {
  const request = get(`${base}/api/v1/events`, { headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  const waiting = new Set<() => void>();
  response.setEncoding('utf8').on('data', (data: string) => {
    text += data;
    for (const check of waiting) check();
  });
  const ended = new Promise<void>((resolve) => response.once('close', () => resolve()));
  const received = (wanted: string) =>
    new Promise<string>((resolve) => {
      const check = () => {
        if (!text.includes(wanted)) return;
        waiting.delete(check);
        resolve(text);
      };
      waiting.add(check);
      check();
    });
  return { response, received, ended };
}

test('events arrive as they are published, with the headers that proxies and browsers need', async () => {
  // what nobody sees need not be computed
  expect(h.live.wants('campaign')).toBe(false);
  const { headers } = await h.login('viewer');
  const stream = await open(headers);
  expect(h.live.wants('campaign')).toBe(true);
  expect(stream.response.statusCode).toBe(200);
  expect(stream.response.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  await stream.received('retry: 2000\n\n');
  h.live.publish(campaign(3, '秋のお知らせ'));
  const text = await stream.received('秋のお知らせ');
  expect(text).toContain('event: campaign\ndata: {"id":3,"name":"秋のお知らせ"}\n\n');
  stream.response.destroy();
});

test('nobody without a login, and no API key, may listen', async () => {
  expect((await call(h.admin, 'GET', '/api/v1/events')).status).toBe(401);
  expect((await call(h.admin, 'GET', '/api/v1/events', h.key('campaigns:read'))).status).toBe(403);
});

test('a role that changes connects again with what it may see now', async () => {
  const { id, headers } = await h.login('viewer');
  const stream = await open(headers);
  await stream.received('retry');
  h.live.publish(queues(7));
  h.live.publish(campaign(1, 'end'));
  expect(await stream.received('end')).toContain('"queued":7');
  h.live.reconnect(id);
  await stream.ended;
});

test('a logout ends the stream of its session and no other', async () => {
  const one = await h.login('viewer');
  const two = await h.login('viewer');
  const [first, second] = [await open(one.headers), await open(two.headers)];
  await Promise.all([first.received('retry'), second.received('retry')]);
  await call(h.admin, 'DELETE', '/api/v1/session', one.headers);
  await first.ended;
  h.live.publish(campaign(9, 'still here'));
  await second.received('still here');
  second.response.destroy();
});

test('what is published while a stream ends is written nowhere', async () => {
  const { id, headers } = await h.login('viewer');
  const stream = await open(headers);
  await stream.received('retry');
  h.live.reconnect(id);
  // in the same turn: the connection is still open, and a write after its end would be an unhandled error
  for (const late of ['late 1', 'late 2', 'late 3']) h.live.publish(campaign(4, late));
  expect(h.live.wants('campaign')).toBe(false);
  await stream.ended;
  expect(stream.response.complete).toBe(true);
});

test('a slow client costs bounded memory and gets the newest state once it reads again', async () => {
  const { headers } = await h.login('viewer');
  const stream = await open(headers);
  await stream.received('retry');
  stream.response.pause();
  const big = 'x'.repeat(50_000);
  // far more than the sockets' buffers hold
  for (let i = 0; i < 1000; i++) h.live.publish(campaign(i % 10, `${big}-${i}-`));
  stream.response.resume();
  const text = await stream.received('-999-');
  expect(text.length).toBeLessThan(1000 * 50_000);
  for (let i = 990; i < 1000; i++) expect(await stream.received(`-${i}-`)).toBeDefined();
  stream.response.destroy();
});

test('the end of the process ends every stream', async () => {
  const other = await startHarness();
  const address = await other.admin.listen({ host: '127.0.0.1', port: 0 });
  const { headers } = await other.login('viewer');
  const request = get(`${address}/api/v1/events`, { headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await Promise.all([once(response, 'end'), other.close()]);
});
