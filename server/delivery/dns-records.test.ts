import { describe, expect, it } from 'vitest';
import { reverseName } from '../../mta/index.ts';
import { inNetwork, isPublic } from './dns-addresses.ts';
import { type DomainNames, outgoingAddresses, poolsOf, txtForZone, wantedRecords } from './dns-records.ts';

const KEY = 'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA'.padEnd(392, 'x');
const names: DomainNames = {
  domain: 'example.jp',
  returnPathDomain: 'bounce.example.jp',
  keys: [{ id: 1, selector: 'tdk202611', algorithm: 'rsa-2048', publicKey: KEY, state: 'active' }],
  dmarcPolicy: 'none',
  dmarcReports: '',
  ehloName: 'mail.example.jp',
  sources: [{ address: '', ehlo: 'mail.example.jp', pools: [] }],
  resolved: [],
  relayed: false,
};
const brief = (given: Partial<DomainNames>) =>
  wantedRecords({ ...names, ...given }).map(({ key, type, name, value, level }) =>
    [key, type, name || '-', value.slice(0, 45) || '-', level].join(' | '),
  );

describe('records to publish', () => {
  it('names all, without an address where only the administrator knows it', () => {
    expect(brief({})).toEqual([
      `dkim:tdk202611 | TXT | tdk202611._domainkey.example.jp | ${`v=DKIM1; k=rsa; p=${KEY}`.slice(0, 45)} | required`,
      'return-path-spf | TXT | bounce.example.jp | v=spf1 a:mail.example.jp -all | required',
      'spf | TXT | example.jp | v=spf1 include:bounce.example.jp ~all | recommended',
      'from-address | A | example.jp | - | recommended',
      'dmarc | TXT | _dmarc.example.jp | v=DMARC1; p=none | required',
      'return-path-mx | MX | bounce.example.jp | 10 mail.example.jp | required',
      'ehlo:mail.example.jp | A | mail.example.jp | - | required',
      'ptr:mail.example.jp | PTR | - | mail.example.jp | required',
      'tlsrpt | TXT | _smtp._tls.example.jp | v=TLSRPTv1; rua=mailto:postmaster@example.jp | optional',
      'mta-sts | TXT | _mta-sts.example.jp | v=STSv1; id=1 | optional',
    ]);
  });

  it('names the addresses of a pool: in SPF, and a PTR record for each', () => {
    const sources = [
      { address: '203.0.113.7', ehlo: 'mta1.example.jp', pools: ['会員', '予備'] },
      { address: '2001:db8::25', ehlo: 'mta2.example.jp', pools: ['会員'] },
      { address: '192.168.1.9', ehlo: 'nat.example.jp', pools: ['予備'] },
    ];
    const resolved = [{ address: '203.0.113.99', ehlo: 'nat.example.jp' }];
    const wanted = brief({ sources, resolved });
    expect(wanted).toContain(
      'return-path-spf | TXT | bounce.example.jp | v=spf1 ip4:203.0.113.7 ip6:2001:db8::25 a:nat | required',
    );
    expect(wanted.filter((line) => /^(ehlo|ptr|from)/.test(line))).toEqual([
      'from-address | A | example.jp | 203.0.113.7 | recommended',
      'ehlo:mta1.example.jp | A | mta1.example.jp | 203.0.113.7 | required',
      'ptr:203.0.113.7 | PTR | 7.113.0.203.in-addr.arpa | mta1.example.jp | required',
      'ehlo:mta2.example.jp | AAAA | mta2.example.jp | 2001:db8::25 | required',
      `ptr:2001:db8::25 | PTR | ${reverseName('2001:db8::25')} | mta2.example.jp | required`,
      'ehlo:nat.example.jp | A | nat.example.jp | - | required',
      'ptr:203.0.113.99 | PTR | 99.113.0.203.in-addr.arpa | nat.example.jp | required',
    ]);
    const pools = ['203.0.113.7', '2001:db8::25', '203.0.113.99'].map((one) =>
      poolsOf({ sources, resolved }, one),
    );
    expect(pools).toEqual([['会員', '予備'], ['会員'], ['予備']]);
  });

  it('asks for one SPF record when the return path is the domain itself', () => {
    const spf = wantedRecords({ ...names, returnPathDomain: names.domain }).filter(({ value }) =>
      value.startsWith('v=spf1'),
    );
    expect(spf).toMatchObject([{ key: 'spf', value: 'v=spf1 a:mail.example.jp -all', level: 'required' }]);
  });

  it('requires only the RSA key that signs', () => {
    const key = { publicKey: 'x', algorithm: 'rsa-2048' as const };
    const wanted = wantedRecords({
      ...names,
      keys: [
        { ...key, id: 1, selector: 'old', state: 'retiring' },
        { ...key, id: 2, selector: 'now', state: 'active' },
        { ...key, id: 3, selector: 'next', state: 'pending' },
        { ...key, id: 4, selector: 'ed', state: 'active', algorithm: 'ed25519' },
      ],
    }).filter(({ purpose }) => purpose === 'dkim');
    expect(wanted.map(({ keyId, level, value }) => [keyId, level, value])).toEqual([
      [1, 'recommended', 'v=DKIM1; k=rsa; p=x'],
      [2, 'required', 'v=DKIM1; k=rsa; p=x'],
      [3, 'recommended', 'v=DKIM1; k=rsa; p=x'],
      [4, 'recommended', 'v=DKIM1; k=ed25519; p=x'],
    ]);
  });

  it('writes the chosen DMARC policy, and leaves names and addresses to a relay that takes everything', () => {
    const wanted = brief({ dmarcPolicy: 'reject', dmarcReports: 'd@example.jp', relayed: true });
    expect(wanted).toContain(
      'dmarc | TXT | _dmarc.example.jp | v=DMARC1; p=reject; rua=mailto:d@example.jp | required',
    );
    expect(wanted.filter((line) => /^(ehlo|ptr)/.test(line)).every((line) => line.endsWith('optional'))).toBe(
      true,
    );
  });

  it('splits a long TXT value into strings of 255 bytes', () => {
    const { value } = wantedRecords(names)[0]!;
    const strings = [...txtForZone(value).matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
    expect(strings.map(({ length }) => length)).toEqual([255, 410 - 255]);
    expect(strings.join('')).toBe(value);
    expect(txtForZone('v=DMARC1; p=none')).toBe('v=DMARC1; p=none');
  });
});

describe('addresses', () => {
  it.each([
    ['203.0.113.7', true],
    ['2001:db8::25', true],
    ['127.0.0.2', false],
    ['10.1.2.3', false],
    ['100.64.0.1', false],
    ['fd00::1', false],
    ['', false],
  ])('%s is public: %s', (address, expected) => {
    expect(isPublic(address)).toBe(expected);
  });

  it.each([
    ['192.0.2.7', '192.0.2.0/24', true],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
    ['2001:db8::25', '2001:db8::/32', true],
    ['2001:db8::25', '192.0.2.0/24', false],
    ['192.0.2.7', 'nonsense', false],
    ['192.0.2.7', '192.0.2.0/40', false],
  ])('%s in %s: %s', (address, network, expected) => {
    expect(inNetwork(address, network)).toBe(expected);
  });

  it('are written backwards in the reverse zone', () => {
    expect(reverseName('192.0.2.7')).toBe('7.2.0.192.in-addr.arpa');
    expect(reverseName('2001:db8::25')).toBe(
      '5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
    );
  });

  it('of two pools that share one are named once', () => {
    const source = { address: '203.0.113.7', ehlo: 'mta1.example.jp' };
    const sources = ['a', 'b'].map((pool) => ({ ...source, pools: [pool] }));
    expect(outgoingAddresses({ sources, resolved: [] })).toEqual([source]);
  });
});
