import { afterEach, expect, test } from 'vitest';
import { DEFAULT_RETRY } from '../../mta/index.ts';
import { dkimKeys, ipPools, ipSources, sendingDomains } from '../db/schema.ts';
import { checkDomain, createDomain } from '../delivery/sending-domains.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { ehloName } from './publish.ts';

let h: Harness;
afterEach(() => h.close());

const start = async (env: Record<string, string> = {}) => {
  h = await startHarness({ env });
  const { headers } = await h.login('administrator');
  return {
    read: () => call(h.admin, 'GET', '/api/v1/settings', headers),
    change: (body: Record<string, unknown>) => call(h.admin, 'PATCH', '/api/v1/settings', headers, body),
  };
};
const addDomain = () => {
  const { id } = h.db
    .insert(sendingDomains)
    .values({ domain: 'example.co.jp', returnPathDomain: 'bounce.example.co.jp' })
    .returning()
    .get();
  const key = { sendingDomainId: id, publicKey: 'x' };
  h.db
    .insert(dkimKeys)
    .values([
      { ...key, selector: 's0', algorithm: 'rsa-2048', privateKey: 'old', state: 'retiring' },
      { ...key, selector: 'ed1', algorithm: 'ed25519', privateKey: 'PEM ed', state: 'active' },
      { ...key, selector: 's1', algorithm: 'rsa-2048', privateKey: 'PEM', state: 'active' },
      { ...key, selector: 's2', algorithm: 'rsa-2048', privateKey: 'next', state: 'pending' },
    ])
    .run();
};

test('a new install sends to the sandbox', async () => {
  const { read } = await start();
  expect((await read()).body).toEqual({
    organisation: '',
    publicUrl: 'http://localhost:8081',
    timeZone: 'Asia/Tokyo',
    delivery: { mode: 'sandbox', locked: false },
    retry: DEFAULT_RETRY,
    classPools: { transactional: null, test: null, bulk: null },
    tls: { mtaSts: false, dane: true },
    rawLocalParts: [],
    webhookTargets: [],
  });
  expect(h.deps.spool.settings()).toMatchObject({
    mode: 'sandbox',
    publicUrl: 'http://localhost:8081',
    retry: DEFAULT_RETRY,
  });
});

test('a change is published to the MTA and stays', async () => {
  const { read, change } = await start();
  const retry = { first: 60, cap: 600, jitter: 0.1, giveUp: 3600 };
  const published = h.sent.published;
  const changed = await change({
    organisation: ' 株式会社 例 ',
    publicUrl: 'https://mail.example.co.jp/',
    timeZone: 'Europe/Berlin',
    retry,
  });
  expect(changed.body).toEqual((await read()).body);
  expect(changed.body).toMatchObject({
    organisation: '株式会社 例',
    publicUrl: 'https://mail.example.co.jp',
    timeZone: 'Europe/Berlin',
    retry,
  });
  expect(h.sent.published).toBe(published + 1);
  expect(h.deps.spool.settings()).toMatchObject({
    publicUrl: 'https://mail.example.co.jp',
    ehloName: 'mail.example.co.jp',
    retry,
  });
});

test('pools of the classes, TLS policies and raw local parts are published; what is not named stays', async () => {
  const { change } = await start();
  const pool = h.db
    .insert(ipPools)
    .values({ name: 'bulk', sources: [{ address: '127.0.0.2', weight: 1 }] })
    .returning()
    .get();
  h.db.insert(ipSources).values({ address: '127.0.0.2', ehlo: 'a.example.jp' }).run();
  await change({ classPools: { bulk: pool.id }, tls: { mtaSts: true } });
  const changed = await change({
    classPools: { test: pool.id },
    tls: { dane: false },
    rawLocalParts: ['docomo.ne.jp', ' 例え.jp', 'DOCOMO.ne.jp'],
  });
  expect(changed.body).toMatchObject({
    classPools: { transactional: null, test: pool.id, bulk: pool.id },
    tls: { mtaSts: true, dane: false },
    rawLocalParts: ['docomo.ne.jp', 'xn--r8jz45g.jp'],
  });
  expect(h.deps.spool.settings()).toMatchObject({
    classPools: { test: pool.id, bulk: pool.id },
    tls: { rules: [], mtaSts: true, dane: false },
    rawLocalParts: ['docomo.ne.jp', 'xn--r8jz45g.jp'],
    timeZone: 'Asia/Tokyo',
    pools: [
      {
        id: pool.id,
        name: 'bulk',
        sources: [{ address: '127.0.0.2', ehlo: 'a.example.jp', weight: 1 }],
      },
    ],
  });
  await change({ classPools: { bulk: null } });
  expect(h.deps.spool.settings()?.classPools).toEqual({ test: pool.id });
});

