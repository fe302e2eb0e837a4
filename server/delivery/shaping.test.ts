import { afterEach, beforeEach, expect, it } from 'vitest';
import { shapingOverrides } from '../db/schema.ts';
import { type DeliveryHarness, startDelivery } from '../test/delivery-fixtures.ts';

let d: DeliveryHarness;
beforeEach(async () => {
  d = await startDelivery();
});
afterEach(() => d.h.close());

const published = () => d.h.deps.spool.settings()!.shaping!;
const trigger = {
  match: 'try again later',
  times: 2,
  withinSeconds: 600,
  action: { type: 'suspend' },
  forSeconds: 900,
};
const own = { provider: 'kaisha', label: '自社', mx: ['.kaisha.example'], values: { connections: 3 } };

it('shows the built-in value of every limit, where it comes from, and who is last asked', async () => {
  const { body } = await d.get('/shaping', d.viewer);
  const gmail = body.items.find(({ provider }: { provider: string }) => provider === 'gmail');
  expect(gmail).toMatchObject({
    label: 'Gmail',
    own: false,
    changed: false,
    limits: {
      connections: { builtIn: 5, basis: 'found', override: null, effective: 5 },
      ratePerSecond: { builtIn: 20, basis: 'judged', override: null, effective: 20 },
      tlsRequired: { builtIn: true, effective: true },
      maxMessageBytes: { builtIn: null, basis: null, override: null, effective: null },
    },
    backoff: { override: null },
  });
  expect(gmail.backoff.effective).toEqual(gmail.backoff.builtIn);
  expect(gmail.backoff.builtIn[0]).toMatchObject({ match: 'unusual rate', basis: 'found', times: 2 });
  expect(body.items.at(-1).provider).toBe('generic');
  expect((await d.get('/shaping/gmail')).body).toEqual(gmail);
  expect((await d.get('/shaping/nobody')).status).toBe(404);
});

it('changes what is named, publishes it, and goes back with null', async () => {
  const first = await d.patch('/shaping/gmail', { values: { connections: 8, ratePerSecond: 2.5 } });
  expect(first.body).toMatchObject({
    changed: true,
    limits: { connections: { builtIn: 5, override: 8, effective: 8 }, ratePerSecond: { override: 2.5 } },
  });
  expect(d.audited()).toMatchObject({
    action: 'shaping.update',
    target: 'shaping:gmail',
    detail: { values: { connections: 8 } },
  });
  const second = await d.patch('/shaping/gmail', { values: { connections: null }, backoff: [trigger] });
  expect(second.body).toMatchObject({
    limits: { connections: { override: null, effective: 5 }, ratePerSecond: { override: 2.5 } },
    backoff: { override: [trigger], effective: [trigger] },
  });
  expect(published()).toEqual([{ provider: 'gmail', values: { ratePerSecond: 2.5 }, backoff: [trigger] }]);
  // the back-off stays when only values are named
  await d.patch('/shaping/gmail', { values: { ratePerSecond: null } });
  expect(published()).toEqual([{ provider: 'gmail', values: {}, backoff: [trigger] }]);
  expect((await d.patch('/shaping/gmail', { backoff: null })).body.changed).toBe(false);
  expect(published()).toEqual([]);
  expect(d.h.db.select().from(shapingOverrides).all()).toEqual([]);
});

it('takes all changes of a built-in provider back', async () => {
  await d.patch('/shaping/docomo', { values: { connections: 1 }, backoff: [] });
  expect((await d.remove('/shaping/docomo')).status).toBe(204);
  expect(published()).toEqual([]);
  expect(d.audited()).toMatchObject({ action: 'shaping.delete', detail: { own: false } });
  expect((await d.get('/shaping/docomo')).body).toMatchObject({ changed: false });
});

it('knows providers of one’s own, with generic’s values where they say nothing', async () => {
  const made = await d.post('/shaping', { ...own, domains: ['Kaisha.Example', '*.kaisha.example'] });
  expect(made).toMatchObject({
    status: 201,
    body: {
      provider: 'kaisha',
      label: '自社',
      own: true,
      changed: true,
      mx: ['.kaisha.example'],
      domains: ['kaisha.example', '*.kaisha.example'],
      limits: { connections: { override: 3, effective: 3 }, messagesPerConnection: { override: null } },
    },
  });
  const { body: generic } = await d.get('/shaping/generic');
  expect(made.body.limits.messagesPerConnection.effective).toBe(
    generic.limits.messagesPerConnection.effective,
  );
  expect(d.audited()).toMatchObject({ action: 'shaping.create', target: 'shaping:kaisha' });
  const changed = await d.patch('/shaping/kaisha', { label: 'グループ', mx: ['mx.group.example'] });
  expect(changed.body).toMatchObject({
    label: 'グループ',
    mx: ['mx.group.example'],
    limits: { connections: { override: 3 } },
  });
  expect(published()).toMatchObject([{ provider: 'kaisha', label: 'グループ', values: { connections: 3 } }]);
  expect((await d.remove('/shaping/kaisha')).status).toBe(204);
  expect((await d.remove('/shaping/kaisha')).status).toBe(404);
  expect(published()).toEqual([]);
});

it.each<[string, 'POST' | 'PATCH', string, object, number, string, unknown]>([
  ['an unknown limit', 'PATCH', '/gmail', { values: { speed: 1 } }, 400, '/values/speed', undefined],
  ['no connection', 'PATCH', '/gmail', { values: { connections: 0 } }, 400, '/values/connections', 0],
  [
    'a share above one',
    'PATCH',
    '/gmail',
    { values: { unknownUserShare: 3 } },
    400,
    '/values/unknownUserShare',
    3,
  ],
  [
    'a broken pattern',
    'PATCH',
    '/gmail',
    { backoff: [trigger, { ...trigger, match: '(' }] },
    422,
    '/backoff/1/match',
    '(',
  ],
  [
    'a pattern that takes for ever',
    'PATCH',
    '/gmail',
    { backoff: [{ ...trigger, match: '(a+)+$' }] },
    422,
    '/backoff/0/match',
    '(a+)+$',
  ],
  ['other MX of a built-in one', 'PATCH', '/gmail', { mx: ['.a.example'] }, 422, '/mx', ['.a.example']],
  ['another name of a built-in one', 'PATCH', '/gmail', { label: 'G' }, 422, '/label', 'G'],
  ['an unknown provider', 'PATCH', '/nobody', {}, 404, '', undefined],
  ['a name that is built in', 'POST', '', { ...own, provider: 'gmail' }, 409, '/provider', 'gmail'],
  ['a name with spaces', 'POST', '', { ...own, provider: 'a b' }, 400, '/provider', 'a b'],
  ['neither MX nor domain', 'POST', '', { provider: 'kaisha' }, 422, '/domains', undefined],
  ['a bad MX name', 'POST', '', { ...own, mx: ['.ok.example', 'no host'] }, 422, '/mx/1', 'no host'],
])('refuses %s', async (_name, method, path, body, status, pointer, value) => {
  const ask = method === 'POST' ? d.post : d.patch;
  const refused = await ask(`/shaping${path}`, body);
  expect(refused.status).toBe(status);
  if (pointer !== '') expect(refused.body.errors[0].pointer).toBe(pointer);
  if (value !== undefined) expect(refused.body.errors[0].value).toEqual(value);
  expect(published()).toEqual([]);
});

it('belongs to those who manage delivery', async () => {
  expect((await d.post('/shaping', own, d.viewer)).status).toBe(403);
});
