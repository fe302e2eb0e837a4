import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Receiver,
  startReceiver,
  startWebhooks,
  verifies,
  type WebhookHarness,
} from '../test/webhook-fixtures.ts';
import { call } from '../testing/harness.ts';

let w: WebhookHarness;
let receiver: Receiver;
beforeEach(async () => {
  [w, receiver] = await Promise.all([startWebhooks(), startReceiver()]);
  // What a person asks for is stamped by the real clock.
  w.clock.now = Date.now();
});
afterEach(async () => {
  await w.close();
  await receiver.close();
});
const settled = async () => {
  w.clock.now = Date.now() + 1000;
  await w.run();
};
const deliveries = async (id: number, query = '') =>
  (await w.api('GET', `/${id}/deliveries${query}`)).body.items as Record<string, unknown>[];

describe('webhooks', () => {
  it('are made, read, changed and removed; each step stands in the audit log without secrets', async () => {
    const made = await w.api('POST', '', {
      name: ' CRM ',
      url: receiver.url,
      events: ['bounced', 'bounced'],
    });
    expect(made.status).toBe(201);
    const { secret, ...shown } = made.body;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(shown).toMatchObject({
      name: 'CRM',
      url: receiver.url,
      events: ['bounced'],
      mail: 'all',
      batchSize: 500,
      enabled: true,
      disabledReason: null,
      failingSince: null,
      previousSecretUntil: null,
      lastDelivery: null,
    });
    const { id } = shown;
    expect((await w.api('GET', `/${id}`)).body).toEqual(shown);
    expect((await w.api('GET', '')).body).toEqual({ items: [shown], nextCursor: null });

    const changed = await w.api('PATCH', `/${id}`, { mail: 'campaigns', batchSize: 10, enabled: false });
    expect(changed.body).toMatchObject({
      mail: 'campaigns',
      batchSize: 10,
      enabled: false,
      disabledReason: 'person',
      disabledAt: expect.any(String),
    });
    const rotated = await w.api('POST', `/${id}/rotate-secret`);
    expect(rotated.body.secret).not.toBe(secret);
    expect(Date.parse(rotated.body.previousSecretUntil) - Date.now()).toBeGreaterThan(23 * 3_600_000);
    const atOnce = await w.api('POST', `/${id}/rotate-secret`, { overlapHours: 0 });
    expect(atOnce.body.previousSecretUntil).toBeNull();
    expect((await w.api('DELETE', `/${id}`)).status).toBe(204);
    expect((await w.api('GET', `/${id}`)).status).toBe(404);

    const audit = w.h.db.$client
      .prepare('SELECT action, target, detail FROM audit_log ORDER BY id')
      .all() as {
      action: string;
      target: string;
    }[];
    expect(audit.map(({ action, target }) => [action, target])).toEqual([
      ['webhook.create', `webhook:${id}`],
      ['webhook.update', `webhook:${id}`],
      ['webhook.rotate-secret', `webhook:${id}`],
      ['webhook.rotate-secret', `webhook:${id}`],
      ['webhook.delete', `webhook:${id}`],
    ]);
    expect(JSON.stringify(audit)).not.toMatch(/whsec_|key=1/);
  });

  it.each([
    [{ url: 'ftp://example.jp/' }, '/url', 'url', 'ftp://example.jp/'],
    [{ url: 'https://u:p@example.jp/' }, '/url', 'url', 'https://u:p@example.jp/'],
    [{ url: 'http://169.254.169.254/latest' }, '/url', 'target-private', 'http://169.254.169.254/latest'],
    [{ url: 'https://[::ffff:10.0.0.1]/' }, '/url', 'target-private', 'https://[::ffff:10.0.0.1]/'],
    [{ url: 'https://127.0.0.2/' }, '/url', 'target-private', 'https://127.0.0.2/'],
    [{ url: 'http://93.184.216.34/' }, '/url', 'https-required', 'http://93.184.216.34/'],
    [{ name: '  ' }, '/name', 'empty', '  '],
    [{ events: [] }, '/events', 'minItems', 'array of 0'],
    [{ events: ['read'] }, '/events/0', 'enum', 'read'],
    [{ mail: 'some' }, '/mail', 'enum', 'some'],
    [{ batchSize: 0 }, '/batchSize', 'minimum', 0],
    [{ secret: 'whsec_x' }, '/secret', 'unknown-property', undefined],
  ])('%j is refused', async (fields, pointer, code, value) => {
    const body = { name: 'CRM', url: receiver.url, events: ['bounced'], ...fields };
    const answer = await w.api('POST', '', body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.body.errors[0]).toMatchObject({ pointer, code, ...(value === undefined ? {} : { value }) });
    const { id } = await w.create(receiver.url);
    expect((await w.api('PATCH', `/${id}`, fields)).body.errors[0]).toMatchObject({ pointer, code });
  });

  it('are the administrators’ and of keys with their scope', async () => {
    const asks = (headers: Record<string, string>) => call(w.h.admin, 'GET', '/api/v1/webhooks', headers);
    expect((await asks((await w.h.login('editor')).headers)).status).toBe(403);
    expect((await asks(w.h.key('settings:manage', 'deliveries:read'))).status).toBe(403);
    expect((await asks(w.h.key('webhooks:manage'))).status).toBe(200);
  });

  it('go nowhere once the administrator takes the target off the list, whatever was checked before', async () => {
    const hook = await w.create(receiver.url);
    w.h.db.$client.prepare(`UPDATE settings SET value = '[]' WHERE key = 'webhookTargets'`).run();
    w.write({ jobId: w.job('campaign:1:1') });
    await w.run();
    expect(receiver.requests).toHaveLength(0);
    expect((await w.api('GET', `/${hook.id}`)).body.lastDelivery).toMatchObject({
      state: 'waiting',
      status: null,
      error: 'target-refused',
      response: expect.stringContaining('127.0.0.1'),
    });
  });

  it('the list of targets is a setting, in one spelling', async () => {
    const patch = (webhookTargets: string[]) =>
      call(w.h.admin, 'PATCH', '/api/v1/settings', w.admin, { webhookTargets });
    expect((await patch(['CRM.Local', 'crm.local', '10.0.0.0/8'])).body.webhookTargets).toEqual([
      'crm.local',
      '10.0.0.0/8',
    ]);
    const wrong = await patch(['crm.local', '0.0.0.0/0']);
    expect(wrong.status).toBe(422);
    expect(wrong.body.errors).toMatchObject([
      { pointer: '/webhookTargets/1', code: 'webhook-target', value: '0.0.0.0/0' },
    ]);
  });
});

