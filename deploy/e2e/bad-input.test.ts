/**
 * Bad input of every kind against the whole appliance: each gets its named error, which says where and repeats what was
 * sent, and nothing is changed by it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Encoding from 'encoding-japanese';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';
import { type Answer, type Credentials, HttpClient } from './http-client.ts';

const LOGIN = { email: 'tanaka@example.co.jp', password: 'a long enough password' };
const RELAY_PASSWORD = 'relay-secret-5f1c';
const ALL_SCOPES = [
  ...['audience:read', 'audience:write', 'campaigns:read', 'campaigns:write', 'campaigns:send'],
  ...['messages:send', 'deliveries:read', 'delivery:manage', 'reports:read', 'users:manage'],
  ...['settings:manage', 'webhooks:manage', 'audit:read', 'metrics:read'],
];
const READ_SCOPES = ['audience:read', 'campaigns:read', 'deliveries:read', 'reports:read'];

let dataDir: string;
let appliance: Appliance;
let http: HttpClient;
let session: Credentials;
let admin: Credentials;
let viewer: Credentials;
/** every answer of the whole run, for the last test */
const answers: string[] = [];
/** what every change would show in */
let before: unknown;
let listId: number;
let draftId: number;
let sentId: number;
let personId: number;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'todoke-bad-'));
  appliance = await startAppliance({ dataDir, delivery: 'sandbox', ...LOGIN });
  http = new HttpClient(appliance, (answer) => answers.push(answer));
  session = await http.login(LOGIN);
  admin = await http.key(session, ALL_SCOPES);
  viewer = await http.key(session, READ_SCOPES);
  listId = await create('/lists', { name: '会員' });
  personId = await create('/subscribers', { email: 'hanako@example.com', name: '花子', listIds: [listId] });
  await create('/sending-domains', { domain: 'example.jp' });
  const relay = [{ host: '127.0.0.1', port: 9, user: 'relay', password: RELAY_PASSWORD }];
  await create('/routes', { match: 'relay.example', relay });
  const content = {
    subject: '秋のお知らせ',
    from: { name: '例社', address: 'news@example.jp' },
    listIds: [listId],
    html: '<p>{{ name }} <a href="https://example.jp/autumn">見る</a></p>',
  };
  sentId = await create('/campaigns', { name: '送信済み', ...content });
  expect(await api('POST', `/campaigns/${sentId}/start`)).toMatchObject({ status: 200 });
  await settled(sentId);
  draftId = await create('/campaigns', { name: '下書き', ...content });
});
afterAll(async () => {
  await appliance?.stop();
  await rm(dataDir, { recursive: true, force: true });
});
beforeEach(async () => {
  before = await everything();
});
afterEach(async () => {
  expect(await everything()).toEqual(before);
});

const api = (method: string, path: string, body?: unknown, who: Credentials = admin): Promise<Answer> =>
  http.api(method, path, { body, who });

async function create(path: string, body: unknown): Promise<number> {
  const answer = await api('POST', path, body);
  expect(answer.status, answer.text).toBe(201);
  return answer.body.id;
}

async function settled(id: number): Promise<void> {
  while ((await api('GET', `/campaigns/${id}`)).body.state !== 'finished') await sleep(50);
}

/** All that the API shows and that a request could change; the audit log proves that nothing was done. */
async function everything(): Promise<unknown> {
  const paths = ['lists', 'attributes', 'subscribers', 'imports', 'suppressions', 'campaigns', 'deliveries'];
  paths.push('sandbox-messages', 'sending-domains', 'routes', 'users', 'api-keys', 'settings', 'queues');
  const parts = paths.map(async (path) => [path, (await api('GET', `/${path}`)).body] as const);
  const state = Object.fromEntries(await Promise.all(parts));
  // Being used is no change, and neither is the MTA's load.
  for (const key of state['api-keys'].items) delete key.lastUsedAt;
  const { mode, stopped, queued, items } = state.queues;
  state.queues = { mode, stopped, queued, items };
  const log = (await api('GET', '/audit-log?limit=500')).body.items as { action: string }[];
  // A refused login is to be remembered.
  state.audit = log.filter(({ action }) => action !== 'session.refuse');
  return state;
}

/** A problem document (RFC 9457) with this code and, in this order, these fields. */
function expectProblem(answer: Answer, status: number, code: string, errors?: object[]): void {
  expect(answer, answer.text).toMatchObject({
    status,
    type: 'application/problem+json',
    body: { type: `urn:todoke:error:${code}`, status, code, title: expect.any(String) },
  });
  if (errors) expect(answer.body.errors).toEqual(errors.map((error) => expect.objectContaining(error)));
}

