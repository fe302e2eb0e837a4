import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ComposePool, type ComposePoolOptions } from '../compose/pool.ts';
import { UnfitContent } from '../compose/unfit.ts';
import { generateDkimKey } from '../message/dkim-keys.ts';
import { createTokenKey } from '../message/token.ts';
import type { QueueRow } from '../spool/claim.ts';
import type { ContentSource, DeliverySettings } from '../types.ts';

let privateKey: string;
beforeAll(async () => {
  ({ privateKey } = await generateDkimKey());
});

const pools: ComposePool[] = [];
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.close())));

const settings = (changes: Partial<DeliverySettings> = {}): DeliverySettings => ({
  mode: 'live',
  publicUrl: 'https://t.example.jp',
  tokenKey: createTokenKey(),
  ehloName: 'me.test',
  domains: [
    { domain: 'example.jp', returnPathDomain: 'b.example.jp', dkim: [{ selector: 's1', privateKey }] },
  ],
  routes: [],
  retry: { first: 1, cap: 1, jitter: 0, giveUp: 3600 },
  ...changes,
});

const content = (changes: Partial<ContentSource> = {}): ContentSource => ({
  from: { name: 'Example', address: 'news@example.jp' },
  subject: 'Hello',
  text: 'Hello {{ name }}',
  track: { opens: false, clicks: false },
  ...changes,
});

/** Contents by job; what is not listed is the plain one. */
function start(
  contents: Record<number, Partial<ContentSource> | string> = {},
  options: Partial<ComposePoolOptions> = {},
) {
  const deaths: string[] = [];
  const pool = new ComposePool({
    threads: 2,
    content(jobId) {
      const found = contents[jobId] ?? {};
      return typeof found === 'string' ? found : JSON.stringify(content(found));
    },
    onError: (_, error) => deaths.push(String(error)),
    ...options,
  });
  pools.push(pool);
  pool.use(settings());
  return { pool, deaths };
}

const job = (id: number, deliveryClass: 'bulk' | 'transactional' = 'bulk') => ({ id, class: deliveryClass });
const row = (id: number, merge: unknown = { name: `N${id}` }): QueueRow => ({
  id,
  bucketId: 1,
  attempts: 0,
  createdAt: 1_790_000_000_000,
  subscriberId: id,
  listId: 1,
  address: `r${id}@example.com`,
  merge: typeof merge === 'string' ? merge : JSON.stringify(merge),
});
/** Not JSON: parsing fails in the thread, and is no fault of the content. */
const BROKEN = '{';

it('answers each request with its own mail, signed, however many are asked for at once', async () => {
  const { pool } = start({ 2: { subject: 'Second', text: 'Bye {{ name }}' } });
  const mails = await Promise.all(
    Array.from({ length: 100 }, (_, n) => pool.compose(job(n % 2 === 0 ? 1 : 2), row(n))),
  );
  for (const [n, { rcptTo, mailFrom, message }] of mails.entries()) {
    expect(rcptTo).toBe(`r${n}@example.com`);
    expect(mailFrom).toMatch(/^b-.*@b\.example\.jp$/);
    const text = message.toString().replaceAll('=\r\n', '').replaceAll('=20', ' ');
    expect(text).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256/);
    expect(text).toContain(n % 2 === 0 ? 'Subject: Hello\r\n' : 'Subject: Second\r\n');
    expect(text.endsWith(`\r\n\r\n${n % 2 === 0 ? 'Hello' : 'Bye'} N${n}\r\n`)).toBe(true);
  }
});

it('composes what people wait for before what was asked for earlier', async () => {
  const { pool } = start({}, { threads: 1 });
  const order: string[] = [];
  const bulk = Array.from({ length: 100 }, (_, n) =>
    pool.compose(job(1), row(n)).then(() => order.push('bulk')),
  );
  const urgent = pool.compose(job(2, 'transactional'), row(1000)).then(() => order.push('urgent'));
  await Promise.all([...bulk, urgent]);
  expect(order.indexOf('urgent')).toBeLessThan(10);
});

it('uses new settings for all that is asked for after them, and refuses a key that cannot be read', async () => {
  const { pool } = start();
  const returnPath = async () => (await pool.compose(job(1), row(1))).mailFrom.split('@')[1];
  expect(await returnPath()).toBe('b.example.jp');
  const [domain] = settings().domains;
  pool.use(settings({ domains: [{ ...domain!, returnPathDomain: 'c.example.jp' }] }));
  expect(await returnPath()).toBe('c.example.jp');
  const broken = [{ selector: 's', privateKey: 'nonsense' }];
  expect(() => pool.use(settings({ domains: [{ ...domain!, dkim: broken }] }))).toThrow();
  expect(await returnPath()).toBe('c.example.jp');
});