it('Prometheus sees which one fails, and for how long', async () => {
  const hook = await w.create(receiver.url);
  receiver.answer = () => ({ status: 500 });
  w.clock.now = Date.now() - 7_200_000;
  w.write({ jobId: w.job('campaign:1:1') });
  await w.run();
  const { text } = await call(w.h.admin, 'GET', '/metrics', w.h.key('metrics:read'));
  expect(text).toContain(`todoke_webhook_enabled{webhook="${hook.id}"} 1`);
  const seconds = Number(new RegExp(`failing_seconds\\{webhook="${hook.id}"\\} (.+)`).exec(text)?.[1]);
  expect(seconds).toBeGreaterThanOrEqual(7200);
});

describe('a test', () => {
  it('is sent once, signed, and shown with what came back', async () => {
    const hook = await w.create(receiver.url);
    receiver.answer = () => ({ status: 418, body: `teapot\u0000${'x'.repeat(9000)}` });
    const sent = await w.api('POST', `/${hook.id}/test`);
    expect(sent.status).toBe(202);
    expect(sent.body).toMatchObject({ kind: 'test', state: 'waiting', events: 1 });
    await settled();
    expect(receiver.requests).toHaveLength(1);
    expect(receiver.events()).toMatchObject([{ type: 'test', id: expect.stringMatching(/^evt_/) }]);
    expect(await verifies(receiver.requests[0]!, hook.secret)).toBe(true);
    const [shown] = await deliveries(hook.id);
    expect(shown).toMatchObject({
      id: sent.body.id,
      messageId: receiver.requests[0]!.id,
      state: 'failed',
      status: 418,
      attempts: 1,
      nextAt: null,
    });
    expect(shown!.response).toMatch(/^teapotx{400,500}$/);
    const detail = (await w.api('GET', `/${hook.id}/deliveries/${sent.body.id}`)).body;
    expect(detail.payload).toEqual(JSON.parse(receiver.requests[0]!.body));
    // A test that fails says nothing about the events.
    expect((await w.api('GET', `/${hook.id}`)).body.failingSince).toBeNull();
  });

  it('goes out beside a batch that waits and lets it go when it is taken, also while the webhook is off', async () => {
    const hook = await w.create(receiver.url);
    receiver.answer = () => ({ status: 500 });
    const [a] = w.write({ jobId: w.job('campaign:1:1') });
    await w.run();
    receiver.answer = () => ({ status: 200 });
    await w.api('POST', `/${hook.id}/test`);
    await settled();
    expect(receiver.events().map(({ type }) => type)).toEqual(['delivered', 'test', 'delivered']);
    expect(receiver.events()[2]!.id).toBe(`evt_${a}`);

    await w.api('PATCH', `/${hook.id}`, { enabled: false });
    await w.api('POST', `/${hook.id}/test`);
    w.write({ jobId: w.job('campaign:1:1') });
    await settled();
    expect(receiver.events().slice(3)).toMatchObject([{ type: 'test' }]);
  });
});

