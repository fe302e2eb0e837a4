import { describe, expect, it } from 'vitest';
import {
  explainMissing,
  judgeDkim,
  judgeDmarc,
  judgeEhlo,
  judgeFromAddress,
  judgeHint,
  judgeMx,
  judgePtr,
  reportAddresses,
} from './dns-judge.ts';

/** `state code code …`, as one line of a table. */
const brief = ({ state, advice }: { state: string; advice: { code: string }[] }) =>
  [state, ...advice.map(({ code }) => code)].join(' ');

const KEY = `MIIB${'k'.repeat(300)}AQAB`;
const WANTED = `v=DKIM1; k=rsa; p=${KEY}`;

describe('DKIM', () => {
  it.each([
    [[WANTED], 'ok'],
    [[`k=rsa;p=${KEY.slice(0, 100)} ${KEY.slice(100)} ; t=s`], 'ok'],
    [[`v=DKIM1; p=${KEY}`], 'ok'],
    [[`v=DKIM1; h=sha1:sha256; s=*; p=${KEY}`], 'ok'],
    [[`${WANTED}; t=y`], 'ok dkim-testing'],
    [[], 'missing record-missing'],
    [['some other text'], 'missing record-missing'],
    [['v=DKIM1; p='], 'different dkim-revoked'],
    [['v=DKIM1; p=another'], 'different dkim-wrong-key'],
    [['v=DKIM1; p=OTHER'], 'different dkim-other-key'],
    [[WANTED, 'v=DKIM1; p=another'], 'different dkim-several-records'],
    [[`v=DKIM1; k=rsa; p=${KEY.slice(0, 237)}`], 'different dkim-truncated'],
    [[`v=DKIM1; p=${KEY.slice(60)}`], 'different dkim-truncated'],
    [[`"v=DKIM1; k=rsa; p=${KEY.slice(0, 200)}" "${KEY.slice(200)}"`], 'different txt-quotes'],
    [[`v=DKIM1; k=ed25519; p=${KEY}`], 'different dkim-wrong-type'],
    [[`v=DKIM1; h=sha1; p=${KEY}`], 'different dkim-not-for-mail'],
    [[`v=DKIM1; s=tlsrpt; p=${KEY}`], 'different dkim-not-for-mail'],
  ])('%j: %s', (values, expected) => {
    expect(brief(judgeDkim(WANTED, values, { other: 'v=DKIM1; p=OTHER' }))).toBe(expected);
  });

  it('says how much of a cut key is there, and whose key stands in its place', () => {
    expect(judgeDkim(WANTED, [`p=${KEY.slice(0, 237)}`]).advice[0]!.values).toEqual({
      found: '237',
      wanted: '308',
    });
    expect(judgeDkim(WANTED, ['p=OTHER'], { tdk2: 'p=OTHER' }).advice[0]!.values).toEqual({
      selector: 'tdk2',
    });
  });

  it('wants k=ed25519 of an Ed25519 key', () => {
    const wanted = 'v=DKIM1; k=ed25519; p=abc=';
    expect(brief(judgeDkim(wanted, [wanted]))).toBe('ok');
    expect(judgeDkim(wanted, ['v=DKIM1; p=abc='])).toMatchObject({
      state: 'different',
      advice: [{ code: 'dkim-wrong-type', values: { found: 'rsa', wanted: 'ed25519' } }],
    });
  });
});