it('sends a From domain that nobody has set up unsigned', async () => {
  const { pool } = start({ 1: { from: { name: '', address: 'me@elsewhere.jp' } } });
  const { message, mailFrom } = await pool.compose(job(1), row(1));
  expect(message.toString()).toMatch(/^Date: /);
  expect(mailFrom).toMatch(/@elsewhere\.jp$/);
});

describe('a mail that cannot be made', () => {
  it.each<[string, Partial<ContentSource>, unknown, RegExp, boolean]>([
    ['its content does not compile', { text: '{{ name | nofilter }}' }, {}, /^text: .*nofilter/, true],
    [
      'its values break the content',
      { text: '{% for i in (1..n) %}{% endfor %}' },
      { n: 1e9 },
      /^text 1:1: /,
      true,
    ],
    ['its values cannot be read', {}, BROKEN, /JSON/, false],
  ])('fails alone: %s', async (_, source, merge, message, unfit) => {
    const { pool, deaths } = start({ 1: source });
    const [failed, fine] = await Promise.allSettled([
      pool.compose(job(1), row(1, merge)),
      pool.compose(job(2), row(2)),
    ]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(message) } });
    expect((failed as PromiseRejectedResult).reason instanceof UnfitContent).toBe(unfit);
    expect(fine.status).toBe('fulfilled');
    expect(deaths).toEqual([]);
  });

  it('fails when the spool has no content for it', async () => {
    const { pool } = start(
      {},
      {
        content: () => {
          throw new Error('no such job');
        },
      },
    );
    await expect(pool.compose(job(1), row(1))).rejects.toThrow('no such job');
  });
});

describe('a thread that ends', () => {
  it('takes no other mail with it: they are composed by the next one', async () => {
    const { pool, deaths } = start({ 1: 'null' }, { threads: 1 });
    // content `null` breaks the compiler itself, which nothing catches
    const results = await Promise.allSettled([
      ...Array.from({ length: 5 }, (_, n) => pool.compose(job(2), row(n))),
      pool.compose(job(1), row(90)),
      ...Array.from({ length: 5 }, (_, n) => pool.compose(job(2), row(n + 5))),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      ...Array(5).fill('fulfilled'),
      'rejected',
      ...Array(5).fill('fulfilled'),
    ]);
    const reason = (results[5] as PromiseRejectedResult).reason;
    expect(reason).not.toBeInstanceOf(UnfitContent);
    expect(reason.message).toContain('composing thread ended');
    // once in company, once alone
    expect(deaths).toHaveLength(2);
  });

  it('convicts a content that does it again and again: its other mails cost no more threads', async () => {
    const { pool, deaths } = start({ 1: 'null' }, { threads: 1 });
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => pool.compose(job(1), row(n))),
    );
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(deaths.length).toBeLessThan(8);
    const before = deaths.length;
    await expect(pool.compose(job(1), row(99))).rejects.toThrow('several composing threads');
    expect(deaths).toHaveLength(before);
    expect((await pool.compose(job(2), row(1))).rcptTo).toBe('r1@example.com');
  });

  it('is one that hangs, too', async () => {
    const { pool, deaths } = start(
      { 1: { text: '{% for i in (1..n) %}{% endfor %}' } },
      { threads: 1, patience: 1 },
    );
    await expect(pool.compose(job(1), row(1, { n: 1e9 }))).rejects.toThrow('took longer than 1 ms');
    expect(deaths).toHaveLength(1);
  });
});

it('holds contents of a bounded number and size, and compiles again what it forgot', async () => {
  const asked: number[] = [];
  const { pool } = start(
    {},
    {
      threads: 1,
      content(jobId) {
        asked.push(jobId);
        return JSON.stringify(content());
      },
    },
  );
  const send = (jobId: number) => pool.compose(job(jobId), row(jobId));
  for (let id = 1; id <= 101; id += 1) await send(id);
  await send(101);
  await send(2);
  expect(asked).toHaveLength(101);
  // the least lately used went when the hundred and first came
  await send(1);
  expect(asked.slice(101)).toEqual([1]);
});

it('large mails go back as they are done, whole', async () => {
  const { pool } = start({ 1: { text: `${'a line of text\n'.repeat(40_000)}{{ name }}` } });
  const mails = await Promise.all(Array.from({ length: 8 }, (_, n) => pool.compose(job(1), row(n))));
  for (const [n, { message }] of mails.entries()) {
    expect(message.length).toBeGreaterThan(600_000);
    expect(message.subarray(-6).toString()).toBe(`\r\nN${n}\r\n`);
  }
});