describe('a replay', () => {
  it('of one delivery is the same message again', async () => {
    const hook = await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    w.write({ jobId: job }, { jobId: job });
    await w.run();
    w.write({ jobId: job });
    await w.run();
    const [, first] = await deliveries(hook.id);
    const asked = await w.api('POST', `/${hook.id}/replay`, { deliveryId: first!.id });
    expect(asked.status).toBe(202);
    expect(asked.body.delivery).toMatchObject({ kind: 'replay', events: 2, state: 'waiting' });
    await settled();
    const [one, , again] = receiver.requests;
    expect({ id: again!.id, body: again!.body }).toEqual({ id: one!.id, body: one!.body });
    expect((await deliveries(hook.id))[0]).toMatchObject({ kind: 'replay', state: 'delivered', status: 200 });
  });

  it('of one that waits is its next attempt, now', async () => {
    const hook = await w.create(receiver.url);
    receiver.answer = () => ({ status: 500 });
    w.write({ jobId: w.job('campaign:1:1') });
    await w.run();
    const [waiting] = await deliveries(hook.id, '?state=waiting');
    receiver.answer = () => ({ status: 200 });
    const asked = await w.api('POST', `/${hook.id}/replay`, { deliveryId: waiting!.id });
    expect(asked.body.delivery.id).toBe(waiting!.id);
    await settled();
    expect(await deliveries(hook.id)).toMatchObject([{ id: waiting!.id, state: 'delivered', attempts: 2 }]);

    receiver.answer = () => ({ status: 410 });
    w.write({ jobId: w.job('campaign:1:1') });
    await settled();
    const [held] = await deliveries(hook.id, '?state=waiting');
    const refused = await w.api('POST', `/${hook.id}/replay`, { deliveryId: held!.id });
    expect(refused.status).toBe(409);
    expect(refused.body.errors).toMatchObject([{ pointer: '/deliveryId', value: held!.id }]);
  });

  it('since a time sends everything from then on in order, and skips what waits', async () => {
    const hook = await w.create(receiver.url, { batchSize: 3 });
    const job = w.job('campaign:1:1');
    const start = Date.now() - 3_600_000;
    const written = w.write(...[0, 1, 2, 3, 4, 5].map((n) => ({ jobId: job, at: start + n * 60_000 })));
    await w.run();
    receiver.answer = () => ({ status: 500 });
    const [stuck] = w.write({ jobId: job, at: start + 3_000_000 });
    await w.run();
    receiver.requests.length = 0;
    receiver.answer = () => ({ status: 200 });

    const since = new Date(start + 4 * 60_000).toISOString();
    const asked = await w.api('POST', `/${hook.id}/replay`, { since });
    expect(asked.status).toBe(202);
    expect(asked.body).toMatchObject({ delivery: null, webhook: { failingSince: null } });
    await settled();
    expect(receiver.events().map(({ id }) => id)).toEqual(
      [...written.slice(4), stuck].map((id) => `evt_${id}`),
    );
    expect(await deliveries(hook.id, '?state=skipped')).toHaveLength(1);
    expect(await deliveries(hook.id, '?state=waiting')).toHaveLength(0);
  });

  it('since the present leaves out what has piled up', async () => {
    const hook = await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    await w.api('PATCH', `/${hook.id}`, { enabled: false });
    w.write({ jobId: job, at: Date.now() - 60_000 });
    await w.api('POST', `/${hook.id}/replay`, { since: new Date(Date.now() - 1000).toISOString() });
    await w.api('PATCH', `/${hook.id}`, { enabled: true });
    const [fresh] = w.write({ jobId: job, at: Date.now() });
    await settled();
    expect(receiver.events().map(({ id }) => id)).toEqual([`evt_${fresh}`]);
  });

  it.each([
    [{}, 400, 'required'],
    [{ since: '2026-11-25T00:00:00Z', deliveryId: 1 }, 400, 'unknown-property'],
    [{ since: 'yesterday' }, 400, 'format'],
    [{ deliveryId: 0 }, 400, 'minimum'],
  ])('%j is refused', async (body, status, code) => {
    const hook = await w.create(receiver.url);
    const answer = await w.api('POST', `/${hook.id}/replay`, body);
    expect({ status: answer.status, code: answer.body.errors[0].code }).toEqual({ status, code });
  });

  it('of what is not there is a 404', async () => {
    const hook = await w.create(receiver.url);
    expect((await w.api('POST', `/${hook.id}/replay`, { deliveryId: 99 })).status).toBe(404);
    expect((await w.api('GET', `/${hook.id}/deliveries/99`)).status).toBe(404);
    for (const path of ['/99/test', '/99/replay', '/99/rotate-secret'])
      expect((await w.api('POST', path, path.endsWith('replay') ? { deliveryId: 1 } : {})).status).toBe(404);
  });
});

