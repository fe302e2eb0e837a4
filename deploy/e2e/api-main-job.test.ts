/**
 * The main job as a program does it, word for word as shared/DESIGN.md promises it ("Names from outside"): with an API
 * key that the command line made, in live mode, to a remote server that keeps what it gets.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { simpleParser } from 'mailparser';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';
import { type Answer, type Credentials, HttpClient } from './http-client.ts';
import { type KeepingSink, startKeepingSink } from './keeping-sink.ts';

const CLI = fileURLToPath(new URL('../../server/cli.ts', import.meta.url));
const PEOPLE = 25;
const FILE = [
  'メールアドレス,氏名',
  ...Array.from({ length: PEOPLE }, (_, i) => `reader${i}@example.com,読者${i}`),
  'gone@example.com,転居',
  'not an address,誤記',
].join('\r\n');

let dataDir: string;
let appliance: Appliance;
let sink: KeepingSink;
let http: HttpClient;
let key: Credentials;
/** every JSON answer, for the look at its spelling */
const documents: { path: string; body: unknown }[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'todoke-api-'));
  const login = { email: 'it@example.jp', password: 'a long enough password' };
  [appliance, sink] = await Promise.all([
    startAppliance({ dataDir, delivery: 'live', ...login }),
    startKeepingSink(),
  ]);
  http = new HttpClient(appliance);
});
afterAll(async () => {
  await appliance?.stop();
  await sink?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Answer> {
  return keep(path, await http.api(method, path, { body, who: key, headers }));
}

function keep(path: string, answer: Answer): Answer {
  if (answer.body !== undefined) documents.push({ path, body: answer.body });
  return answer;
}

async function ok(status: number, ...request: Parameters<typeof ask>) {
  const answer = await ask(...request);
  expect(answer.status, `${request[0]} ${request[1]}: ${answer.text}`).toBe(status);
  return answer.body;
}

/** Asks until `done` says so. */
async function poll(path: string, done: (body: { state: string }) => boolean) {
  for (;;) {
    const body = await ok(200, 'GET', path);
    if (done(body)) return body;
    await sleep(30);
  }
}

/** All pages, by the cursors that they answer. */
async function pages(path: string, limit: number): Promise<{ id: number }[][]> {
  const all: { id: number }[][] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await ok(200, 'GET', `${path}limit=${limit}${cursor && `&cursor=${cursor}`}`);
    all.push(page.items);
    cursor = page.nextCursor;
  }
  return all;
}

it('from an empty installation to a report, by API alone', { timeout: 120_000 }, async () => {
  // ---- a key, from the command line beside the running server
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [CLI, 'key', 'create', '--name', 'crm', '--scope', 'all', '--json'],
    { env: { PATH: process.env.PATH, TODOKE_DATA_DIR: dataDir } },
  );
  const made = JSON.parse(stdout) as { key: string; name: string };
  expect(made).toMatchObject({ name: 'crm', key: expect.stringMatching(/^tdk_[A-Za-z0-9]{43}$/) });
  key = { authorization: `Bearer ${made.key}` };

  // ---- set-up
  const domain = await ok(201, 'POST', '/sending-domains', { domain: 'example.jp' });
  const record = domain.records.find(({ purpose }: { purpose: string }) => purpose === 'dkim');
  expect(record).toMatchObject({ type: 'TXT', name: expect.stringMatching(/\._domainkey\.example\.jp$/) });
  // As a zone file holds it: strings of 255 characters at most.
  const published = [...record.value.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
  expect(published.join('')).toMatch(/^v=DKIM1; k=rsa; p=MII/);
  const relay = [{ host: '127.0.0.1', port: sink.port, tls: 'none', weight: 1 }];
  const route = await ok(201, 'POST', '/routes', { match: '*', relay });
  expect(route).toMatchObject({ match: '*', relay: [{ host: '127.0.0.1', port: sink.port }] });
  expect(await ok(200, 'GET', '/ip-pools')).toEqual({ items: [], nextCursor: null });
  expect(await ok(200, 'GET', '/settings')).toMatchObject({ delivery: { mode: 'live', locked: true } });

  // ---- a list and its people
  const list = await ok(201, 'POST', '/lists', { name: 'お客様' });
  const form = { listId: String(list.id) };
  const upload = keep('/imports', await http.upload('/imports', form, FILE, key));
  expect(upload.status).toBe(202);
  expect(upload.headers.get('location')).toBe(`/api/v1/imports/${upload.body.id}`);
  const imported = await poll(`/imports/${upload.body.id}`, ({ state }) =>
    ['done', 'failed', 'cancelled'].includes(state),
  );
  expect(imported).toMatchObject({ state: 'done', created: PEOPLE + 1, updated: 0, rejected: 1 });

  // ---- a campaign; ids travel as strings through many a client
  const draft = {
    name: '秋のご案内',
    subject: '{{ name }}様へ',
    from: { name: '例社', address: 'news@example.jp' },
    listIds: [String(list.id)],
    html: '<p>{{ name }}様 <a href="https://example.jp/autumn">ご案内</a></p>',
  };
  const once = { 'idempotency-key': 'crm-2026-autumn' };
  const campaign = await ok(201, 'POST', '/campaigns', draft, once);
  expect(campaign).toMatchObject({ state: 'draft', listIds: [list.id] });
  // A client that lost the answer asks again, and there is still one campaign.
  expect((await ok(201, 'POST', '/campaigns', draft, once)).id).toBe(campaign.id);
  expect((await ok(200, 'GET', '/campaigns')).items).toHaveLength(1);

  const test = await ok(202, 'POST', `/campaigns/${campaign.id}/test`, { to: ['me@example.jp'] });
  expect(test).toEqual({ accepted: 1 });
  while (sink.mails.length < 1) await sleep(30);

  const started = await ok(200, 'POST', `/campaigns/${campaign.id}/start`, {}, { 'idempotency-key': 'go' });
  expect(started.state).toBe('sending');
  const replayed = await ok(200, 'POST', `/campaigns/${campaign.id}/start`, {}, { 'idempotency-key': 'go' });
  expect(replayed).toEqual(started);
  const finished = await poll(`/campaigns/${campaign.id}`, ({ state }) => state === 'finished');
  expect(finished.counts).toMatchObject({
    ...{ recipients: PEOPLE + 1, sent: PEOPLE + 1, delivered: PEOPLE, bounced: 1, queued: 0, deferred: 0 },
  });

  // ---- the report, and each attempt
  const report = await ok(200, 'GET', `/campaigns/${campaign.id}/report`);
  expect(report).toMatchObject({
    counts: finished.counts,
    rates: { delivered: PEOPLE / (PEOPLE + 1), bounced: 1 / (PEOPLE + 1) },
    bounceReasons: [{ count: 1, sample: expect.stringContaining('No such user here') }],
    links: [{ index: 0, url: 'https://example.jp/autumn' }],
  });
  const attempts = (await pages(`/deliveries?campaignId=${campaign.id}&`, 7)).flat();
  expect(attempts.map(({ id }) => id)).toEqual(attempts.map(({ id }) => id).sort((a, b) => b - a));
  expect(new Set(attempts.map(({ id }) => id)).size).toBe(PEOPLE + 1);
  expect(attempts.filter((row) => (row as unknown as { kind: string }).kind === 'bounced')).toEqual([
    expect.objectContaining({
      ...{
        recipient: 'gone@example.com',
        code: 550,
        status: '5.1.1',
        phase: 'rcpt',
        campaignName: '秋のご案内',
      },
      reply: expect.stringContaining('No such user here'),
    }),
  ]);
  const byRecipient = await ok(200, 'GET', '/deliveries?recipient=reader3%40example.com');
  expect(byRecipient.items).toEqual([
    expect.objectContaining({ kind: 'delivered', campaignId: campaign.id, code: 250, attempt: 1 }),
  ]);

  // ---- paging ends, by whole and by cut pages, and repeats nobody
  for (const [limit, sizes] of [
    [10, [10, 10, 6]],
    [13, [13, 13]],
    [500, [26]],
  ] as const) {
    const all = await pages(`/subscribers?listId=${list.id}&`, limit);
    expect(all.map((page) => page.length).filter((size) => size > 0)).toEqual(sizes);
    expect(new Set(all.flat().map(({ id }) => id)).size).toBe(PEOPLE + 1);
  }
  for (const path of ['lists', 'campaigns', 'imports']) {
    expect((await pages(`/${path}?`, 1)).flat(), path).toHaveLength(1);
  }
  for (const path of ['sending-domains', 'routes']) {
    expect(await ok(200, 'GET', `/${path}`)).toMatchObject({ items: [{ id: 1 }], nextCursor: null });
  }
  // The bounce has consequences, and they say where they come from.
  expect((await pages('/suppressions?', 50)).flat()).toEqual([
    expect.objectContaining({ email: 'gone@example.com', origin: 'bounce' }),
  ]);

  // ---- what the remote server got: every mail once, personal, signed by the key whose record was answered
  const delivered = sink.mails.filter(({ recipient }) => recipient !== 'me@example.jp');
  expect(delivered.map(({ recipient }) => recipient).sort()).toEqual(
    Array.from({ length: PEOPLE }, (_, i) => `reader${i}@example.com`).sort(),
  );
  const resolver = async (name: string, type: string) => {
    if (name === record.name && type === 'TXT') return [published];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  for (const { recipient, sender, raw } of sink.mails) {
    const { results } = await dkimVerify(raw, { resolver });
    expect(results, recipient).toMatchObject([{ signingDomain: 'example.jp', status: { result: 'pass' } }]);
    const mail = await simpleParser(raw);
    const person = recipient === 'me@example.jp' ? '' : `読者${/\d+/.exec(recipient)![0]}`;
    expect(mail.subject).toBe(`${person === '' ? '【テスト】' : ''}${person}様へ`);
    expect(mail.html).toContain(`<p>${person}様 <a href="${appliance.publicUrl}/c/`);
    expect(sender).toMatch(/@bounce\.example\.jp$/);
    const head = raw.toString('latin1', 0, raw.indexOf('\r\n\r\n'));
    for (const name of ['Message-ID', 'List-Unsubscribe', 'List-Id', 'Feedback-ID', 'DKIM-Signature'])
      expect(head).toMatch(new RegExp(`^${name}: ?\\S`, 'm'));
    expect(head).toMatch(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?$/m);
  }
  // One byte more, and the signature is broken: the verifier does look.
  const forged = Buffer.concat([sink.mails[0]!.raw, Buffer.from('x')]);
  expect((await dkimVerify(forged, { resolver })).results).not.toMatchObject([
    { status: { result: 'pass' } },
  ]);
});

it('every answer is spelled alike: camelCase names, ISO 8601 times in UTC', () => {
  const times: string[] = [];
  const names: string[] = [];
  const walk = (value: unknown, name = ''): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, name);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        names.push(key);
        walk(inner, key);
      }
    } else if (/^at$|At$/.test(name) && value !== null) times.push(String(value));
  };
  for (const { body } of documents) walk(body);
  expect(documents.length).toBeGreaterThan(30);
  expect(names.filter((name) => !/^[a-z][A-Za-z0-9]*$/.test(name))).toEqual([]);
  expect(times.length).toBeGreaterThan(100);
  expect(times.filter((time) => !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time))).toEqual([]);
});
