/** What tests of webhooks start from: a receiver on loopback, a ledger to write into, a clock, and the sender itself. */
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LedgerRow } from '../../mta/index.ts';
import { eventRow, ledgerWriter } from '../../mta/spool/ledger.ts';
import { openSpoolDb } from '../../mta/spool/open.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import type { WebhookEvent } from '../webhooks/events.ts';
import { Poster } from '../webhooks/post.ts';
import { webhookRoutes } from '../webhooks/routes.ts';
import type { Webhook } from '../webhooks/schemas.ts';
import { WebhookSender } from '../webhooks/sender.ts';
import { workerContext } from './campaign-fixtures.ts';

export interface Received {
  id: string;
  timestamp: number;
  signature: string;
  headers: IncomingHttpHeaders;
  path: string;
  body: string;
  events: WebhookEvent[];
}

export interface Receiver {
  url: string;
  host: string;
  requests: Received[];
  /** what the next requests are answered, the last one for ever; `hang`: nothing at all */
  answer: (
    request: Received,
  ) => { status: number; headers?: Record<string, string>; body?: string } | 'hang' | 'reset';
  /** resolves when so many requests have come */
  count(n: number): Promise<void>;
  events(): WebhookEvent[];
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const waiting: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const received: Received = {
      id: String(request.headers['webhook-id']),
      timestamp: Number(request.headers['webhook-timestamp']),
      signature: String(request.headers['webhook-signature']),
      headers: request.headers,
      path: request.url ?? '',
      body,
      events: JSON.parse(body).events,
    };
    receiver.requests.push(received);
    const answer = receiver.answer(received);
    if (answer === 'reset') request.socket.resetAndDestroy();
    else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body ?? 'ok');
    for (const wake of waiting) wake();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hooks?key=1`,
    host: `127.0.0.1:${port}`,
    requests: [],
    answer: () => ({ status: 200 }),
    count: (n) =>
      new Promise((resolve) => {
        const look = (): void => void (receiver.requests.length >= n && resolve());
        waiting.push(look);
        look();
      }),
    events: () => receiver.requests.flatMap(({ events }) => events),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

/** As the Standard Webhooks scheme says it, by another implementation of HMAC than the one that signed. */
export async function verifies(request: Received, secret: string): Promise<boolean> {
  const key = await webcrypto.subtle.importKey(
    'raw',
    Uint8Array.from(atob(secret.replace('whsec_', '')), (char) => char.charCodeAt(0)),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['verify'],
  );
  const signed = new TextEncoder().encode(`${request.id}.${request.timestamp}.${request.body}`);
  for (const versioned of request.signature.split(' ')) {
    const [version, value = ''] = versioned.split(',');
    if (version !== 'v1') continue;
    const bytes = Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
    if (await webcrypto.subtle.verify('HMAC', key, bytes, signed)) return true;
  }
  return false;
}

export interface WebhookHarness {
  h: Harness;
  admin: Record<string, string>;
  /** epoch ms; the sender's clock */
  clock: { now: number };
  sender: WebhookSender;
  /** problems that the sender told of */
  failures: unknown[];
  /** a new sender on the same files, after the old one was stopped or simply left */
  restart(options?: { timeout?: number }): void;
  api(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): ReturnType<typeof call>;
  create(url: string, fields?: object): Promise<Webhook & { secret: string }>;
  job(ref: string, kind?: 'bulk' | 'transactional' | 'test'): number;
  write(...rows: Partial<LedgerRow>[]): number[];
  /** lets the sender do all that is due */
  run(): Promise<void>;
  close(): Promise<void>;
}

export async function startWebhooks(): Promise<WebhookHarness> {
  const h = await startHarness({ features: [webhookRoutes] });
  const { db, spool } = h.deps;
  db.$client.prepare(`INSERT INTO settings (key, value) VALUES ('webhookTargets', '["127.0.0.1"]')`).run();
  const admin = (await h.login('administrator')).headers;
  const clock = { now: Date.parse('2026-11-25T00:00:00Z') };
  const failures: unknown[] = [];
  const context = { ...workerContext(h), failed: (error: unknown) => failures.push(error) };
  // A machine under load takes its time; a test about silence sets its own.
  const make = (timeout = 60_000): WebhookSender =>
    new WebhookSender(context, {
      now: () => clock.now,
      random: () => 0.5,
      poster: new Poster({ timeout }),
    });
  const spoolDb = openSpoolDb(h.dataDir);
  const write = ledgerWriter(spoolDb);
  const harness: WebhookHarness = {
    h,
    admin,
    clock,
    failures,
    sender: make(),
    restart({ timeout } = {}) {
      harness.sender = make(timeout);
      harness.sender.changed();
    },
    api: (method, path, body) => call(h.admin, method, `/api/v1/webhooks${path}`, admin, body),
    async create(url, fields = {}) {
      const body = { name: 'CRM', url, events: ['delivered', 'bounced', 'opened', 'clicked'], ...fields };
      const answer = await harness.api('POST', '', body);
      if (answer.status !== 201) throw new Error(answer.text);
      return answer.body;
    },
    job: (ref, kind = 'bulk') =>
      spool.createJob({
        ref,
        class: kind,
        content: {
          from: { name: '', address: 'a@example.jp' },
          subject: 's',
          text: 't',
          track: { opens: false, clicks: false },
        },
      }),
    write: (...rows) =>
      spoolDb.transaction(() => rows.map((row) => write({ ...BLANK, at: clock.now, ...row })))(),
    async run() {
      harness.sender.look();
      await harness.sender.idle();
    },
    async close() {
      await harness.sender.stop();
      spoolDb.close();
      await h.close();
    },
  };
  h.deps.jobs.run = ({ id }) => harness.sender.changed(id);
  return harness;
}

const BLANK = eventRow({
  at: 0,
  kind: 'delivered',
  jobId: 0,
  deliveryId: 1,
  subscriberId: 0,
  listId: 0,
  link: -1,
  ip: '',
  userAgent: '',
});