describe('the record', () => {
  it('is paged, newest first', async () => {
    const hook = await w.create(receiver.url, { batchSize: 1 });
    const job = w.job('campaign:1:1');
    w.write(...Array.from({ length: 5 }, () => ({ jobId: job })));
    await w.run();
    const first = (await w.api('GET', `/${hook.id}/deliveries?limit=2`)).body;
    expect(first.items).toHaveLength(2);
    const rest = (await w.api('GET', `/${hook.id}/deliveries?limit=5&cursor=${first.nextCursor}`)).body;
    expect(rest.items).toHaveLength(3);
    expect(rest.nextCursor).toBeNull();
    expect(first.items[0].id).toBeGreaterThan(first.items[1].id);
    expect(first.items[1].id).toBeGreaterThan(rest.items[0].id);
  });

  it('keeps the last thousand, a week at most, and whatever waits', async () => {
    const hook = await w.create(receiver.url);
    const add = w.h.db.$client.prepare(
      `INSERT INTO webhook_deliveries (webhook_id, message_id, kind, state, filter, ledger_from, ledger_through, outbox_from,
         outbox_through, events, created_at) VALUES (?, 'm', ?, ?, '{"events":[],"mail":"all"}', 0, 0, 0, 0, 1, ?)`,
    );
    add.run(hook.id, 'replay', 'waiting', w.clock.now - 30 * 86_400_000);
    add.run(hook.id, 'events', 'delivered', w.clock.now - 8 * 86_400_000);
    w.h.db.$client.transaction(() => {
      for (let n = 0; n < 1200; n += 1) add.run(hook.id, 'events', 'delivered', w.clock.now);
    })();
    w.write({ jobId: w.job('campaign:1:1') });
    await w.run();
    const states = w.h.db.$client
      .prepare('SELECT state, count(*) AS n FROM webhook_deliveries GROUP BY state ORDER BY state')
      .all();
    expect(states).toEqual([
      { state: 'delivered', n: 1000 },
      { state: 'waiting', n: 1 },
    ]);
  });
});
