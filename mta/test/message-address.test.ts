import { describe, expect, it } from 'vitest';
import { envelopeAddress, parseAddress } from '../message/address.ts';

describe('accepted addresses: as typed, key, what goes out', () => {
  it.each([
    ['taro@example.jp', 'taro@example.jp', 'taro@example.jp'],
    ['Taro.Yamada@Example.JP', 'taro.yamada@example.jp', 'Taro.Yamada@example.jp'],
    ["o'hara+news@mail.example.co.jp", "o'hara+news@mail.example.co.jp", "o'hara+news@mail.example.co.jp"],
    // old docomo and au addresses break the dot-atom rule: quoted on the wire
    ['a..b@docomo.ne.jp', 'a..b@docomo.ne.jp', '"a..b"@docomo.ne.jp'],
    ['.a@docomo.ne.jp', '.a@docomo.ne.jp', '".a"@docomo.ne.jp'],
    ['a.@ezweb.ne.jp', 'a.@ezweb.ne.jp', '"a."@ezweb.ne.jp'],
    // typed with quotes: the same mailbox
    ['"a..b"@docomo.ne.jp', 'a..b@docomo.ne.jp', '"a..b"@docomo.ne.jp'],
    ['"Taro"@example.jp', 'taro@example.jp', 'Taro@example.jp'],
    ['"a b\\"c"@example.jp', 'a b"c@example.jp', '"a b\\"c"@example.jp'],
    ['"a@b"@example.jp', 'a@b@example.jp', '"a@b"@example.jp'],
    // IDN: A-label in key and on the wire
    ['taro@日本語.jp', 'taro@xn--wgv71a119e.jp', 'taro@xn--wgv71a119e.jp'],
    ['taro@XN--WGV71A119E.jp', 'taro@xn--wgv71a119e.jp', 'taro@xn--wgv71a119e.jp'],
    ['taro@ｅｘａｍｐｌｅ．ｊｐ', 'taro@example.jp', 'taro@example.jp'],
  ])('%s', (input, key, path) => {
    const parsed = parseAddress(`  ${input}\t`);
    expect(parsed).toMatchObject({ ok: true, address: input, key });
    if (parsed.ok) expect(envelopeAddress(parsed)).toEqual({ path, utf8: false });
  });

  it('says that a local part which is not ASCII needs SMTPUTF8, and makes one key of both Unicode forms', () => {
    const composed = parseAddress('がま@example.jp');
    const decomposed = parseAddress('か\u3099ま@example.jp');
    if (!composed.ok || !decomposed.ok) throw new Error('not accepted');
    expect(decomposed.key).toBe(composed.key);
    const quoted = parseAddress('"が."@example.jp');
    expect(quoted.ok && envelopeAddress(quoted)).toEqual({ path: '"が."@example.jp', utf8: true });
    expect(envelopeAddress(composed)).toEqual({ path: 'がま@example.jp', utf8: true });
  });

  it('sends a broken dot-atom raw where that is asked for', () => {
    const parsed = parseAddress('a..b@docomo.ne.jp');
    expect(parsed.ok && envelopeAddress(parsed, 'raw').path).toBe('a..b@docomo.ne.jp');
  });
});

describe('refused addresses', () => {
  it.each([
    ['', 'empty'],
    [' \t ', 'empty'],
    ['taro', 'no-at'],
    ['taro＠example.jp', 'no-at'],
    ['@example.jp', 'bad-local'],
    ['ta ro@example.jp', 'bad-local'],
    ['<taro@example.jp>', 'bad-local'],
    ['Taro <taro@example.jp', 'bad-local'],
    ['a,b@example.jp', 'bad-local'],
    ['a@b@example.jp', 'bad-local'],
    ['"a"b"@example.jp', 'bad-local'],
    ['ta\u200bro@example.jp', 'bad-local'],
    ['ta\u3000ro@example.jp', 'bad-local'],
    ['taro@', 'bad-domain'],
    ['taro@localhost', 'bad-domain'],
    ['taro@example', 'bad-domain'],
    ['taro@192.0.2.1', 'bad-domain'],
    ['taro@[192.0.2.1]', 'bad-domain'],
    ['taro@[IPv6:2001:db8::1]', 'bad-domain'],
    ['taro@example..jp', 'bad-domain'],
    ['taro@.example.jp', 'bad-domain'],
    ['taro@example.jp.', 'bad-domain'],
    ['taro@-example.jp', 'bad-domain'],
    ['taro@exam_ple.jp', 'bad-domain'],
    ['taro@exa mple.jp', 'bad-domain'],
    [`taro@${'a'.repeat(64)}.jp`, 'bad-domain'],
    [`${'a'.repeat(65)}@example.jp`, 'too-long'],
    [`${'あ'.repeat(22)}@example.jp`, 'too-long'],
    [`taro@${'abcdefg.'.repeat(32)}jp`, 'too-long'],
    // DELIVERY.md case 34: a line break would end the SMTP command
    ['taro@example.jp\r\nRCPT TO:<x@example.jp>', 'control-character'],
    ['taro\n@example.jp', 'control-character'],
    ['taro\0@example.jp', 'control-character'],
    ['"a\rb"@example.jp', 'control-character'],
    ['taro@exam\u2028ple.jp', 'control-character'],
  ])('%j: %s', (input, code) => {
    expect(parseAddress(input)).toMatchObject({ ok: false, code });
  });
});
