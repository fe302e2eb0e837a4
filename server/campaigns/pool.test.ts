import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ipPools } from '../db/schema.ts';
import { addList, addPerson } from '../test/campaign-fixtures.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { campaignRoutes } from './routes.ts';

const BASE = '/api/v1/campaigns';
let h: Harness;
let headers: Record<string, string>;

beforeEach(async () => {
  h = await startHarness({ features: [campaignRoutes] });
  headers = h.key('campaigns:read', 'campaigns:write', 'campaigns:send', 'audience:read');
});
afterEach(() => h.close());

const addPool = (name: string) => h.db.insert(ipPools).values({ name, sources: [] }).returning().get().id;
const write = (method: 'POST' | 'PATCH', path: string, body?: object) =>
  call(h.admin, method, BASE + path, headers, body);
const jobs = () => {
  const spool = new Database(`${h.dataDir}/spool.db`, { readonly: true });
  try {
    return spool.prepare('SELECT class, pool_id AS poolId FROM job ORDER BY id').all();
  } finally {
    spool.close();
  }
};

it('a campaign names its pool, and its mail and its tests are told to leave by it', async () => {
  const poolId = addPool('会員向け');
  const listId = addList(h.db, '会員');
  addPerson(h.db, { email: 'a@example.jp', lists: [listId] });
  const made = await write('POST', '', {
    name: '秋号',
    subject: 's',
    text: 't',
    from: { address: 'news@example.jp' },
    listIds: [listId],
    poolId,
  });
  expect(made).toMatchObject({ status: 201, body: { poolId, poolName: '会員向け' } });
  const { id } = made.body;
  expect((await write('POST', `/${id}/duplicate`)).body).toMatchObject({ poolId });
  expect((await write('POST', `/${id}/test`, { to: ['b@example.jp'] })).status).toBe(202);
  expect((await write('POST', `/${id}/start`)).status).toBe(200);
  expect(jobs()).toEqual([
    { class: 'test', poolId },
    { class: 'bulk', poolId },
  ]);
});

it('a draft may change or give up its pool, and loses one that is deleted', async () => {
  const [first, second] = [addPool('a'), addPool('b')];
  const { id } = (await write('POST', '', { name: 'x' })).body;
  const patch = async (body: object) => (await write('PATCH', `/${id}`, body)).body;
  expect(await patch({ poolId: first })).toMatchObject({ poolId: first, poolName: 'a' });
  expect(await patch({ subject: 'kept' })).toMatchObject({ poolId: first });
  expect(await patch({ poolId: null })).toMatchObject({ poolId: null, poolName: null });
  await patch({ poolId: second });
  h.db.delete(ipPools).run();
  expect((await call(h.admin, 'GET', `${BASE}/${id}`, headers)).body).toMatchObject({ poolId: null });
});

it('refuses a pool that does not exist, by its number', async () => {
  expect(await write('POST', '', { name: 'x', poolId: 77 })).toMatchObject({
    status: 422,
    body: {
      code: 'value-invalid',
      errors: [{ pointer: '/poolId', code: 'not-found', value: 77 }],
    },
  });
});