describe('files that cannot be imported', () => {
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');
  const cp932 = (text: string) =>
    Buffer.from(Encoding.convert(Encoding.stringToCode(text), { to: 'SJIS', from: 'UNICODE' }));
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
  const wide = Buffer.from(`email${',x'.repeat(999_999)}\n${'a@example.jp'}${',x'.repeat(999_999)}\n`);
  const files: [string, Buffer | string, Record<string, string>, object][] = [
    ['an empty file', '', {}, { code: 'empty-file' }],
    ['a picture', png, {}, { code: 'binary-file' }],
    ['an Excel workbook', 'PK\x03\x04 and so on', {}, { code: 'excel-file' }],
    ['a heading alone', 'email,name\n', {}, { code: 'no-rows', value: 'email, name' }],
    ['no addresses', 'name,age\n花子,30\n', {}, { code: 'no-email-column', value: ['name', 'age'] }],
    ['a quote that never closes', '"email,name\na@example.jp,花子\n', {}, { code: 'broken-heading' }],
    ['a line of a million columns', wide, {}, { code: 'broken-heading' }],
    [
      'a heading of 501 columns',
      `email${',x'.repeat(500)}\n1\n`,
      {},
      { code: 'too-many-columns', value: 501 },
    ],
    ['UTF-16 without a mark', utf16('email,name\na@example.jp,花子\n'), {}, { code: 'binary-file' }],
    [
      'CP932 that is called UTF-8',
      cp932('email,name\na@example.jp,花子花子花子\n'),
      { encoding: 'utf-8' },
      { code: 'wrong-encoding', value: 'utf-8' },
    ],
    [
      'an address column that is not there',
      'a,b\na@example.jp,1\n',
      { mapping: '["nobody",null]' },
      { pointer: '/mapping/0', code: 'unknown-target', value: 'nobody' },
    ],
  ];
  it.each(files)('%s', async (_name, content, fields, error) => {
    const answer = await http.upload('/imports', { listId: String(listId), ...fields }, content, admin);
    expectProblem(answer, 422, 'import-invalid', [{ pointer: '/file', ...error }]);
  });

  it.each([
    [{ encoding: 'klingon' }, '/encoding', 'unknown-encoding', 'klingon'],
    [{ delimiter: '|' }, '/delimiter', 'unknown-delimiter', '|'],
    [{ hasHeader: 'maybe' }, '/hasHeader', 'not-a-boolean', 'maybe'],
    [{ mapping: '{' }, '/mapping', 'not-json', '{'],
    [{ listId: '999' }, '/listId', 'not-found', '999'],
  ])('the option %j', async (fields, pointer, code, value) => {
    const all = { listId: String(listId), ...fields };
    const answer = await http.upload('/imports', all, 'email\na@example.jp\n', admin);
    expectProblem(answer, 422, 'value-invalid', [{ pointer, code, value }]);
  });

  it('a form without a file, without a list, with a typo, cut off, or that is none', async () => {
    const file = 'email\na@example.jp\n';
    const list = { listId: String(listId) };
    const missing = { code: 'required', message: 'is missing' };
    const noFile = await http.upload('/imports', list, undefined, admin);
    expectProblem(noFile, 400, 'invalid-request', [{ pointer: '/file', ...missing }]);
    const noList = await http.upload('/imports', {}, file, admin);
    expectProblem(noList, 400, 'invalid-request', [{ pointer: '/listId', ...missing }]);
    const typo = await http.upload('/imports', { ...list, delimeter: ',' }, file, admin);
    expectProblem(typo, 400, 'invalid-request', [{ pointer: '/delimeter', code: 'unknown-property' }]);
    expectProblem(await api('POST', '/imports', { listId }), 415, 'unsupported-media-type');
    const cut = `--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nemail\na@exam`;
    for (const [type, body] of [
      ['multipart/form-data; boundary=x', cut],
      ['multipart/form-data', 'x'],
    ] as const) {
      const raw = await http.raw('POST', '/imports', { who: admin, headers: { 'content-type': type }, body });
      expectProblem(raw, 400, 'invalid-request');
      expect(raw.body.detail).toContain('multipart form is broken');
    }
  });

  it('a file beyond two gigabytes', async () => {
    // The preview keeps nothing but the beginning, so this costs no disk.
    const answer = await http.uploadBytes('/imports/preview', 2 * 1024 ** 3 + 1, admin);
    expectProblem(answer, 413, 'body-too-large');
  });

  it('broken rows are left out by line and reason, all others are taken', async () => {
    const rows = ['email,name', '"broken@example.jp,花子', 'hanako@example.com,花子', '=cmd|x,悪', ',誰'];
    const long = `long@example.jp${',x'.repeat(999_999)}`;
    const file = [...rows, long].join('\n');
    const other = await create('/lists', { name: '取り込み' });
    const { body: accepted } = await http.upload('/imports', { listId: String(other) }, file, admin);
    let done = accepted;
    while (done.state === 'queued' || done.state === 'running') {
      await sleep(20);
      done = (await api('GET', `/imports/${accepted.id}`)).body;
    }
    expect(done).toMatchObject({ state: 'done', rows: 5, created: 0, updated: 1, rejected: 4 });
    const csv = (await api('GET', `/imports/${accepted.id}/rejected.csv`)).text.split('\r\n');
    expect(csv.slice(1, -1).map((line) => line.split(',').slice(0, 3))).toEqual([
      ['2', '取り込まず / rejected', 'quote-not-closed'],
      ['4', '取り込まず / rejected', 'no-at'],
      ['5', '取り込まず / rejected', 'empty'],
      ['6', '取り込まず / rejected', 'line-too-long'],
    ]);
    // A spreadsheet must not run what somebody typed into a form.
    expect(csv[2]).toContain(`,'=cmd|x,`);
    before = await everything();
  });
});

