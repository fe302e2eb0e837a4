import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eraseSubscriber } from '../audience/erase.ts';
import { campaignLinks, campaigns } from '../db/schema.ts';
import { addList, addPerson } from '../test/campaign-fixtures.ts';
import {
  type Receiver,
  startReceiver,
  startWebhooks,
  verifies,
  type WebhookHarness,
} from '../test/webhook-fixtures.ts';

let w: WebhookHarness;
let receiver: Receiver;
beforeEach(async () => {
  [w, receiver] = await Promise.all([startWebhooks(), startReceiver()]);
});
afterEach(async () => {
  await w.close();
  await receiver.close();
});

const ids = () => receiver.events().map(({ id }) => Number(id.replace('evt_', '')));

describe('what is sent', () => {
  it('carries what the ledger and the server know of each event', async () => {
    const { db } = w.h;
    const list = addList(db, 'メルマガ');
    const person = addPerson(db, { email: 'Hanako@Example.jp', lists: [list] });
    db.insert(campaigns).values({ id: 12, name: '11月のお便り', state: 'sending' }).run();
    db.insert(campaignLinks)
      .values({ campaignId: 12, index: 3, url: 'https://example.jp/a', text: 'A' })
      .run();
    const job = w.job('campaign:12:4');
    await w.create(receiver.url);
    const one = { jobId: job, deliveryId: 7, subscriberId: person, listId: list };
    const [delivered, clicked] = w.write(
      {
        ...one,
        kind: 'delivered',
        recipient: 'Hanako@Example.jp',
        provider: 'generic',
        attempt: 2,
        code: 250,
        status: '2.0.0',
        phase: 'dot',
        reply: '250 2.0.0 ok',
        mx: 'mx.example.jp',
      },
      { ...one, kind: 'clicked', link: 3, ip: '192.0.2.1', userAgent: 'Firefox' },
    );
    await w.run();
    const same = { campaignId: 12, messageId: null, deliveryId: 7, listId: list, subscriberId: person };
    expect(receiver.requests).toHaveLength(1);
    expect(receiver.requests[0]).toMatchObject({ path: '/hooks?key=1', headers: { host: receiver.host } });
    expect(JSON.parse(receiver.requests[0]!.body)).toEqual({
      events: [
        {
          id: `evt_${delivered}`,
          type: 'delivered',
          at: '2026-11-25T00:00:00.000Z',
          ...same,
          recipient: 'Hanako@Example.jp',
          attempt: 2,
          code: 250,
          status: '2.0.0',
          reason: null,
          phase: 'dot',
          reply: '250 2.0.0 ok',
          provider: 'generic',
          mx: 'mx.example.jp',
        },
        {
          id: `evt_${clicked}`,
          type: 'clicked',
          at: '2026-11-25T00:00:00.000Z',
          ...same,
          recipient: 'Hanako@Example.jp',
          url: 'https://example.jp/a',
          ip: '192.0.2.1',
          userAgent: 'Firefox',
        },
      ],
    });
  });

  it('is signed so that others can check it, with the old secret as well while both are valid', async () => {
    const hook = await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    w.write({ jobId: job });
    await w.run();
    const [first] = receiver.requests;
    expect(first!.timestamp).toBe(w.clock.now / 1000);
    expect(await verifies(first!, hook.secret)).toBe(true);
    expect(await verifies({ ...first!, body: `${first!.body} ` }, hook.secret)).toBe(false);

    const rotated = (await w.api('POST', `/${hook.id}/rotate-secret`, { overlapHours: 24 })).body;
    expect(rotated.secret).not.toBe(hook.secret);
    w.clock.now = Date.now();
    w.write({ jobId: job });
    await w.run();
    expect(await verifies(receiver.requests[1]!, rotated.secret)).toBe(true);
    expect(await verifies(receiver.requests[1]!, hook.secret)).toBe(true);

    w.clock.now += 25 * 3_600_000;
    w.write({ jobId: job });
    await w.run();
    expect(await verifies(receiver.requests[2]!, rotated.secret)).toBe(true);
    expect(await verifies(receiver.requests[2]!, hook.secret)).toBe(false);
  });

  it('is only what the webhook asked for, from the time when it was made', async () => {
    const campaign = w.job('campaign:1:1');
    const single = w.job('message:4', 'transactional');
    const test = w.job('test:1:x', 'test');
    w.write({ jobId: campaign });
    const all = await w.create(receiver.url, { events: ['delivered'] });
    const other = await startReceiver();
    await w.create(other.url, { events: ['bounced', 'campaign.finished'], mail: 'transactional' });
    const [a, b] = w.write(
      { jobId: campaign },
      { jobId: single },
      { jobId: test },
      { jobId: campaign, kind: 'bounced' },
      { jobId: campaign, kind: 'opened' },
    );
    const [c] = w.write({ jobId: single, kind: 'bounced' });
    await w.run();
    expect(ids()).toEqual([a, b]);
    expect(receiver.events().map(({ messageId }) => messageId)).toEqual([null, 4]);
    expect(other.events().map(({ id }) => id)).toEqual([`evt_${c}`]);
    await other.close();

    await w.api('PATCH', `/${all.id}`, { enabled: false });
    const [d] = w.write({ jobId: campaign });
    await w.run();
    expect(receiver.requests).toHaveLength(1);
    await w.api('PATCH', `/${all.id}`, { enabled: true });
    await w.sender.idle();
    expect(ids()).toEqual([a, b, d]);
  });

  it('knows the reader and the link of a message by itself', async () => {
    const { db } = w.h;
    db.$client
      .prepare(
        `INSERT INTO messages (id, via, actor_kind, from_name, from_address, subject, links)
         VALUES (4, 'api', 'key', '', 'a@example.jp', 's', '["https://example.jp/a","https://example.jp/b"]')`,
      )
      .run();
    const job = w.job('message:4', 'transactional');
    const outcome = { jobId: job, recipient: 'taro@example.jp' };
    w.write({ ...outcome, deliveryId: 6, recipient: 'other@example.jp' }, { ...outcome, deliveryId: 7 });
    await w.create(receiver.url);
    w.write({ jobId: job, deliveryId: 7, kind: 'clicked', link: 1 });
    await w.run();
    expect(receiver.events()).toMatchObject([
      {
        type: 'clicked',
        messageId: 4,
        campaignId: null,
        recipient: 'taro@example.jp',
        url: 'https://example.jp/b',
      },
    ]);
  });

  it('tells of the ends of campaigns after what was folded by then', async () => {
    const { db } = w.h;
    const end = (id: number, state: 'finished' | 'cancelled') => {
      db.$client.prepare('UPDATE campaigns SET state = ? WHERE id = ?').run(state, id);
    };
    db.insert(campaigns).values({ id: 1, name: 'A', state: 'sending' }).run();
    db.insert(campaigns).values({ id: 2, name: 'B', state: 'sending' }).run();
    db.$client.prepare('INSERT INTO campaign_stats (campaign_id, delivered, bounced) VALUES (1, 9, 2)').run();
    const job = w.job('campaign:1:1');
    await w.create(receiver.url, { events: ['delivered', 'campaign.finished', 'campaign.aborted'] });
    const [a] = w.write({ jobId: job });
    db.$client.prepare(`INSERT INTO fold_cursors VALUES ('campaigns', ?)`).run(a);
    end(1, 'finished');
    end(2, 'cancelled');
    // Said again, it is no news.
    end(2, 'cancelled');
    const [b] = w.write({ jobId: job });
    await w.run();
    expect(receiver.events().map(({ id, type }) => [id, type])).toEqual([
      [`evt_${a}`, 'delivered'],
      ['evt_c1', 'campaign.finished'],
      ['evt_c2', 'campaign.aborted'],
      [`evt_${b}`, 'delivered'],
    ]);
    expect(receiver.events()[1]).toMatchObject({
      campaignId: 1,
      campaignName: 'A',
      delivered: 9,
      bounced: 2,
      suppressed: 0,
    });
  });

  it('names nobody who was erased before the attempt', async () => {
    const { db, deps, dataDir } = w.h;
    const person = addPerson(db, { email: 'gone@example.jp', lists: [addList(db, 'L')] });
    const hook = await w.create(receiver.url);
    receiver.answer = ({ events }) => ({ status: 500, body: `cannot store ${events[0]!.recipient}` });
    const job = w.job('campaign:1:1');
    w.write(
      { jobId: job, subscriberId: person, recipient: 'gone@example.jp' },
      { jobId: job, subscriberId: person, kind: 'opened' },
    );
    await w.run();
    expect(receiver.events().map(({ recipient }) => recipient)).toEqual([
      'gone@example.jp',
      'gone@example.jp',
    ]);
    await eraseSubscriber(db, deps.spool, dataDir, person, w.clock.now);
    expect((await w.api('GET', `/${hook.id}/deliveries`)).text).not.toContain('gone@');
    w.clock.now += 60_000;
    await w.run();
    expect(receiver.requests[1]!.body).not.toContain('gone@');
    expect(receiver.requests[1]!.events).toMatchObject([
      { recipient: null, subscriberId: null },
      { recipient: null, subscriberId: null },
    ]);
    expect(receiver.requests[1]!.id).toBe(receiver.requests[0]!.id);
  });
});