describe('DMARC', () => {
  const name = '_dmarc.example.jp';
  const wanted = { name, value: 'v=DMARC1; p=quarantine; rua=mailto:d@example.jp' };
  it.each([
    [['v=DMARC1; p=quarantine; rua=mailto:D@example.jp'], 'ok'],
    [['v=DMARC1;p=reject;rua=mailto:x@example.net!10m, mailto:d@example.jp'], 'ok'],
    [['v=DMARC1; p=none; rua=mailto:d@example.jp'], 'ok dmarc-policy-weaker'],
    [['v=DMARC1; p=reject'], 'ok dmarc-reports-none'],
    [['v=DMARC1; p=reject; rua=mailto:old@example.jp'], 'ok dmarc-reports-differ'],
    [['v=DMARC1; p=reject; aspf=s; rua=mailto:d@example.jp'], 'ok dmarc-strict-spf'],
    [['v=DMARC1; rua=mailto:d@example.jp'], 'different dmarc-policy-missing'],
    [['v=DMARC1; p=quarantaine'], 'different dmarc-policy-invalid'],
    [['p=none; v=DMARC1'], 'different dmarc-not-first'],
    [['v=dmarc1; p=none'], 'different dmarc-not-first'],
    [['"v=DMARC1; p=none"'], 'different txt-quotes'],
    [['v=DMARC1; p=none', 'v=DMARC1; p=reject'], 'different dmarc-several-records'],
    [['v=spf1 -all'], 'missing record-missing'],
  ])('%j: %s', (values, expected) => {
    expect(brief(judgeDmarc(wanted, { name, values }))).toBe(expected);
  });

  it.each([
    ['v=DMARC1; p=none; adkim=s', 'v=DMARC1; p=quarantine; adkim=s; rua=mailto:d@example.jp'],
    [
      'v=DMARC1; p=reject; sp=none; rua=mailto:x@example.jp!10m',
      'v=DMARC1; p=reject; sp=none; rua=mailto:x@example.jp!10m,mailto:d@example.jp',
    ],
  ])('%s becomes %s: nothing that was there is lost', (value, suggestion) => {
    const { advice } = judgeDmarc(wanted, { name, values: [value] });
    expect(advice.map(({ values }) => values.suggestion)).toEqual(advice.map(() => suggestion));
    expect(advice.length).toBeGreaterThan(0);
  });

  it("takes a parent's policy for subdomains, and says where it stands", () => {
    const values = ['v=DMARC1; p=reject; sp=none; rua=mailto:d@example.jp'];
    expect(judgeDmarc({ ...wanted, name: '_dmarc.news.example.jp' }, { name, values })).toMatchObject({
      state: 'ok',
      advice: [
        { code: 'dmarc-policy-weaker', values: { found: 'none', wanted: 'quarantine' } },
        { code: 'dmarc-inherited', values: { name, policy: 'none' } },
      ],
    });
  });

  it('names report addresses that nobody agreed to take', () => {
    const refused = [{ address: 'd@other.jp', name: 'example.jp._report._dmarc.other.jp' }];
    const facts = {
      name,
      values: ['v=DMARC1; p=reject; rua=mailto:d@example.jp,mailto:d@other.jp'],
      refused,
    };
    expect(judgeDmarc(wanted, facts).advice).toEqual([
      { code: 'dmarc-reports-refused', values: { ...refused[0], value: 'v=DMARC1' } },
    ]);
  });

  it('reads report addresses as RFC 7489 writes them', () => {
    expect(reportAddresses('mailto:A@x.jp!10m, mailto:b@y.jp,https://x.jp')).toEqual(['a@x.jp', 'b@y.jp']);
  });
});

describe('MX of the return path', () => {
  const mx = (preference: number, host: string, addresses = ['192.0.2.7'], alias?: string) => ({
    preference,
    host,
    addresses,
    alias,
  });
  it.each([
    ['ours', [mx(10, 'mail.example.jp')], 'ok'],
    ['another name of ours', [mx(10, 'mx.example.jp', ['192.0.2.7'])], 'ok'],
    ['a backup behind ours', [mx(10, 'mail.example.jp'), mx(20, 'b.example.net', ['192.0.2.9'])], 'ok'],
    ['none', [], 'missing record-missing'],
    ['null MX', [mx(0, '.', [])], 'different mx-null'],
    ['elsewhere', [mx(10, 'aspmx.l.google.com', ['192.0.2.9'])], 'different mx-elsewhere'],
    ['an address', [mx(10, '192.0.2.7', [])], 'different mx-is-address'],
    [
      'others first',
      [mx(10, 'b.example.net', ['192.0.2.9']), mx(10, 'mail.example.jp')],
      'different mx-others-first',
    ],
    ['an alias', [mx(10, 'mail.example.jp', ['192.0.2.7'], 'host.example.net')], 'different mx-is-cname'],
    ['a name without address', [mx(10, 'mail.example.jp', [])], 'different mx-target-unresolved'],
  ])('%s', (_name, hosts, expected) => {
    expect(brief(judgeMx('10 mail.example.jp', { hosts, own: ['192.0.2.7'] }))).toBe(expected);
  });
});

