/** Who decides about TLS, and which mail may share a connection. */
import { describe, expect, it } from 'vitest';
import { parseStsPolicy, type StsPolicy, stsId, stsMatches } from '../routing/sts-policy.ts';
import { decideTls, type TlsFacts } from '../routing/tls-policy.ts';
import type { TlsRule } from '../types.ts';

const enforce: StsPolicy = { mode: 'enforce', mx: ['*.mx.test', 'b.test'], maxAge: 86_400 };
const testing: StsPolicy = { ...enforce, mode: 'testing' };
const rules: TlsRule[] = [
  { match: '*', mode: 'required' },
  { match: '*.jp', mode: 'none' },
  { match: 'a.jp', mode: 'verified' },
];
const decide = (facts: Partial<TlsFacts>) => decideTls({ domain: 'a.test', rules: [], ...facts });

describe('the first that has a word decides', () => {
  const all = { rules, signedMx: true, sts: enforce, tlsRequired: true };
  it.each<[string, Partial<TlsFacts>, { policy: string; mode: string; dane?: boolean }]>([
    ['nobody', {}, { policy: 'opportunistic', mode: 'opportunistic' }],
    ['the profile', { tlsRequired: true }, { policy: 'required', mode: 'required' }],
    [
      'MTA-STS before the profile',
      { tlsRequired: true, sts: enforce },
      { policy: 'mta-sts', mode: 'verified' },
    ],
    ['MTA-STS testing decides nothing', { sts: testing }, { policy: 'opportunistic', mode: 'opportunistic' }],
    [
      'nor does it undo the profile',
      { sts: testing, tlsRequired: true },
      { policy: 'required', mode: 'required' },
    ],
    [
      'MTA-STS none is no policy',
      { sts: { mode: 'none', mx: [], maxAge: 1 } },
      { policy: 'opportunistic', mode: 'opportunistic' },
    ],
    [
      'signed MX: DANE is asked first, what else there is holds for the other hosts',
      { signedMx: true, sts: enforce },
      { policy: 'mta-sts', mode: 'verified', dane: true },
    ],
    ['a rule before all of them', all, { policy: 'required', mode: 'required', dane: false }],
    [
      'the rule with the longest suffix',
      { ...all, domain: 'b.jp' },
      { policy: 'none', mode: 'none', dane: false },
    ],
    [
      'the rule of the domain itself',
      { ...all, domain: 'a.jp' },
      { policy: 'verified', mode: 'verified', dane: false },
    ],
    [
      'on a route: a rule for relays without a word',
      { ...all, domain: 'a.jp', relay: [{ host: 'r', port: 25 }] },
      { policy: 'verified', mode: 'verified', dane: false },
    ],
    [
      'on a route: the relays themselves, each at its time',
      { ...all, relay: [{ host: 'r', port: 25, tls: 'none' }] },
      { policy: 'opportunistic', mode: 'opportunistic', dane: false },
    ],
    [
      'on a route: never the domain, whose hosts they are not',
      { signedMx: true, sts: enforce, relay: [{ host: 'r', port: 25 }] },
      { policy: 'opportunistic', mode: 'opportunistic', dane: false },
    ],
  ])('%s', (_, facts, expected) => {
    expect(decide(facts)).toMatchObject(expected);
  });
});

describe('mail may share a connection when it asks the same of it', () => {
  const key = (facts: Partial<TlsFacts>): string => decide(facts).key;
  const shared = ['mx.host.test'];
  it.each<[boolean, string, Partial<TlsFacts>, Partial<TlsFacts>]>([
    [
      true,
      'the same mode, whoever decided',
      { rules: [{ match: '*', mode: 'required' }] },
      { tlsRequired: true },
    ],
    [
      true,
      'policies that name the same hosts',
      { domain: 'x.test', sts: enforce },
      { sts: { ...enforce, mx: [...enforce.mx].reverse(), maxAge: 5 } },
    ],
    [false, 'policies that name other hosts', { sts: enforce }, { sts: { ...enforce, mx: ['b.test'] } }],
    [false, 'enforce and testing', { sts: enforce }, { sts: testing }],
    [false, 'signed and unsigned MX', { signedMx: true }, {}],
    [
      true,
      'customers of one signed host',
      { domain: 'x.test', signedMx: true, mxHosts: shared },
      { signedMx: true, mxHosts: shared },
    ],
    [
      false,
      'a domain whose own name the certificate may bear',
      { domain: 'host.test', signedMx: true, mxHosts: shared },
      { signedMx: true, mxHosts: shared },
    ],
    [
      true,
      'a route whose relays all have their own word, whatever rules say',
      { domain: 'x.jp', rules, relay: [{ host: 'r', port: 25, tls: 'none' }] },
      { relay: [{ host: 'r', port: 25, tls: 'none' }] },
    ],
  ])('%s: %s', (same, _, a, b) => {
    expect(key(a) === key(b)).toBe(same);
  });
});