describe('batches', () => {
  it('10,000 events go in 20 requests, in order, each once', async () => {
    await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    const written = w.write(
      ...Array.from({ length: 10_000 }, (_, i) => ({ jobId: job, subscriberId: i + 1 })),
    );
    await w.run();
    expect(receiver.requests).toHaveLength(20);
    expect(ids()).toEqual(written);
    expect(new Set(receiver.requests.map(({ id }) => id)).size).toBe(20);
  });

  it('are no bigger than a megabyte, and as small as the webhook wants them', async () => {
    const hook = await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    const reply = 'x'.repeat(2000);
    const written = w.write(...Array.from({ length: 1200 }, () => ({ jobId: job, reply })));
    await w.run();
    expect(ids()).toEqual(written);
    expect(receiver.requests.map(({ events }) => events.length)).toEqual([
      expect.closeTo(440, -2),
      expect.any(Number),
      expect.any(Number),
    ]);
    for (const { body } of receiver.requests) expect(body.length).toBeLessThanOrEqual(1_000_100);

    receiver.requests.length = 0;
    await w.api('PATCH', `/${hook.id}`, { batchSize: 2 });
    w.write({ jobId: job }, { jobId: job }, { jobId: job });
    await w.run();
    expect(receiver.requests.map(({ events }) => events.length)).toEqual([2, 1]);
  });

  it('go on behind events that nobody asked for, and remember the place', async () => {
    const hook = await w.create(receiver.url, { events: ['bounced'] });
    const job = w.job('campaign:1:1');
    w.write(...Array.from({ length: 25_000 }, () => ({ jobId: job })));
    await w.run();
    const place = () =>
      w.h.db.$client.prepare('SELECT ledger_id FROM webhooks WHERE id = ?').pluck().get(hook.id);
    expect(receiver.requests).toHaveLength(0);
    expect(place()).toBe(25_000);
    const [bounce] = w.write({ jobId: job, kind: 'bounced' });
    await w.run();
    expect(ids()).toEqual([bounce]);
  });
});