test('live delivery needs a domain whose records are not known to be wrong, or somebody who answers for it', async () => {
  const { change } = await start();
  const { id } = await createDomain(h.deps, { domain: 'example.jp' });
  await checkDomain(h.deps, id, async () => ({ ok: true, values: [] }));
  const refused = await change({ delivery: { mode: 'live' } });
  expect(refused).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
  expect(refused.body.errors).toMatchObject([
    { pointer: '/delivery/mode', code: 'sending-domain-records', value: expect.stringMatching(/_domainkey/) },
  ]);
  const overrides = [{ code: 'sending-domain-records', reason: 'the relay signs' }];
  expect(await change({ delivery: { mode: 'live', overrides } })).toMatchObject({
    status: 200,
    body: { delivery: { mode: 'live' } },
  });
});

test('live delivery needs a sending domain', async () => {
  const { change } = await start();
  const refused = await change({ delivery: { mode: 'live' } });
  expect([refused.status, refused.body.code, refused.body.errors[0].code]).toEqual([
    409,
    'wrong-state',
    'sending-domain-missing',
  ]);
  addDomain();
  expect((await change({ delivery: { mode: 'live' } })).body.delivery).toEqual({
    mode: 'live',
    locked: false,
  });
  expect(h.deps.spool.settings()).toMatchObject({
    mode: 'live',
    domains: [
      {
        domain: 'example.co.jp',
        returnPathDomain: 'bounce.example.co.jp',
        dkim: [
          { selector: 's1', privateKey: 'PEM' },
          { selector: 'ed1', privateKey: 'PEM ed' },
        ],
      },
    ],
  });
});

test('the environment wins; repeating its value is no change', async () => {
  const { read, change } = await start({
    TODOKE_DELIVERY: 'live',
    TODOKE_PUBLIC_URL: 'https://fixed.example',
  });
  expect((await read()).body).toMatchObject({
    publicUrl: 'https://fixed.example',
    delivery: { mode: 'live', locked: true },
  });
  for (const body of [{ delivery: { mode: 'sandbox' } }, { publicUrl: 'https://other.example' }]) {
    const refused = await change(body);
    expect([refused.status, refused.body.code]).toEqual([409, 'setting-locked']);
  }
  expect((await change({ delivery: { mode: 'live' }, publicUrl: 'https://fixed.example/' })).status).toBe(
    200,
  );
});

test.each([
  [{ publicUrl: 'mail.example.co.jp' }, '/publicUrl'],
  [{ publicUrl: 'javascript:alert(1)' }, '/publicUrl'],
  [{ timeZone: 'Mars/Olympus' }, '/timeZone'],
  [{ retry: { first: 700, cap: 600, jitter: 0.1, giveUp: 3600 } }, '/retry/first'],
  [{ classPools: { test: null, bulk: 99 } }, '/classPools/bulk'],
  [{ rawLocalParts: ['docomo.ne.jp', 'no domain'] }, '/rawLocalParts/1'],
])('%j is refused at %s and changes nothing', async (body, pointer) => {
  const { read, change } = await start();
  const before = (await read()).text;
  const refused = await change({ organisation: 'x', ...body });
  expect([refused.status, refused.body.code, refused.body.errors[0].pointer]).toEqual([
    422,
    'value-invalid',
    pointer,
  ]);
  expect((await read()).text).toBe(before);
});

test('the key of the tokens is made once and never answered', async () => {
  const { read } = await start();
  const { tokenKey } = h.deps.spool.settings()!;
  expect(Buffer.from(tokenKey, 'base64')).toHaveLength(32);
  h.deps.publishDelivery();
  expect(h.deps.spool.settings()?.tokenKey).toBe(tokenKey);
  expect((await read()).text).not.toContain(tokenKey);
});

test.each([
  ['https://mail.example.co.jp', 'box', 'mail.example.co.jp'],
  ['http://localhost:8081', 'mx1.example.co.jp', 'mx1.example.co.jp'],
  ['http://localhost:8081', '3f2a9c', 'localhost.localdomain'],
  ['http://192.0.2.1', 'box', 'localhost.localdomain'],
])('EHLO name for %s on %s', async (publicUrl, machine, expected) => {
  await start();
  expect(ehloName(publicUrl, machine)).toBe(expected);
});