describe('names and addresses', () => {
  it.each([
    [['192.0.2.1'], [], 'ok'],
    [[], ['10 mx.example.jp'], 'ok'],
    [[], [], 'missing record-missing'],
    [['192.0.2.1'], ['0 .'], 'different from-null-mx'],
  ])('From domain with %j and %j: %s', (addresses, mx, expected) => {
    expect(brief(judgeFromAddress(addresses, mx))).toBe(expected);
  });

  it.each([
    ['mail.example.jp', ['192.0.2.7'], [], 'ok'],
    ['mail.example.jp', ['192.0.2.7', '2001:db8::25'], ['2001:DB8:0::25'], 'ok'],
    ['mail.example.jp', [], [], 'missing record-missing'],
    ['mail.example.jp', ['192.0.2.7'], ['192.0.2.8'], 'different ehlo-other-address'],
    ['mail.example.jp', ['10.0.0.5'], [], 'different ehlo-private'],
    ['localhost.localdomain', [], [], 'different ehlo-not-public'],
    ['mailserver', ['192.0.2.7'], [], 'different ehlo-not-public'],
    ['192.0.2.7', [], [], 'different ehlo-not-public'],
  ])('EHLO %s at %j for %j: %s', (ehlo, addresses, expectedAddresses, expected) => {
    expect(brief(judgeEhlo(ehlo, addresses, expectedAddresses))).toBe(expected);
  });

  const back = ['192.0.2.7'];
  it.each([
    ['its own name', [{ name: 'mail.example.jp', addresses: back }], 'ok'],
    ['no name', [], 'missing ptr-missing'],
    [
      'a name that leads elsewhere',
      [{ name: 'mail.example.jp', addresses: ['192.0.2.8'] }],
      'different ptr-not-confirmed',
    ],
    [
      'a name that leads nowhere',
      [{ name: 'mail.example.jp', addresses: [] }],
      'different ptr-not-confirmed',
    ],
    ['another good name', [{ name: 'mx.example.net', addresses: back }], 'ok ptr-not-ehlo'],
    [
      "the provider's name",
      [{ name: '192-0-2-7.static.example.net', addresses: back }],
      'ok ptr-not-ehlo ptr-generic',
    ],
    [
      'two names',
      [
        { name: 'mail.example.jp', addresses: back },
        { name: 'www.example.jp', addresses: back },
      ],
      'ok ptr-several',
    ],
  ])('PTR: %s', (_name, names, expected) => {
    expect(brief(judgePtr({ address: '192.0.2.7', ehlo: 'mail.example.jp', names }))).toBe(expected);
  });
});

describe('hints', () => {
  it.each([
    ['tlsrpt', ['v=TLSRPTv1; rua=mailto:t@example.jp'], 'ok'],
    ['tlsrpt', ['v=TLSRPTv1;rua=https://example.jp/r'], 'ok'],
    ['tlsrpt', ['v=TLSRPTv1; rua=t@example.jp'], 'different tlsrpt-invalid'],
    ['tlsrpt', [], 'missing record-missing'],
    ['mta-sts', ['v=STSv1; id=20261125'], 'ok'],
    ['mta-sts', ['v=STSv1;'], 'different mta-sts-invalid'],
    ['mta-sts', ['v=STSv1; id=1', 'v=STSv1; id=2'], 'different mta-sts-invalid'],
  ] as const)('%s %j: %s', (purpose, values, expected) => {
    expect(brief(judgeHint(purpose, values))).toBe(expected);
  });

  it('tells why a record is not at its place', () => {
    const missing = judgeDkim(WANTED, []);
    const explain = (alias: string | undefined, doubled: boolean) =>
      brief(explainMissing(missing, 's._domainkey.example.jp', { alias, doubled }));
    expect(explain(undefined, false)).toBe('missing record-missing');
    expect(explain(undefined, true)).toBe('missing name-doubled');
    expect(explain('old.example.net', false)).toBe('missing cname-in-the-way');
  });
});
