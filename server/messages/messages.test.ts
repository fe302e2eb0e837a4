import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { LedgerRow } from '../../mta/index.ts';
import { sendingDomains } from '../db/schema.ts';
import { suppressionRoutes } from '../suppression/routes.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { dropUnanswered, messageRef } from './accept.ts';
import { messageRoutes, templateRoutes } from './routes.ts';
import { recipientStates } from './state.ts';

let harness: Harness;
let headers: Record<string, string>;
beforeEach(async () => {
  harness = await startHarness({ features: [messageRoutes, templateRoutes, suppressionRoutes] });
  ({ headers } = await harness.login('administrator'));
});
afterEach(() => harness.close());

const api = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object, more = {}) =>
  call(harness.admin, method, `/api/v1${path}`, { ...headers, ...more }, body);
const message = {
  from: { name: '例商店', address: 'shop@example.jp' },
  to: 'Taro@Example.com',
  subject: 'ご注文 {{ number }}',
  text: '{{ name }}様',
  variables: { number: 7, name: '山田' },
};
const job = (id: number) => harness.deps.spool.jobByRef(messageRef(id));
const codes = (answer: { body: { errors: { pointer: string; code: string }[] } }) =>
  answer.body.errors.map(({ pointer, code }) => `${pointer} ${code}`);

test('a message is accepted: in the spool, sealed, of its own class, and the MTA is told', async () => {
  const made = await api('POST', '/messages', message);
  expect([made.status, made.body]).toEqual([202, { id: expect.any(Number) }]);
  const found = job(made.body.id)!;
  expect(found).toMatchObject({ sealed: true, enqueued: 1, settled: 0 });
  expect(harness.deps.spool.queuedByClass()).toEqual({ transactional: 1, test: 0, bulk: 0 });
  expect(harness.sent.mta).toContainEqual({ type: 'wake', jobId: found.id });
  expect((await api('GET', `/messages/${made.body.id}`)).body).toMatchObject({
    via: 'api',
    from: message.from,
    subject: message.subject,
    recipients: [{ address: 'Taro@Example.com', state: 'queued' }],
    sendAt: null,
    events: [],
  });
});

test('a repeated request with its Idempotency-Key sends nothing twice', async () => {
  const first = await api('POST', '/messages', message, { 'idempotency-key': 'order-7' });
  const again = await api('POST', '/messages', message, { 'idempotency-key': 'order-7' });
  expect([again.status, again.body]).toEqual([202, first.body]);
  expect(harness.deps.spool.queued()).toBe(1);
});

describe('refused, with every mistake named', () => {
  it.each([
    ['no recipient', { ...message, to: undefined }, 400, ['/to required']],
    ['no sender and no recipient', { subject: 's', text: 't' }, 400, ['/from required', '/to required']],
    ['a bad address', { ...message, to: 'taro' }, 422, ['/to no-at']],
    ['a bad sender', { ...message, from: { address: 'shop' } }, 422, ['/from/address address-no-at']],
    ['no content', { ...message, text: undefined }, 422, ['/html content-missing']],
    ['no subject', { ...message, subject: undefined }, 422, ['/subject required']],
    ['broken Liquid', { ...message, text: 'a\n{{ name' }, 422, ['/text output-unclosed']],
    ['a template that is not there', { ...message, templateId: 9 }, 422, ['/templateId not-found']],
    ['a pool that is not there', { ...message, poolId: 9 }, 422, ['/poolId not-found']],
    ['a time far ahead', { ...message, sendAt: '2099-01-01T00:00:00Z' }, 422, ['/sendAt value-invalid']],
    ['a header of ours', { ...message, headers: { Bcc: 'x@y.jp' } }, 422, ['/headers header-reserved']],
    [
      'an attachment that is no base64',
      { ...message, attachments: [{ filename: 'a.txt', contentType: 'text/plain', content: '%%%' }] },
      422,
      ['/attachments attachment-encoding'],
    ],
    ['a typo', { ...message, sendat: 'x' }, 400, ['/sendat unknown-property']],
    [
      'two at once',
      { ...message, to: 'xyz', from: { address: 'y' } },
      422,
      ['/to no-at', '/from/address address-no-at'],
    ],
  ])('%s', async (_name, body, status, expected) => {
    const answer = await api('POST', '/messages', body);
    expect(answer.status).toBe(status);
    expect(codes(answer)).toEqual(expected);
    expect(harness.deps.spool.queued()).toBe(0);
  });

  it('a suppressed address, with the reason; one that only leaves marketing gets its receipt', async () => {
    await api('POST', '/suppressions', { email: 'taro@example.com', scope: 'marketing' });
    expect((await api('POST', '/messages', message)).status).toBe(202);
    await api('POST', '/suppressions', { email: 'taro@example.com' });
    const answer = await api('POST', '/messages', message);
    expect(answer.body).toMatchObject({
      code: 'value-invalid',
      errors: [
        { pointer: '/to', code: 'suppressed', value: message.to, message: expect.stringContaining('manual') },
      ],
    });
  });

  it('in live mode, a From domain that is not set up', async () => {
    await harness.close();
    harness = await startHarness({ features: [messageRoutes], env: { TODOKE_DELIVERY: 'live' } });
    ({ headers } = await harness.login('administrator'));
    expect(codes(await api('POST', '/messages', message))).toEqual(['/from/address sending-domain-missing']);
    harness.db
      .insert(sendingDomains)
      .values({ domain: 'example.jp', returnPathDomain: 'b.example.jp' })
      .run();
    expect((await api('POST', '/messages', message)).status).toBe(202);
  });
});