describe('content that cannot be compiled', () => {
  it.each([
    ['subject', 'output-unclosed', '', 1, 6, 'お知らせ {{ name'],
    ['subject', 'filter-unknown', 'shout', 1, 11, '{{ name | shout }}'],
    ['html', 'tag-unclosed', '', 3, 3, '<p>一\n二</p>\n  {% if name %}'],
    ['html', 'filter-unknown', 'nofilter', 1, 14, '<p>{{ name | nofilter }}</p>'],
    ['html', 'tag-unknown', 'include', 2, 1, '<p>\n{% include "secret" %}'],
    ['html', 'too-much-work', '', 1, 1, '{% for i in (1..1000000000) %}x{% endfor %}'],
    ['html', 'too-deep', '', 1, 1, '<div>'.repeat(100_000)],
    ['text', 'for-syntax', '', 3, 3, '一\n\n  {% for %}'],
    ['text', 'tag-unopened', '', 1, 1, '{% endif %}'],
  ])('%s: %s %s in line %i, column %i', async (field, code, value, line, column, source) => {
    const place = { pointer: `/${field}`, code, line, column, ...(value && { value }) };
    const preview = await api('POST', `/campaigns/${draftId}/preview`, { [field]: source });
    expectProblem(preview, 422, 'content-invalid', [place]);
    expect(preview.body.detail).toContain(`${field}, line ${line}, column ${column}`);
    expect(preview.body.errors[0].message).not.toMatch(/node_modules|\.ts:/);
    // The same by a start, of a campaign that is as broken.
    const body = {
      name: 'X',
      subject: 'X',
      from: { address: 'news@example.jp' },
      text: 'x',
      listIds: [listId],
    };
    const broken = await create('/campaigns', { ...body, [field]: source });
    for (const action of ['start', 'test']) {
      const send = action === 'test' ? { to: ['me@example.jp'] } : {};
      const answer = await api('POST', `/campaigns/${broken}/${action}`, send);
      expectProblem(answer, 422, 'content-invalid', [place]);
    }
    expect((await api('DELETE', `/campaigns/${broken}`)).status).toBe(204);
    before = await withoutNewAudit();
  });
});

/** After a test that has made and removed something itself: only its own audit entries are new. */
async function withoutNewAudit(): Promise<unknown> {
  const now = (await everything()) as { audit: unknown };
  expect({ ...now, audit: null }).toEqual({ ...(before as object), audit: null });
  return now;
}

