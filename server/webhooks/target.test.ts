import { describe, expect, it } from 'vitest';
import { type AllowedTarget, checkTarget, hostOf, parseAllowed, parseTarget } from './target.ts';

const allow = (...entries: string[]): AllowedTarget[] =>
  entries.map((entry) => {
    const parsed = parseAllowed(entry);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.target;
  });
const urlOf = (typed: string): URL => {
  const parsed = parseTarget(typed);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.url;
};
/** By its own address when the host is one. */
const judge = (typed: string, addresses: string[] | null = null, ...entries: string[]): string => {
  const url = urlOf(typed);
  const check = checkTarget(url, addresses ?? [hostOf(url)], allow(...entries));
  return check.ok ? 'ok' : check.code;
};

describe('without an administrator’s word', () => {
  it.each([
    ['https://93.184.216.34/', 'ok'],
    ['https://[2606:2800:220:1:248:1893:25c8:1946]/', 'ok'],
    ['http://93.184.216.34/', 'https-required'],
    // loopback, in every spelling that the URL parser or the address knows
    ['https://127.0.0.1/', 'target-private'],
    ['https://127.8.9.10/', 'target-private'],
    ['https://2130706433/', 'target-private'],
    ['https://0x7f.1/', 'target-private'],
    ['https://0177.0.0.1/', 'target-private'],
    ['https://127.1/', 'target-private'],
    ['https://[::1]/', 'target-private'],
    ['https://[::ffff:127.0.0.1]/', 'target-private'],
    ['https://[::ffff:7f00:1]/', 'target-private'],
    ['https://[::127.0.0.1]/', 'target-private'],
    ['https://[64:ff9b::7f00:1]/', 'target-private'],
    ['https://[64:ff9b:1::a00:1]/', 'target-private'],
    ['https://[2002:7f00:1::]/', 'target-private'],
    ['https://[2001:0:7f00:1::1]/', 'target-private'],
    ['https://[::ffff:0:127.0.0.1]/', 'target-private'],
    ['https://0.0.0.0/', 'target-private'],
    ['https://0.1.2.3/', 'target-private'],
    ['https://[::]/', 'target-private'],
    // private
    ['https://10.0.0.1/', 'target-private'],
    ['https://172.16.0.1/', 'target-private'],
    ['https://172.31.255.255/', 'target-private'],
    ['https://172.32.0.1/', 'ok'],
    ['https://192.168.1.1/', 'target-private'],
    ['https://100.64.0.1/', 'target-private'],
    ['https://100.100.100.200/', 'target-private'],
    ['https://[fc00::1]/', 'target-private'],
    ['https://[fd00:ec2::254]/', 'target-private'],
    ['https://[fec0::1]/', 'target-private'],
    // link-local and metadata services
    ['https://169.254.169.254/', 'target-private'],
    ['https://[::ffff:169.254.169.254]/', 'target-private'],
    ['https://[fe80::1]/', 'target-private'],
    ['https://192.0.0.192/', 'target-private'],
    // nobody's
    ['https://224.0.0.1/', 'target-private'],
    ['https://[ff02::1]/', 'target-private'],
    ['https://255.255.255.255/', 'target-private'],
    ['https://240.0.0.1/', 'target-private'],
    ['https://192.0.2.1/', 'target-private'],
    ['https://198.18.0.1/', 'target-private'],
    ['https://[2001:db8::1]/', 'target-private'],
    ['https://[100::1]/', 'target-private'],
    ['https://[4000::1]/', 'target-private'],
  ])('%s: %s', (url, expected) => {
    expect(judge(url)).toBe(expected);
  });

  it.each([
    [['93.184.216.34'], 'ok'],
    [['93.184.216.34', '10.0.0.1'], 'target-private'],
    [['::ffff:10.0.0.1'], 'target-private'],
    // not known now: looked at again before each request
    [[], 'ok'],
  ])('a name that resolves to %j: %s', (addresses, expected) => {
    expect(judge('https://hooks.example.jp/', addresses)).toBe(expected);
  });
});

