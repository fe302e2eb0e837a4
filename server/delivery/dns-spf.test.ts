import { describe, expect, it } from 'vitest';
import { judgeSpf, mergeSpf } from './dns-judge-spf.ts';
import type { DnsLookup } from './dns-lookup.ts';
import { countLookups, evaluateSpf, parseSpf } from './dns-spf.ts';
import { walkSpf } from './dns-spf-walk.ts';

/** `TYPE name` → answers; a string is a failure */
type Answers = Record<string, string[] | string>;
const lookupOf =
  (zone: Answers, asked: string[] = []): DnsLookup =>
  async (name, type) => {
    asked.push(`${type} ${name}`);
    const answer = zone[`${type} ${name}`] ?? [];
    return typeof answer === 'string' ? { ok: false, problem: answer } : { ok: true, values: answer };
  };
const brief = ({ state, advice }: { state: string; advice: { code: string }[] }) =>
  [state, ...advice.map(({ code }) => code)].join(' ');

const zone: Answers = {
  'TXT bounce.example.jp': ['v=spf1 a:mail.example.jp -all'],
  'A mail.example.jp': ['192.0.2.7'],
  'TXT _spf.saas.example': ['v=spf1 ip4:198.51.100.0/24 include:_a.saas.example ~all'],
  'TXT _a.saas.example': ['v=spf1 ip6:2001:db8::/32 -all'],
  'TXT broken.example': ['v=spf1 ip4:300.1.1.1 -all'],
  'TXT loop.example': ['v=spf1 include:loop.example -all'],
  'TXT slow.example': 'timeout',
  'MX example.jp': ['10 mail.example.jp', '20 backup.example.jp'],
  'A backup.example.jp': ['192.0.2.8'],
  ...Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [`TXT i${n}.example`, ['v=spf1 ip4:198.51.100.9 -all']]),
  ),
  ...Object.fromEntries(
    Array.from({ length: 60 }, (_, n) => [
      `TXT deep${n}.example`,
      [`v=spf1 include:deep${n + 1}.example -all`],
    ]),
  ),
};
const tree = (record: string | string[], more: Answers = {}) =>
  walkSpf('example.jp', lookupOf({ ...zone, ...more, 'TXT example.jp': [record].flat() }));

describe('what a receiver makes of a record', () => {
  it.each([
    ['v=spf1 ip4:192.0.2.0/24 -all', 'pass'],
    ['v=spf1 ip4:192.0.2.8 -all', 'fail'],
    ['v=spf1 ip4:192.0.2.8 ~all', 'softfail'],
    ['v=spf1 ip4:192.0.2.8', 'neutral'],
    ['v=spf1 ?ip4:192.0.2.7 -all', 'neutral'],
    ['V=SPF1 +INCLUDE:Bounce.Example.jp -all', 'pass'],
    ['v=spf1 mx -all', 'pass'],
    ['v=spf1 a:mail.example.jp/30 -all', 'pass'],
    ['v=spf1 a -all', 'fail'],
    ['v=spf1 include:_spf.saas.example -all', 'fail'],
    ['v=spf1 redirect=bounce.example.jp', 'pass'],
    ['v=spf1 redirect=nowhere.example', 'permerror'],
    ['v=spf1 include:nowhere.example -all', 'permerror'],
    ['v=spf1 include:broken.example -all', 'permerror'],
    ['v=spf1 include:slow.example -all', 'temperror'],
    ['v=spf1 -all include:bounce.example.jp', 'fail'],
    ['v=spf1 exists:%{i}.list.example unknown=1 include:bounce.example.jp -all', 'pass'],
  ])('%s: %s', async (record, expected) => {
    expect(evaluateSpf(await tree(record), '192.0.2.7')).toBe(expected);
  });

  it.each([
    ['v=spf1 -all', 0],
    ['v=spf1 ip4:192.0.2.7 ip6:2001:db8::1 -all', 0],
    ['v=spf1 a mx ptr exists:x.example include:_spf.saas.example -all', 6],
    ['v=spf1 redirect=_spf.saas.example', 2],
  ])('%s costs %i look-ups', async (record, count) => {
    expect(countLookups(await tree(record))).toBe(count);
  });

  it('follows no more than it must: 30 terms, however deep', async () => {
    const asked: string[] = [];
    const root = { 'TXT example.jp': ['v=spf1 include:deep0.example -all'] };
    await walkSpf('example.jp', lookupOf({ ...zone, ...root }, asked));
    expect(asked).toHaveLength(31);
  });

  it.each([
    ['v=spf1 ipv4:192.0.2.7 -all', ['ipv4:192.0.2.7']],
    [
      'v=spf1 ip4:192.0.2.0/33 ip6:192.0.2.7 include: al',
      ['ip4:192.0.2.0/33', 'ip6:192.0.2.7', 'include:', 'al'],
    ],
    ['v=spf1 a/24//64 mx:x.example/28 include:x.example ptr exists:y.example foo=bar ~all', []],
    ['v=spf1 include:x.example/24 a/40', ['include:x.example/24', 'a/40']],
  ])('%s has %j that cannot be read', (record, errors) => {
    expect(parseSpf(record).errors).toEqual(errors);
  });
});