describe('several at once', () => {
  it('have each its own answer', async () => {
    const messages = [message, { ...message, to: 'bad' }, { ...message, to: 'hanako@example.com' }];
    const answer = await api('POST', '/messages', { messages });
    expect(answer.status).toBe(202);
    expect(answer.body.items).toEqual([
      { id: expect.any(Number) },
      { errors: [expect.objectContaining({ pointer: '/to', code: 'no-at', value: 'bad' })] },
      { id: answer.body.items[0].id + 1 },
    ]);
    expect(harness.deps.spool.queued()).toBe(2);
  });

  it('1,000 are taken, 1,001 are not', async () => {
    const many = (count: number) => ({ messages: Array.from({ length: count }, () => message) });
    expect((await api('POST', '/messages', many(1001))).status).toBe(400);
    const taken = await api('POST', '/messages', many(1000));
    expect(taken.body.items).toHaveLength(1000);
    expect(harness.deps.spool.queued()).toBe(1000);
  });

  it('and a field beside them is a mistake', async () => {
    expect(codes(await api('POST', '/messages', { messages: [message], subject: 'x' }))).toEqual([
      '/subject unknown-property',
    ]);
  });
});

describe('templates', () => {
  const template = { name: '受注', subject: 'ご注文 {{ number }}', html: '<p>{{ name }}様</p>' };
  const make = async () => (await api('POST', '/templates', template)).body;

  it('are made, changed, listed and deleted', async () => {
    const made = await make();
    expect(made).toMatchObject({ ...template, text: '', variables: ['name', 'number'] });
    expect(codes(await api('POST', '/templates', template))).toEqual(['/name already-exists']);
    const changed = await api('PATCH', `/templates/${made.id}`, { html: '<p>x</p>' });
    expect(changed.body).toMatchObject({ html: '<p>x</p>', variables: ['number'] });
    expect(codes(await api('PATCH', `/templates/${made.id}`, { html: '{% if %}' }))).toEqual([
      '/html value-missing',
    ]);
    expect((await api('GET', '/templates')).body).toEqual({ items: [changed.body], nextCursor: null });
    expect((await api('DELETE', `/templates/${made.id}`)).status).toBe(204);
    expect((await api('GET', `/templates/${made.id}`)).status).toBe(404);
  });

  it('give a message what it does not bring itself', async () => {
    const { id } = await make();
    const { subject: _subject, text: _text, ...rest } = message;
    const sent = await api('POST', '/messages', { ...rest, templateId: id });
    expect((await api('GET', `/messages/${sent.body.id}`)).body).toMatchObject({
      subject: template.subject,
      templateId: id,
    });
    await api('DELETE', `/templates/${id}`);
    expect((await api('GET', `/messages/${sent.body.id}`)).body.templateId).toBeNull();
  });
});