describe('what an administrator lists', () => {
  it.each([
    ['http://10.1.2.3/', null, ['10.1.2.3'], 'ok'],
    ['http://10.1.2.3/', null, ['10.1.0.0/16'], 'ok'],
    ['http://10.2.2.3/', null, ['10.1.0.0/16'], 'target-private'],
    ['http://[::ffff:10.1.2.3]/', null, ['10.1.0.0/16'], 'ok'],
    ['http://[fd00::5]/', null, ['fd00::/8'], 'ok'],
    ['http://127.0.0.1/', null, ['127.0.0.1'], 'ok'],
    ['http://127.0.0.2/', null, ['127.0.0.1'], 'target-private'],
    ['http://crm.local/', ['10.1.2.3'], ['crm.local'], 'ok'],
    ['http://crm.local./', ['10.1.2.3'], ['crm.local'], 'ok'],
    ['http://CRM.local/', ['10.1.2.3'], ['Crm.Local'], 'ok'],
    ['http://crm/', ['10.1.2.3'], ['crm'], 'ok'],
    ['http://a.crm.local/', ['10.1.2.3'], ['crm.local'], 'target-private'],
    ['http://a.crm.local/', ['10.1.2.3'], ['*.crm.local'], 'ok'],
    ['http://crm.local/', ['10.1.2.3'], ['*.crm.local'], 'target-private'],
    ['http://xcrm.local/', ['10.1.2.3'], ['*.crm.local'], 'target-private'],
    ['http://other.local/', ['10.1.2.3'], ['10.1.2.3'], 'ok'],
    ['http://hooks.example.jp/', ['93.184.216.34'], ['hooks.example.jp'], 'ok'],
    // who keeps a listed name's DNS must not reach the metadata service, nor nobody's addresses
    ['http://crm.local/', ['169.254.169.254'], ['crm.local'], 'target-private'],
    ['http://crm.local/', ['10.1.2.3', 'fe80::1'], ['crm.local'], 'target-private'],
    ['http://crm.local/', ['0.0.0.0'], ['crm.local'], 'target-private'],
    ['http://169.254.1.2/', null, ['169.254.1.2'], 'ok'],
    ['http://0.0.0.0/', null, ['0.0.0.0'], 'target-private'],
    ['http://224.0.0.1/', null, ['224.0.0.0/8'], 'target-private'],
  ] as const)('%s at %j with %j: %s', (url, addresses, entries, expected) => {
    expect(judge(url, addresses && [...addresses], ...entries)).toBe(expected);
  });

  it.each([
    ['CRM.Example.Local.', 'crm.example.local'],
    ['*.例え.jp', '*.xn--r8jz45g.jp'],
    ['crm', 'crm'],
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['FD00:0:0::1', 'fd00::1'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['fd00::/7', 'fd00::/7'],
  ])('%s is kept as %s', (typed, entry) => {
    expect(parseAllowed(typed)).toMatchObject({ ok: true, entry });
  });

  it.each([
    '',
    '*',
    '*.',
    '0.0.0.0/0',
    '10.0.0.0/7',
    '::/0',
    '2000::/3',
    '10.0.0.0/33',
    '300.1.1.1',
    'http://a.example',
    'a b',
    'a_b',
    '-a',
  ])('refuses %j', (typed) => {
    expect(parseAllowed(typed)).toMatchObject({ ok: false, message: expect.any(String) });
  });
});

describe('a URL', () => {
  it.each([
    ['https://Example.JP/a?b=1#c', 'https://example.jp/a?b=1'],
    ['  http://crm:8080  ', 'http://crm:8080/'],
    ['https://例え.jp/', 'https://xn--r8jz45g.jp/'],
  ])('%s becomes %s', (typed, href) => {
    expect(urlOf(typed).href).toBe(href);
  });
  it.each([
    '',
    'example.jp',
    '/hooks',
    'ftp://example.jp/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://',
    'https://user:secret@example.jp/',
    'https://user@example.jp/',
  ])('refuses %j', (typed) => {
    expect(parseTarget(typed).ok).toBe(false);
  });
});