describe('judging', () => {
  const FROM = 'v=spf1 include:bounce.example.jp ~all';
  it.each([
    ['v=spf1 mx include:bounce.example.jp -all', 'ok'],
    ['v=spf1 ip4:192.0.2.7 -all', 'ok'],
    ['v=spf1 include:bounce.example.jp ?all', 'ok spf-neutral-all'],
    ['v=spf1 include:bounce.example.jp', 'ok spf-no-all'],
    ['v=spf1 include:bounce.example.jp ptr -all', 'ok spf-ptr'],
    ['v=spf1 ip4:192.0.2.7 a:x.example a:y.example mx:z.example -all', 'ok spf-void-lookups'],
    ['v=spf1 include:slow.example ip4:192.0.2.7 -all', 'error dns-timeout'],
    ['v=spf1 include:_spf.saas.example -all', 'different spf-not-allowed'],
    ['v=spf1 -include:bounce.example.jp -all', 'different spf-not-allowed'],
    ['v=spf1 -all include:bounce.example.jp', 'different spf-after-all'],
    ['v=spf1 include:bounce.example.jp +all', 'different spf-plus-all'],
    ['v=spf1 include:bounce.example.jp all', 'different spf-plus-all'],
    ['v=spf1 include:bounce.example.jp include:nowhere.example -all', 'different spf-include-broken'],
    ['v=spf1 include:bounce.example.jp include:broken.example -all', 'different spf-include-broken'],
    ['v=spf1 include:bounce.example.jp include:loop.example -all', 'different spf-loop'],
    ['v=spf1 include:bounce.example.jp ip4:192.0.2 -all', 'different spf-syntax'],
    [
      `v=spf1 include:bounce.example.jp ${[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `include:i${n}.example`).join(' ')} -all`,
      'ok spf-many-lookups',
    ],
    [
      `v=spf1 include:bounce.example.jp ${[0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => `include:i${n}.example`).join(' ')} -all`,
      'different spf-too-many-lookups',
    ],
    ['v=spf1 include:bounce.example.jp include:deep0.example -all', 'different spf-too-many-lookups'],
  ])('%s: %s', async (record, expected) => {
    expect(brief(judgeSpf(FROM, await tree(record), ['192.0.2.7']))).toBe(expected);
  });

  it('tells what to write, with everything that was there', async () => {
    const verdict = judgeSpf(FROM, await tree('v=spf1 mx include:_spf.saas.example -all'), ['203.0.113.9']);
    expect(verdict.advice).toEqual([
      {
        code: 'spf-not-allowed',
        values: {
          addresses: '203.0.113.9',
          terms: 'include:bounce.example.jp',
          suggestion: 'v=spf1 mx include:_spf.saas.example include:bounce.example.jp -all',
        },
      },
    ]);
  });

  it('counts the includes that cost the most', async () => {
    const includes = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => `include:i${n}.example`).join(' ');
    const verdict = judgeSpf(
      FROM,
      await tree(`v=spf1 ${includes} include:_spf.saas.example ip4:192.0.2.7 -all`),
      ['192.0.2.7'],
    );
    expect(verdict.advice[0]!.values).toMatchObject({
      count: '11',
      limit: '10',
      terms: expect.stringMatching(/^include:_spf\.saas\.example \(2\), include:i0\.example \(1\)/),
    });
  });

  it('makes one record of several', async () => {
    const records = ['v=spf1 include:_spf.saas.example ~all', 'v=spf1 mx -all'];
    expect(judgeSpf(FROM, await tree(records), ['192.0.2.7'])).toMatchObject({
      state: 'different',
      found: records,
      advice: [
        {
          code: 'spf-several-records',
          values: {
            count: '2',
            suggestion: 'v=spf1 include:_spf.saas.example mx include:bounce.example.jp -all',
          },
        },
      ],
    });
  });

  it.each([
    ['its term is there', 'v=spf1 a:mail.example.jp -all', 'ok'],
    ['its term is not there', 'v=spf1 ip4:192.0.2.7 -all', 'different spf-not-allowed'],
  ])('when the addresses are unknown: %s', async (_name, record, expected) => {
    expect(brief(judgeSpf('v=spf1 a:mail.example.jp -all', await tree(record), []))).toBe(expected);
  });

  it.each([
    ['nothing', [], 'missing record-missing'],
    ['other texts', ['google-site-verification=1', 'v=spf10 x'], 'missing record-missing'],
  ])('%s', async (_name, values, expected) => {
    expect(brief(judgeSpf(FROM, await tree(values), ['192.0.2.7']))).toBe(expected);
  });

  it('does not take silence for an answer', async () => {
    const node = await walkSpf('slow.example', lookupOf(zone));
    expect(judgeSpf(FROM, node, ['192.0.2.7'])).toEqual({
      state: 'error',
      found: [],
      advice: [{ code: 'dns-timeout', values: { name: 'slow.example' } }],
    });
  });

  it.each([
    [['v=spf1 +mx ?all'], 'v=spf1 ip4:192.0.2.7 -all', 'v=spf1 mx ip4:192.0.2.7 ?all'],
    [['v=spf1 +all'], 'v=spf1 ip4:192.0.2.7 -all', 'v=spf1 ip4:192.0.2.7 -all'],
    [
      ['v=spf1 -ip4:192.0.2.7 ip4:192.0.2.8 -all'],
      'v=spf1 ip4:192.0.2.7 -all',
      'v=spf1 ip4:192.0.2.8 ip4:192.0.2.7 -all',
    ],
    [['v=spf1 redirect=x.example'], 'v=spf1 mx -all', 'v=spf1 mx redirect=x.example'],
  ])('%j and %s make %s', (records, wanted, merged) => {
    expect(mergeSpf(records, wanted)).toBe(merged);
  });
});
