import { expect, test } from 'vitest';
import type { DnsRecord, SendingDomain } from '../../../../server/delivery/sending-domain-schemas.ts';
import { recordTone, shortName, stepsOf, valueToPublish } from './steps.ts';

const record = (level: DnsRecord['level'], state: DnsRecord['state']) =>
  ({ step: 'spf', level, required: level === 'required', state, keyId: null }) as DnsRecord;
const domainOf = (records: DnsRecord[], keys: { id: number; state: string }[] = []) =>
  ({ records, dkimKeys: keys }) as SendingDomain;

test.each<[string, DnsRecord[], string, number, number]>([
  ['all right', [record('required', 'ok'), record('recommended', 'ok')], 'ok', 2, 2],
  ['optional ones do not count', [record('required', 'ok'), record('optional', 'missing')], 'ok', 1, 1],
  [
    'a recommended one is missing',
    [record('required', 'ok'), record('recommended', 'missing')],
    'warn',
    1,
    2,
  ],
  [
    'a required one is missing',
    [record('required', 'missing'), record('recommended', 'unchecked')],
    'bad',
    0,
    2,
  ],
  ['never looked at', [record('required', 'unchecked'), record('recommended', 'ok')], 'unchecked', 1, 2],
  ['no records', [], 'ok', 0, 0],
])('a step: %s', (_name, records, state, ok, all) => {
  const step = stepsOf(domainOf(records)).find(({ key }) => key === 'spf');
  expect(step).toMatchObject({ state, ok, all });
});

test('steps come in their order, each with its own records', () => {
  const steps = stepsOf(domainOf([record('required', 'ok')]));
  expect(steps.map(({ key, records }) => `${key} ${records.length}`)).toEqual([
    'dkim 0',
    'spf 1',
    'dmarc 0',
    'return-path 0',
    'reverse-dns 0',
  ]);
});

test('a key that is only being prepared does not count', () => {
  const of = (keyId: number, state: DnsRecord['state']) => ({ ...record('recommended', state), keyId });
  const domain = domainOf(
    [of(1, 'ok'), of(2, 'missing')],
    [
      { id: 1, state: 'active' },
      { id: 2, state: 'pending' },
    ],
  );
  expect(stepsOf(domain)[1]).toMatchObject({ state: 'ok', ok: 1, all: 1 });
});

test.each([
  ['required', 'ok', 'ok'],
  ['required', 'missing', 'bad'],
  ['required', 'error', 'bad'],
  ['required', 'different', 'bad'],
  ['recommended', 'missing', 'warn'],
  ['optional', 'missing', 'neutral'],
  ['required', 'unchecked', 'neutral'],
] as const)('a %s record that is %s is %s', (level, state, tone) => {
  expect(recordTone({ level, state })).toBe(tone);
});

test.each([
  ['example.jp', '@'],
  ['_dmarc.example.jp', '_dmarc'],
  ['mail.other.jp', 'mail.other.jp'],
  ['myexample.jp', 'myexample.jp'],
])('%s is entered as %s', (name, expected) => {
  expect(shortName(name, 'example.jp')).toBe(expected);
});

const spf = (state: DnsRecord['state'], more: Partial<DnsRecord> = {}) =>
  ({
    ...record('required', state),
    purpose: 'spf',
    value: '"ours"',
    found: ['theirs'],
    advice: [],
    ...more,
  }) as DnsRecord;
test.each<[string, DnsRecord, string, string]>([
  ['nothing is there', spf('missing', { found: [] }), 'own', 'ours'],
  ['never looked at', spf('unchecked'), 'own', 'ours'],
  ['what is there works', spf('ok'), 'published', 'theirs'],
  [
    'something has to be added',
    spf('different', { advice: [{ code: 'spf-not-allowed', values: { suggestion: 'both' } }] }),
    'merged',
    'both',
  ],
  ['a key is ours alone', spf('ok', { purpose: 'dkim' }), 'own', 'ours'],
  [
    "a parent's policy works",
    spf('ok', {
      purpose: 'dmarc',
      advice: [{ code: 'dmarc-inherited', values: { name: 'x', policy: 'none' } }],
    }),
    'own',
    'ours',
  ],
])('what to publish when %s', (_name, of, kind, value) => {
  expect(valueToPublish(of)).toEqual({ kind, value });
});