describe('when it is not taken', () => {
  const schedule = async (n: number): Promise<number[]> => {
    const times: number[] = [];
    for (let i = 0; i < n; i += 1) {
      await w.run();
      const at = w.h.db.$client
        .prepare(`SELECT next_at FROM webhook_deliveries WHERE state = 'waiting'`)
        .pluck()
        .get() as number;
      times.push((at - w.clock.now) / 1000);
      w.clock.now = at;
    }
    return times;
  };

  it('waits longer each time, and nothing overtakes', async () => {
    await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    receiver.answer = () => ({ status: 500 });
    const [a] = w.write({ jobId: job });
    expect(await schedule(8)).toEqual([5, 30, 120, 600, 1800, 3600, 3600, 3600]);
    expect(new Set(receiver.requests.map(({ id, body }) => id + body)).size).toBe(1);
    const [b] = w.write({ jobId: job });
    receiver.requests.length = 0;
    receiver.answer = () => ({ status: 204 });
    await w.run();
    expect(ids()).toEqual([a, b]);
  });

  it('holds only itself', async () => {
    await w.sender.stop();
    w.restart({ timeout: 3000 });
    const other = await startReceiver();
    await w.create(receiver.url);
    await w.create(other.url);
    receiver.answer = () => 'hang';
    const [a] = w.write({ jobId: w.job('campaign:1:1') });
    w.sender.look();
    await Promise.all([receiver.count(1), other.count(1)]);
    expect(other.events().map(({ id }) => id)).toEqual([`evt_${a}`]);
    await w.sender.idle();
    const [hook] = (await w.api('GET', '')).body.items;
    expect(hook.lastDelivery).toMatchObject({
      state: 'waiting',
      status: null,
      error: 'timeout',
      attempts: 1,
    });
    await other.close();
  });

  it.each([
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '90' } }, 90],
    [
      '503 with a date far away',
      { status: 503, headers: { 'retry-after': 'Sun, 01 Jan 2090 00:00:00 GMT' } },
      21_600,
    ],
    ['500 whose Retry-After does not count', { status: 500, headers: { 'retry-after': '90' } }, 5],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 5],
  ])('%s', async (_, answer, seconds) => {
    await w.create(receiver.url);
    receiver.answer = () => answer;
    w.write({ jobId: w.job('campaign:1:1') });
    expect(await schedule(1)).toEqual([seconds]);
    expect(receiver.requests).toHaveLength(1);
  });

  it('is disabled with an alarm after three days, and goes on where it stopped', async () => {
    const hook = await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    receiver.answer = () => 'reset';
    const [a] = w.write({ jobId: job });
    const began = w.clock.now;
    for (let i = 0; w.failures.length === 0 && i < 200; i += 1) {
      await w.run();
      w.clock.now += 1_800_000;
    }
    expect((w.clock.now - began) / 3_600_000).toBeCloseTo(73, -0.5);
    expect(String(w.failures[0])).toContain('took nothing for three days and was disabled');
    const shown = (await w.api('GET', `/${hook.id}`)).body;
    expect(shown).toMatchObject({
      enabled: false,
      disabledReason: 'failing',
      lastDelivery: { state: 'waiting', nextAt: null },
    });
    expect(w.h.sent.events.at(-1)).toMatchObject({ type: 'webhook', data: { disabledReason: 'failing' } });
    const audit = w.h.db.$client.prepare('SELECT action, actor_kind FROM audit_log ORDER BY id DESC').get();
    expect(audit).toEqual({ action: 'webhook.disable', actor_kind: 'system' });

    const tried = receiver.requests.length;
    w.clock.now += 10 * 3_600_000;
    const [b] = w.write({ jobId: job });
    await w.run();
    expect(receiver.requests).toHaveLength(tried);
    receiver.answer = () => ({ status: 200 });
    receiver.requests.length = 0;
    w.clock.now = Date.now() + 86_400_000;
    await w.api('PATCH', `/${hook.id}`, { enabled: true });
    await w.sender.idle();
    expect(ids()).toEqual([a, b]);
    expect((await w.api('GET', `/${hook.id}`)).body).toMatchObject({ enabled: true, failingSince: null });
  });

  it('is disabled at once by 410', async () => {
    const hook = await w.create(receiver.url);
    receiver.answer = () => ({ status: 410 });
    w.write({ jobId: w.job('campaign:1:1') });
    await w.run();
    expect((await w.api('GET', `/${hook.id}`)).body).toMatchObject({
      enabled: false,
      disabledReason: 'gone',
    });
  });

  it('is tried on a new connection when the kept one was closed', async () => {
    await w.create(receiver.url);
    const job = w.job('campaign:1:1');
    w.write({ jobId: job });
    await w.run();
    let first = true;
    receiver.answer = () => {
      if (!first) return { status: 200 };
      first = false;
      return 'reset';
    };
    w.write({ jobId: job });
    await w.run();
    expect(receiver.requests.map(({ id }) => id)).toEqual([
      receiver.requests[0]!.id,
      receiver.requests[1]!.id,
      receiver.requests[1]!.id,
    ]);
    const [hook] = (await w.api('GET', '')).body.items;
    expect(hook).toMatchObject({ failingSince: null, lastDelivery: { state: 'delivered', attempts: 1 } });
  });
});

describe('after a crash', () => {
  it('no event is lost, and what comes twice comes under the same id', async () => {
    await w.create(receiver.url, { batchSize: 10 });
    const job = w.job('campaign:1:1');
    const written = w.write(...Array.from({ length: 35 }, () => ({ jobId: job })));
    // The third batch is received but never answered: the process ends meanwhile.
    receiver.answer = () => (receiver.requests.length === 3 ? 'hang' : { status: 200 });
    w.sender.look();
    await receiver.count(3);
    const more = w.write({ jobId: job });
    await w.sender.stop();
    w.restart();
    await w.sender.idle();
    const [, , cut, again] = receiver.requests;
    expect({ id: again!.id, body: again!.body }).toEqual({ id: cut!.id, body: cut!.body });
    receiver.requests.splice(2, 1);
    expect(ids()).toEqual([...written, ...more]);
  });
});