describe('line breaks where a header is made of it', () => {
  const evil = 'X\r\nBcc: victim@example.com\r\n\r\nbody';
  const base = { name: 'X', subject: 'X', from: { address: 'news@example.jp' }, text: 'x' };
  it.each([
    [{ from: { address: `news@example.jp\r\nBcc: victim@example.com` } }, '/from/address'],
    [{ replyTo: `news@example.jp\r\nBcc: victim@example.com` }, '/replyTo'],
  ])('%j is refused where it would be sent', async (fields, pointer) => {
    const id = await create('/campaigns', { ...base, listIds: [listId], ...fields });
    const answer = await api('POST', `/campaigns/${id}/start`);
    expectProblem(answer, 409, 'preflight-failed', [{ pointer, value: expect.stringContaining('\r\nBcc') }]);
    expect((await api('POST', `/campaigns/${id}/test`, { to: ['a@example.jp'] })).status).not.toBe(202);
    expect((await api('DELETE', `/campaigns/${id}`)).status).toBe(204);
    before = await withoutNewAudit();
  });

  it('addresses are refused at once', async () => {
    const address = 'a@example.jp\r\nBcc: victim@example.com';
    const code = 'control-character';
    const test = await api('POST', `/campaigns/${draftId}/test`, { to: [address] });
    expectProblem(test, 422, 'address-invalid', [{ pointer: '/to/0', code, value: address }]);
    const person = await api('POST', '/subscribers', { email: address });
    expectProblem(person, 422, 'address-invalid', [{ pointer: '/email', code, value: address }]);
    const suppression = await api('POST', '/suppressions', { email: address });
    expectProblem(suppression, 422, 'address-invalid', [{ pointer: '/email', code, value: address }]);
    const domain = await api('POST', '/sending-domains', { domain: 'example.jp\r\nx' });
    expectProblem(domain, 422, 'value-invalid', [{ pointer: '/domain' }]);
    const route = await api('POST', '/routes', { match: '*', relay: [{ host: 'a\r\nb', port: 25 }] });
    expectProblem(route, 422, 'value-invalid', [{ pointer: '/relay/0/host', value: 'a\r\nb' }]);
  });

  it('subject, sender’s name, list’s name and a person’s values stay on their line', async () => {
    const list = await create('/lists', { name: evil });
    const person = await create('/subscribers', { email: 'p@example.com', name: evil, listIds: [list] });
    const fields = { subject: `${evil} {{ name }}`, from: { name: evil, address: 'news@example.jp' } };
    const id = await create('/campaigns', { ...base, ...fields, listIds: [list] });
    expect((await api('POST', `/campaigns/${id}/start`)).status).toBe(200);
    await settled(id);
    const [mail] = (await api('GET', '/sandbox-messages')).body.items;
    expect(mail.to).toBe('p@example.com');
    const { headers } = (await api('GET', `/sandbox-messages/${mail.id}`)).body;
    const names = headers.map(({ name }: { name: string }) => name.toLowerCase());
    expect(names).not.toContain('bcc');
    expect(names).toEqual(expect.arrayContaining(['subject', 'from', 'list-id', 'mime-version']));
    const source = (await api('GET', `/sandbox-messages/${mail.id}/source`)).text;
    expect(source.slice(0, source.indexOf('\r\n\r\n'))).toMatch(/^mime-version: 1\.0$/im);
    expect((await api('DELETE', `/subscribers/${person}`)).status).toBe(204);
    before = await everything();
  });
});