test('a message is cancelled as long as it has not left', async () => {
  const { id } = (
    await api('POST', '/messages', { ...message, sendAt: new Date(Date.now() + 3_600_000).toISOString() })
  ).body;
  const before = await api('GET', `/messages/${id}`);
  expect(before.body.recipients).toEqual([{ address: message.to, state: 'scheduled' }]);
  const cancelled = await api('POST', `/messages/${id}/cancel`);
  expect(cancelled.body.recipients).toEqual([{ address: message.to, state: 'cancelled' }]);
  expect(job(id)!.state).toBe('cancelled');
  expect(harness.sent.mta).toContainEqual({ type: 'job', jobId: job(id)!.id });
  expect((await api('POST', '/messages/999/cancel')).status).toBe(404);
});

test('the list finds by whole address and by tag, page by page', async () => {
  const send = async (body: object) => (await api('POST', '/messages', { ...message, ...body })).body.id;
  const ids = [
    await send({ tags: ['a', 'b'] }),
    await send({ to: 'hanako@example.com', tags: ['b'] }),
    await send({}),
  ];
  const found = async (query: string) =>
    (await api('GET', `/messages?${query}`)).body.items.map(({ id }: { id: number }) => id);
  expect(await found('')).toEqual([...ids].reverse());
  expect(await found('recipient=TARO@example.com')).toEqual([ids[2], ids[0]]);
  expect(await found('tag=b')).toEqual([ids[1], ids[0]]);
  const page = await api('GET', '/messages?limit=2');
  expect(await found(`limit=2&cursor=${page.body.nextCursor}`)).toEqual([ids[0]]);
});

test('what a crash left without a job was never answered for, and goes', async () => {
  const { id } = (await api('POST', '/messages', message)).body;
  const insert = harness.db.$client.prepare(
    `INSERT INTO messages (via, actor_kind, from_name, from_address, subject) VALUES ('api', 'key', '', 'a@b.jp', 's')`,
  );
  insert.run();
  insert.run();
  expect(dropUnanswered(harness.deps)).toBe(2);
  expect((await api('GET', '/messages')).body.items).toMatchObject([{ id }]);
});

describe('what became of a recipient', () => {
  const row = (
    deliveryId: number,
    recipient: string,
    kind: LedgerRow['kind'],
    reason: LedgerRow['reason'] = '',
  ) => ({
    deliveryId,
    recipient,
    kind,
    reason,
  });
  const waiting = { job: 'active' as const, sendAt: null, at: 100 };
  it.each([
    ['nothing yet', [], waiting, ['queued', 'queued']],
    ['its time is to come', [], { ...waiting, sendAt: 101 }, ['scheduled', 'scheduled']],
    ['cancelled before', [], { ...waiting, job: 'cancelled' as const }, ['cancelled', 'cancelled']],
    ['one is there', [row(1, 'b', 'delivered')], waiting, ['queued', 'delivered']],
    [
      'later than at first',
      [row(1, 'a', 'deferred'), row(1, 'a', 'delivered')],
      waiting,
      ['delivered', 'queued'],
    ],
    ['it came back', [row(1, 'a', 'delivered'), row(1, 'a', 'bounced')], waiting, ['bounced', 'queued']],
    ['read', [row(1, 'a', 'delivered'), row(1, '', 'opened')], waiting, ['delivered', 'queued']],
    ['left out', [row(1, 'a', 'suppressed', 'unsubscribed')], waiting, ['suppressed', 'queued']],
    ['stopped', [row(2, 'b', 'suppressed', 'cancelled')], waiting, ['queued', 'cancelled']],
  ])('%s', (_name, rows, now, expected) => {
    expect(recipientStates(rows, ['a', 'b'], now)).toEqual(expected);
  });

  it('the same address twice', () => {
    const rows = [row(1, 'a', 'delivered'), row(2, 'a', 'bounced')];
    expect(recipientStates(rows, ['a', 'a'], waiting)).toEqual(['delivered', 'bounced']);
  });
});
