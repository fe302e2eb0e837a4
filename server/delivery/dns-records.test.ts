import { describe, expect, it } from 'vitest';
import { checkRecords, type DnsLookup } from './dns-check.ts';
import { judgeRecord, showRecords, txtForZone, wantedRecords } from './dns-records.ts';

const KEY = 'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA'.padEnd(392, 'x');
const names = {
  domain: 'example.jp',
  returnPathDomain: 'bounce.example.jp',
  dkimSelector: 'tdk202611',
  dkimPublicKey: KEY,
  ehloName: 'mail.example.jp',
};
const wanted = (purpose: string) => wantedRecords(names).find((record) => record.purpose === purpose)!;

describe('records to publish', () => {
  it('names all five', () => {
    expect(
      wantedRecords(names).map(({ type, name, value, required }) => [
        type,
        name,
        value.slice(0, 40),
        required,
      ]),
    ).toEqual([
      ['TXT', 'tdk202611._domainkey.example.jp', `v=DKIM1; k=rsa; p=${KEY}`.slice(0, 40), true],
      ['TXT', 'example.jp', 'v=spf1 include:bounce.example.jp ~all', false],
      ['TXT', '_dmarc.example.jp', 'v=DMARC1; p=none', true],
      ['MX', 'bounce.example.jp', '10 mail.example.jp', true],
      ['TXT', 'bounce.example.jp', 'v=spf1 a:mail.example.jp -all', true],
    ]);
  });

  it('asks for one SPF record when the return path is the domain itself', () => {
    const spf = wantedRecords({ ...names, returnPathDomain: names.domain }).filter(({ value }) =>
      value.startsWith('v=spf1'),
    );
    expect(spf).toMatchObject([{ purpose: 'spf', value: 'v=spf1 a:mail.example.jp -all', required: true }]);
  });

  it('splits a long TXT value into strings of 255 bytes', () => {
    const shown = txtForZone(wanted('dkim').value);
    const strings = [...shown.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
    expect(strings.map(({ length }) => length)).toEqual([255, 410 - 255]);
    expect(strings.join('')).toBe(wanted('dkim').value);
    expect(txtForZone('v=DMARC1; p=none')).toBe('v=DMARC1; p=none');
  });

  it('shows what was found beside what is wanted', () => {
    const [dkim, spf] = showRecords(names, [{ purpose: 'dkim', state: 'missing', found: [] }]);
    expect(dkim).toMatchObject({ purpose: 'dkim', state: 'missing' });
    expect(spf).toMatchObject({ purpose: 'spf', state: 'unchecked', found: [] });
  });
});

describe('judging what is published', () => {
  it.each([
    ['dkim', [`v=DKIM1; k=rsa; p=${KEY}`], 'ok'],
    ['dkim', [`k=rsa;p=${KEY.slice(0, 100)} ${KEY.slice(100)} ; t=s`], 'ok'],
    ['dkim', ['v=DKIM1; p=another'], 'different'],
    ['dkim', ['v=DKIM1; p='], 'different'],
    ['dkim', [`v=DKIM1; p=${KEY}`, 'v=DKIM1; p=another'], 'different'],
    ['dkim', [], 'missing'],
    ['dkim', ['some other text'], 'missing'],
    ['spf', ['v=spf1 mx include:bounce.example.jp -all'], 'ok'],
    ['spf', ['V=SPF1 +INCLUDE:Bounce.Example.jp ?all', 'google-site-verification=1'], 'ok'],
    ['spf', ['v=spf1 mx -all'], 'different'],
    ['spf', ['v=spf1 -all include:bounce.example.jp'], 'different'],
    ['spf', ['v=spf1 -include:bounce.example.jp -all'], 'different'],
    ['spf', ['v=spf1 include:bounce.example.jp -all', 'v=spf1 mx -all'], 'different'],
    ['spf', ['v=spf10 include:bounce.example.jp'], 'missing'],
    ['return-path-spf', ['v=spf1 a:mail.example.jp -all'], 'ok'],
    ['return-path-spf', ['v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::25 -all'], 'ok'],
    ['return-path-spf', ['v=spf1 ip4:192.0.2.0/24 -all'], 'different'],
    ['return-path-spf', ['v=spf1 ip4:nonsense ip6:2001:db8::/32 -all'], 'different'],
    ['dmarc', ['v=DMARC1; p=none'], 'ok'],
    ['dmarc', ['v=DMARC1;p=reject; rua=mailto:d@example.jp'], 'ok'],
    ['dmarc', ['v=DMARC1; rua=mailto:d@example.jp'], 'different'],
    ['dmarc', ['v=DMARC1; p=none', 'v=DMARC1; p=reject'], 'different'],
    ['dmarc', ['v=spf1 -all'], 'missing'],
    ['return-path-mx', ['20 other.example.jp', '5 MAIL.example.jp.'], 'ok'],
    ['return-path-mx', ['10 mx.google.com'], 'different'],
    ['return-path-mx', [], 'missing'],
  ] as const)('%s %j: %s', (purpose, values, state) => {
    expect(judgeRecord(wanted(purpose), [...values], ['192.0.2.7', '2001:db8::25']).state).toBe(state);
  });

  it('does not take an SPF list as complete when the EHLO name has no address', () => {
    expect(judgeRecord(wanted('return-path-spf'), ['v=spf1 ip4:192.0.2.7 -all'], []).state).toBe('different');
  });
});

describe('checking', () => {
  const zone: Record<string, string[]> = {
    'A mail.example.jp': ['192.0.2.7'],
    'TXT bounce.example.jp': ['v=spf1 ip4:192.0.2.7 -all'],
    'MX bounce.example.jp': ['10 mx.other.example'],
    'TXT _dmarc.example.jp': ['v=DMARC1; p=reject'],
  };
  const asked: string[] = [];
  const lookup: DnsLookup = async (name, type) => {
    asked.push(`${type} ${name}`);
    if (name === 'news.example.jp') return { ok: false, problem: 'SERVFAIL' };
    return { ok: true, values: zone[`${type} ${name}`] ?? [] };
  };

  it('tells each record apart, takes a policy of the parent domain and tells why a look-up failed', async () => {
    const records = wantedRecords({ ...names, domain: 'news.example.jp' });
    expect(await checkRecords(records, names.ehloName, lookup)).toEqual([
      { purpose: 'dkim', state: 'missing', found: [] },
      { purpose: 'spf', state: 'error', found: ['SERVFAIL'] },
      { purpose: 'dmarc', state: 'ok', found: ['v=DMARC1; p=reject'] },
      { purpose: 'return-path-mx', state: 'different', found: ['10 mx.other.example'] },
      { purpose: 'return-path-spf', state: 'ok', found: ['v=spf1 ip4:192.0.2.7 -all'] },
    ]);
    expect(asked).not.toContain('TXT _dmarc.jp');
  });
});