describe('tokens', () => {
  /** links of the mail that was sent, as its reader has them */
  async function links(): Promise<{ open: string; click: string; unsubscribe: string }> {
    const { items } = (await api('GET', '/sandbox-messages')).body;
    const mail = items.find(({ to }: { to: string }) => to === 'hanako@example.com');
    const html = (await api('GET', `/sandbox-messages/${mail.id}/html`)).text;
    const token = (pattern: RegExp) => pattern.exec(html)?.[1] ?? expect.fail(`no ${pattern} in ${html}`);
    return {
      open: token(/\/o\/([^".]+)\.gif/),
      click: token(/\/c\/([^"]+)"/),
      unsubscribe: token(/\/u\/([^"]+)"/),
    };
  }
  const flipped = (token: string) => {
    const bytes = Buffer.from(token.split('.')[0]!, 'base64url');
    bytes[bytes.length - 1]! ^= 1;
    return [bytes.toString('base64url'), ...token.split('.').slice(1)].join('.');
  };
  const bad = ['x', 'x.0', '%00', '%zz', '%ff', '..%2f..%2fetc%2fpasswd', 'x'.repeat(5000)];

  it('that are not ours: /o/ answers the picture, /c/ and /u/ a friendly page', async () => {
    const { open, click, unsubscribe } = await links();
    for (const token of [...bad, flipped(open), unsubscribe, click.split('.')[0]!]) {
      const answer = await http.reader('GET', `/o/${token}.gif`);
      expect(answer, token).toMatchObject({ status: 200, type: 'image/gif' });
    }
    const pages = [...bad, flipped(click), flipped(unsubscribe), open];
    for (const path of [
      ...pages.flatMap((token) => [`/c/${token}`, `/u/${token}`]),
      `/c/${unsubscribe}.0`,
      `/c/${click.replace(/\.\d+$/, '.7')}`,
      `/c/${click}/${Buffer.from('https://evil.example/').toString('base64url')}`,
      `/u/${click}`,
      `/u/${click.split('.')[0]}`,
    ]) {
      const answer = await http.reader('GET', path);
      expect(answer, path).toMatchObject({ status: 404, type: 'text/html; charset=utf-8' });
      expect(answer.text).toContain('このリンクは使えません');
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
      if (path.startsWith('/u/')) expect(await http.reader('POST', path)).toMatchObject({ status: 404 });
    }
  });

  it('do not open anything but their own purpose on the public port', async () => {
    for (const path of ['/api/v1/lists', '/api/v1/session', '/metrics', '/readyz', '/api/docs']) {
      expectProblem(await http.reader('GET', path, { accept: 'application/json' }), 404, 'not-found');
    }
    expect(await http.reader('GET', '/')).toMatchObject({ status: 404, type: 'text/html; charset=utf-8' });
  });

  it('a form that is too large, and a look that is none', async () => {
    const { unsubscribe } = await links();
    const body = 'x'.repeat(10_000);
    expectProblem(await http.reader('POST', `/u/${unsubscribe}`, {}, body), 413, 'body-too-large');
    expect(await http.reader('GET', `/u/${unsubscribe}`)).toMatchObject({ status: 200 });
    expect(await http.reader('HEAD', `/u/${unsubscribe}`)).toMatchObject({ status: 200 });
  });
});

describe('requests of the wrong form', () => {
  const post = (headers: Record<string, string>, body: string, path = '/lists') =>
    http.raw('POST', path, { who: admin, headers, body });
  const json = { 'content-type': 'application/json' };

  it.each([
    ['{"name": "x"', 'it ends too early|line 1'],
    ['{"name": x}', 'unexpected x'],
    ['{"__proto__": {"admin": true}}', '__proto__'],
    ['{"password": "hunter2", oops}', 'JSON'],
  ])('JSON that is none: %s', async (body, said) => {
    const answer = await post(json, body);
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.body.detail).toMatch(new RegExp(said));
    expect(answer.text).not.toContain('hunter2');
  });

  it('a body that is too large, by its length and as it comes', async () => {
    const body = JSON.stringify({ name: 'x', html: 'x'.repeat(9 * 1024 * 1024) });
    expectProblem(await post(json, body, '/campaigns'), 413, 'body-too-large');
    const login = JSON.stringify({ email: 'a@example.jp', password: 'x'.repeat(20_000) });
    const raw = await http.raw('POST', '/session', { headers: json, body: login });
    expectProblem(raw, 413, 'body-too-large');
    const long = await api('POST', '/campaigns', { name: 'x', html: 'x'.repeat(1_000_001) });
    expectProblem(long, 400, 'invalid-request', [{ pointer: '/html', code: 'maxLength' }]);
    expect(long.text.length).toBeLessThan(2000);
  });

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'x'])(
    'the content type %s',
    async (type) => {
      expectProblem(await post({ 'content-type': type }, '{"name":"x"}'), 415, 'unsupported-media-type');
    },
  );

  it.each([
    ['POST', '/lists', {}, [{ pointer: '/name', code: 'required' }]],
    [
      'POST',
      '/lists',
      { nmae: 'x', name: 'x' },
      [{ pointer: '/nmae', code: 'unknown-property', value: 'x' }],
    ],
    ['POST', '/lists', { name: null }, [{ pointer: '/name', code: 'type', value: null }]],
    ['POST', '/lists', [], [{ pointer: '', code: 'type' }]],
    [
      'POST',
      '/campaigns',
      { name: 'x', listIds: ['x'] },
      [{ pointer: '/listIds/0', code: 'type', value: 'x' }],
    ],
    ['POST', '/campaigns', { name: 'x', listIds: [1.5] }, [{ pointer: '/listIds/0', value: 1.5 }]],
    ['POST', '/campaigns', { name: 'x', from: { adress: 'a' } }, undefined],
    [
      'POST',
      '/attributes',
      { key: 'Bad Key', label: 'x', type: 'text' },
      [{ pointer: '/key', value: 'Bad Key' }],
    ],
    ['POST', '/attributes', { key: 'k', label: 'x', type: 'blob' }, [{ pointer: '/type', value: 'blob' }]],
    [
      'POST',
      '/routes',
      { match: '*', relay: [{ host: 'a', port: 70_000 }] },
      [{ pointer: '/relay/0/port', value: 70_000 }],
    ],
    [
      'POST',
      '/users',
      { email: 'a@b.jp', name: 'x', role: 'king', password: 'x'.repeat(12) },
      [{ pointer: '/role', value: 'king' }],
    ],
    [
      'POST',
      '/api-keys',
      { name: 'x', scopes: ['everything'] },
      [{ pointer: '/scopes/0', value: 'everything' }],
    ],
    ['GET', '/lists?limit=0', undefined, [{ pointer: 'limit', code: 'minimum', value: 0 }]],
    ['GET', '/lists?limit=many', undefined, [{ pointer: 'limit', code: 'type', value: 'many' }]],
    ['GET', '/lists?cursor=x', undefined, [{ pointer: 'cursor', code: 'cursor-invalid', value: 'x' }]],
    ['GET', '/campaigns?state=asleep', undefined, [{ pointer: 'state', value: 'asleep' }]],
    [
      'GET',
      '/deliveries?campainId=1',
      undefined,
      [{ pointer: 'campainId', code: 'unknown-property', value: '1' }],
    ],
    [
      'GET',
      '/deliveries?from=yesterday',
      undefined,
      [{ pointer: 'from', code: 'format', value: 'yesterday' }],
    ],
    ['GET', '/deliveries?from=2026-01-01T00:00:00%2B09', undefined, [{ pointer: 'from', code: 'format' }]],
  ] as const)('%s %s %.80j', async (method, path, body, errors) => {
    expectProblem(await api(method, path, body), 400, 'invalid-request', errors && [...errors]);
  });

  it('values that the schema cannot judge', async () => {
    const listIds = await api('POST', '/campaigns', { name: 'x', listIds: [listId, 999] });
    expectProblem(listIds, 422, 'value-invalid', [
      { pointer: '/listIds/1', code: 'list-unknown', value: 999 },
    ]);
    const email = await api('POST', '/subscribers', { email: 'not an address' });
    expectProblem(email, 422, 'address-invalid', [{ pointer: '/email', value: 'not an address' }]);
    const zone = await api('PATCH', '/settings', { timeZone: 'Mars/Olympus' });
    expectProblem(zone, 422, 'value-invalid', [{ pointer: '/timeZone', value: 'Mars/Olympus' }]);
    const url = await api('PATCH', '/settings', { publicUrl: 'javascript:alert(1)' });
    expectProblem(url, 422, 'value-invalid', [{ pointer: '/publicUrl', value: 'javascript:alert(1)' }]);
    const mode = await api('PATCH', '/settings', { delivery: { mode: 'live' } });
    expectProblem(mode, 409, 'setting-locked', [{ pointer: '/delivery/mode', value: 'live' }]);
    const match = await api('POST', '/routes', { match: '*.*.jp' });
    expectProblem(match, 422, 'value-invalid', [{ pointer: '/match', value: '*.*.jp' }]);
    const twice = await api('POST', '/sending-domains', { domain: 'EXAMPLE.jp' });
    expectProblem(twice, 409, 'already-exists', [{ pointer: '/domain', value: 'example.jp' }]);
  });

  it('bytes that are no HTTP', async () => {
    const { hostname, port } = new URL(appliance.adminUrl);
    const socket = connect(Number(port), hostname);
    socket.end('\x16\x03\x01 this is TLS, or so it thinks\r\n\r\n');
    let answer = '';
    for await (const chunk of socket.setEncoding('utf8')) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"invalid-request"');
  });
});

/** Every route with an id, as the OpenAPI document names them. */
async function routesWithIds(): Promise<{ method: string; path: string }[]> {
  const { paths } = (await api('GET', '/openapi.json')).body;
  return Object.entries(paths as Record<string, object>)
    .filter(([path]) => path.includes('{'))
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({
        method: method.toUpperCase(),
        path: path.replace('/api/v1', ''),
      })),
    );
}

/** A body that gets past the form check, where a route needs one. */
const VALID: Record<string, unknown> = {
  'PATCH /attributes/{id}': { label: 'x' },
  'POST /campaigns/{id}/test': { to: ['a@example.jp'] },
  'POST /campaigns/{id}/schedule': { at: '2099-01-01T00:00:00Z' },
  'POST /webhooks/{id}/replay': { since: '2026-01-01T00:00:00Z' },
};

describe('ids', () => {
  /** Names that stand in a path besides ids: well-formed, and nobody's. */
  const NAMES: Record<string, string> = {
    provider: 'nobody',
    address: '192.0.2.9',
    day: '2020-01-01',
    domain: 'nobody.example',
  };
  const fill = (path: string, id: string) =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => NAMES[name] ?? id);

  it('that nothing has are 404 on every resource', async () => {
    const routes = await routesWithIds();
    expect(routes.length).toBeGreaterThan(30);
    for (const { method, path } of routes) {
      const answer = await api(method, fill(path, '987654'), VALID[`${method} ${path}`]);
      expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(404);
      expectProblem(answer, 404, 'not-found');
    }
  });

  it('that are none are 400 and named', async () => {
    for (const { method, path } of await routesWithIds()) {
      if (fill(path, '') === fill(path, '1')) continue;
      for (const id of ['abc', '0', '-1', '1.5', '99999999999999999999', '%00']) {
        const answer = await api(method, fill(path, id), VALID[`${method} ${path}`]);
        expect(answer.status, `${method} ${path} with ${id}: ${answer.text}`).toBe(400);
        expectProblem(answer, 400, 'invalid-request');
        expect(answer.body.errors[0]).toMatchObject({
          pointer: expect.stringMatching(/^(id|subscriberId|keyId|deliveryId)$/),
        });
      }
    }
  });

  it('paths that do not exist, or leave the folder', async () => {
    for (const path of ['/segments/1', '/nothing', '/lists/1/nothing']) {
      expectProblem(await api('GET', path), 404, 'not-found');
    }
    for (const path of ['/../package.json', '/%2e%2e/package.json', '/assets/..%2f..%2f..%2fpackage.json']) {
      const answer = await http.bytes(path);
      expect(answer).not.toContain('"todoke"');
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
  });
});

describe('rights', () => {
  const PUBLIC = new Set(['POST /session', 'GET /healthz', 'GET /readyz']);
  interface Route {
    method: string;
    path: string;
  }
  async function allRoutes(): Promise<Route[]> {
    const { paths } = (await api('GET', '/openapi.json')).body;
    return Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods)
        .map((method) => ({ method: method.toUpperCase(), path: path.replace('/api/v1', '') }))
        .filter(({ method }) => path.startsWith('/api/v1') && !PUBLIC.has(`${method} ${path.slice(7)}`)),
    );
  }
  const at = ({ path }: Route) => path.replaceAll(/\{\w+\}/g, '1');

  it('nobody without a login passes, whatever they bring', async () => {
    const nobody: Credentials[] = [
      {},
      { authorization: 'Bearer tdk_wrong' },
      { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` },
      { authorization: 'Bearer' },
      { cookie: 'todoke_session=wrong' },
    ];
    for (const route of await allRoutes()) {
      for (const who of nobody) {
        const answer = await api(route.method, at(route), route.method === 'GET' ? undefined : {}, who);
        expect(answer.status, `${route.method} ${route.path}`).toBe(401);
        expectProblem(answer, 401, 'not-logged-in');
      }
    }
    // A wrong key beside a good session is not the session.
    const both = await api('GET', '/lists', undefined, { ...session, authorization: 'Bearer tdk_wrong' });
    expectProblem(both, 401, 'not-logged-in');
  });

  it('a viewer’s key writes nothing', async () => {
    // Previews change nothing; a session is for people.
    const harmless = new Set(['POST /campaigns/{id}/preview']);
    const writes = (await allRoutes()).filter(
      ({ method, path }) => method !== 'GET' && method !== 'HEAD' && !harmless.has(`${method} ${path}`),
    );
    expect(writes.length).toBeGreaterThan(35);
    for (const route of writes) {
      const answer = await api(route.method, at(route), {}, viewer);
      expect(answer.status, `${route.method} ${route.path}`).toBe(403);
      expectProblem(answer, 403, 'forbidden');
    }
    for (const path of ['/users', '/api-keys', '/audit-log', '/routes', '/session', '/events']) {
      expectProblem(await api('GET', path, undefined, viewer), 403, 'forbidden');
    }
  });

  it('nobody gives what they do not have, and a person’s values need the right to read people', async () => {
    const weak = await http.key(session, ['users:manage', 'campaigns:read', 'campaigns:write']);
    const key = await api('POST', '/api-keys', { name: 'x', scopes: ['audience:read'] }, weak);
    expectProblem(key, 403, 'forbidden');
    const user = { email: 'b@example.jp', name: 'b', role: 'administrator', password: 'x'.repeat(12) };
    expectProblem(await api('POST', '/users', user, weak), 403, 'forbidden');
    const password = { password: 'stolen account' };
    expectProblem(await api('PATCH', '/users/1', password, weak), 403, 'forbidden');
    const preview = { html: '{{ email }}', subscriberId: personId };
    const shown = await api('POST', `/campaigns/${draftId}/preview`, preview, weak);
    expectProblem(shown, 403, 'forbidden');
    expectProblem(await api('GET', '/search?q=hanako', undefined, weak), 403, 'forbidden');
    const { id } = (await api('GET', '/api-keys')).body.items[0];
    expect((await api('DELETE', `/api-keys/${id}`)).status).toBe(204);
    expectProblem(await api('GET', '/campaigns', undefined, weak), 401, 'not-logged-in');
    before = await everything();
  });

  it('a page of another origin cannot use somebody’s login', async () => {
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: appliance.publicUrl },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: appliance.adminUrl },
    ]) {
      const body = { name: 'forged' };
      const who = { ...session, ...headers } as Credentials;
      expectProblem(await api('POST', '/lists', body, who), 403, 'csrf-failed');
      expectProblem(await api('POST', '/session', LOGIN, headers as Credentials), 403, 'csrf-failed');
    }
  });

  it('a wrong password tells nothing, and many of them are slowed down', async () => {
    const login = (email: string) => api('POST', '/session', { email, password: 'wrong password' }, {});
    const [known, unknown] = [await login(LOGIN.email), await login('nobody@example.jp')];
    expectProblem(known, 401, 'wrong-credentials');
    expect(unknown.body).toEqual(known.body);
    for (let i = 0; i < 9; i++) await login('nobody@example.jp');
    const slowed = await login('nobody@example.jp');
    expectProblem(slowed, 429, 'too-many-requests');
    expect(Number(slowed.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('states', () => {
  it('campaigns move only along their ways', async () => {
    const illegal: [number, string[]][] = [
      [draftId, ['pause', 'resume', 'cancel', 'unschedule']],
      [sentId, ['start', 'schedule', 'unschedule', 'pause', 'resume', 'cancel']],
    ];
    for (const [id, actions] of illegal) {
      for (const action of actions) {
        const body = action === 'schedule' ? { at: '2099-01-01T00:00:00Z' } : {};
        expectProblem(await api('POST', `/campaigns/${id}/${action}`, body), 409, 'wrong-state');
      }
    }
    expectProblem(await api('PATCH', `/campaigns/${sentId}`, { subject: 'x' }), 409, 'wrong-state');
    expectProblem(await api('DELETE', `/campaigns/${sentId}`), 409, 'wrong-state');
  });

  it('a stale revision, and times that are past or none', async () => {
    const stale = await api('PATCH', `/campaigns/${draftId}`, { subject: 'x', revision: 0 });
    expectProblem(stale, 409, 'revision-conflict', [{ pointer: '/revision', value: 1 }]);
    const at = (value: unknown) => api('POST', `/campaigns/${draftId}/schedule`, { at: value });
    const past = await at('2020-01-01T00:00:00Z');
    expectProblem(past, 422, 'value-invalid', [
      { pointer: '/at', code: 'time-past', value: '2020-01-01T00:00:00.000Z' },
    ]);
    for (const value of [
      'tomorrow',
      '2099-13-01T00:00:00Z',
      '2099-01-01T10:00:00+09',
      '2098-12-31T23:59:60Z',
    ]) {
      expectProblem(await at(value), 400, 'invalid-request', [{ pointer: '/at', code: 'format', value }]);
    }
  });

  it('Idempotency-Key: another request, another path, no key at all', async () => {
    const post = (key: string, body: unknown, path = '/lists') =>
      http.api('POST', path, { body, who: admin, headers: { 'idempotency-key': key } });
    const first = await post('one', { name: '一度だけ' });
    expect(first.status).toBe(201);
    before = await everything();
    const again = await post('one', { name: '一度だけ' });
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expectProblem(await post('one', { name: '別' }), 409, 'idempotency-conflict');
    expectProblem(await post('one', {}, `/campaigns/${draftId}/duplicate`), 409, 'idempotency-conflict');
    for (const bad of ['', 'with space', 'x'.repeat(256)]) {
      expectProblem(await post(bad, { name: 'x' }), 400, 'invalid-request', [{ pointer: 'idempotency-key' }]);
    }
    // A key belongs to who sent it.
    const foreign = await http.api('POST', '/lists', {
      body: { name: '一度だけ' },
      who: viewer,
      headers: { 'idempotency-key': 'one' },
    });
    expectProblem(foreign, 403, 'forbidden');
  });
});

it('no answer ever holds a password, a private key or a token’s key', async () => {
  const paths = ['/routes', '/sending-domains', '/settings', '/users', '/api-keys', '/audit-log', '/session'];
  for (const path of paths) await api('GET', path, undefined, path === '/session' ? session : admin);
  const [route] = (await api('GET', '/routes')).body.items;
  expect(route.relay[0]).toMatchObject({ user: 'relay', hasPassword: true });
  expect(answers.length).toBeGreaterThan(500);
  for (const answer of answers) {
    expect(answer).not.toContain(RELAY_PASSWORD);
    expect(answer).not.toContain(LOGIN.password);
    expect(answer).not.toMatch(/PRIVATE KEY|\$scrypt|"tokenKey"|"keyHash"|"passwordHash"/i);
  }
  expect(appliance.lastLines()).not.toMatch(new RegExp(`${RELAY_PASSWORD}|hanako@|PRIVATE KEY`));
});