describe('the TXT record (RFC 8461 §3.1)', () => {
  it.each<[string, string[], string | undefined]>([
    ['as it should be', ['v=STSv1; id=20160831085700Z;'], '20160831085700Z'],
    ['without the last semicolon', ['v=STSv1; id=1'], '1'],
    ['with other fields', ['v=STSv1; a=b; id=1;'], '1'],
    ['among others', ['something else', 'v=STSv1;id=7', 'v=STSv10; id=2'], '7'],
    ['twice', ['v=STSv1; id=1', 'v=STSv1; id=2'], undefined],
    ['without an id', ['v=STSv1;'], undefined],
    ['with an id that is none', ['v=STSv1; id=a-b;'], undefined],
    ['with a long id', [`v=STSv1; id=${'1'.repeat(33)};`], undefined],
    ['not first', ['id=1; v=STSv1'], undefined],
    ['none', [], undefined],
  ])('%s', (_, records, id) => {
    expect(stsId(records)).toBe(id);
  });
});

describe('the policy file (RFC 8461 §3.2)', () => {
  const good = 'version: STSv1\r\nmode: enforce\r\nmx: mail.a.test\r\nmx: *.b.test\r\nmax_age: 604800\r\n';
  it.each<[string, string, StsPolicy]>([
    ['CRLF', good, { mode: 'enforce', mx: ['mail.a.test', '*.b.test'], maxAge: 604_800 }],
    [
      'LF, no end of line, blanks',
      'version:STSv1\nmode:  testing \nmx:\tA.Test.\n\nmax_age:1',
      { mode: 'testing', mx: ['a.test'], maxAge: 1 },
    ],
    [
      'unknown fields',
      `${good}x-more: of: this\r\n`,
      { mode: 'enforce', mx: ['mail.a.test', '*.b.test'], maxAge: 604_800 },
    ],
    [
      'the first of two',
      'version: STSv1\nmode: none\nmode: enforce\nmax_age: 5\nmax_age: 6',
      { mode: 'none', mx: [], maxAge: 5 },
    ],
    [
      'older than a year',
      'version: STSv1\nmode: none\nmax_age: 9999999999',
      { mode: 'none', mx: [], maxAge: 31_557_600 },
    ],
  ])('%s', (_, text, policy) => {
    expect(parseStsPolicy(text)).toEqual({ ok: true, policy });
  });

  it.each([
    ['version: STSv2\nmode: none\nmax_age: 1', 'version is "STSv2", not STSv1'],
    ['mode: none\nmax_age: 1', 'version is missing, not STSv1'],
    [
      'version: STSv1\nmode: strict\nmx: a.test\nmax_age: 1',
      'mode is "strict", not enforce, testing or none',
    ],
    ['version: STSv1\nmode: enforce\nmax_age: 1', 'mx is missing'],
    ['version: STSv1\nmode: none', 'max_age is missing, not a number of seconds'],
    ['version: STSv1\nmode: none\nmax_age: -1', 'max_age is "-1", not a number of seconds'],
    ['version: STSv1\nmode: enforce\nmx: a.*.test\nmax_age: 1', 'mx "a.*.test" is not a host name'],
    ['<html>', 'line "<html>" is not a field'],
    ['', 'version is missing, not STSv1'],
  ])('refuses %j', (text, error) => {
    expect(parseStsPolicy(text)).toEqual({ ok: false, error });
  });
});

it.each([
  ['mail.a.test', true],
  ['MAIL.A.TEST.', true],
  ['x.b.test', true],
  ['b.test', false],
  ['x.y.b.test', false],
  ['notb.test', false],
  ['test', false],
])('%s is among mail.a.test and *.b.test: %s (RFC 8461 §4.1)', (host, is) => {
  expect(stsMatches(host, ['mail.a.test', '*.b.test'])).toBe(is);
});
