import { describe, expect, it } from 'vitest';
import { compilePattern, REPLY_LENGTH, ways } from '../shaping/pattern.ts';
import { checkOverride } from '../shaping/profiles.ts';

const trigger = {
  match: 'too fast',
  times: 2,
  withinSeconds: 3600,
  action: { type: 'rate', perMinute: 10, connections: 1 },
  forSeconds: 1800,
};
const withTrigger = (change: object) => ({
  provider: 'gmail',
  values: {},
  backoff: [trigger, { ...trigger, ...change }],
});

describe('an override', () => {
  const good: [string, unknown][] = [
    ['nothing changed', { provider: 'gmail', values: {} }],
    ['without values', { provider: 'gmail' }],
    [
      'everything changed',
      {
        provider: 'gmail',
        label: 'ジーメール',
        values: {
          connections: 1,
          messagesPerConnection: 1,
          ratePerSecond: 0.5,
          newConnectionsPerMinute: 1,
          recipientsPerConnection: 1,
          providerWide: false,
          tlsRequired: false,
          maxMessageBytes: 1024,
          avoidTopOfHour: true,
          unknownUserShare: 0,
          suspendOnFailedConnection: 0,
        },
        backoff: [trigger],
      },
    ],
    [
      'a provider of their own, by domain',
      { provider: 'our-partner', domains: ['partner.example', '*.partner.example'], values: {} },
    ],
    [
      'a provider of their own, by MX',
      { provider: 'p2', mx: ['.mail.example', 'mx', 'mx.example'], values: {} },
    ],
    ['each action', withTrigger({ action: { type: 'suspend' } })],
    [
      'a trigger until it is lifted',
      withTrigger({ action: { type: 'pause-sending-domain' }, forSeconds: 0 }),
    ],
    ['connections', withTrigger({ action: { type: 'connections', count: 1 } })],
  ];
  it.each(good)('is taken: %s', (_, input) => {
    expect(checkOverride(input)).toEqual({ ok: true });
  });

  const bad: [unknown, string, string][] = [
    ['gmail', '', 'must be an object, not "gmail"'],
    [{ values: {} }, 'provider', 'not undefined'],
    [{ provider: 'Gmail', values: {} }, 'provider', 'not "Gmail"'],
    [{ provider: 'gmail', label: '', values: {} }, 'label', 'not ""'],
    [{ provider: 'mine', values: {} }, 'domains', 'mine is no built-in provider'],
    [{ provider: 'mine', mx: [], domains: [], values: {} }, 'domains', 'needs mx or domains'],
    [{ provider: 'mine', mx: 'x', values: {} }, 'mx', 'must be a list'],
    [{ provider: 'mine', mx: ['*.x.example'], values: {} }, 'mx.0', 'not "*.x.example"'],
    [
      { provider: 'mine', domains: ['ok.example', 'Ｘ.example'], values: {} },
      'domains.1',
      'not "Ｘ.example"',
    ],
    [{ provider: 'mine', domains: ['localhost'], values: {} }, 'domains.0', 'not "localhost"'],
    [{ provider: 'gmail', values: [] }, 'values', 'not []'],
    [{ provider: 'gmail', values: { connections: 0 } }, 'values.connections', 'from 1 to 1000, not 0'],
    [{ provider: 'gmail', values: { connections: 1.5 } }, 'values.connections', 'not 1.5'],
    [{ provider: 'gmail', values: { connections: '5' } }, 'values.connections', 'not "5"'],
    [{ provider: 'gmail', values: { connections: null } }, 'values.connections', 'not null'],
    [{ provider: 'gmail', values: { ratePerSecond: 0 } }, 'values.ratePerSecond', 'not 0'],
    [{ provider: 'gmail', values: { unknownUserShare: 3 } }, 'values.unknownUserShare', 'from 0 to 1, not 3'],
    [{ provider: 'gmail', values: { tlsRequired: 'yes' } }, 'values.tlsRequired', 'not "yes"'],
    [{ provider: 'gmail', values: { toString: 1 } }, 'values.toString', 'is no limit'],
    [{ provider: 'gmail', backoff: {} }, 'backoff', 'must be a list'],
    [withTrigger({ match: '' }), 'backoff.1.match', 'must be a regular expression'],
    [withTrigger({ match: '(' }), 'backoff.1.match', 'Invalid regular expression'],
    [withTrigger({ times: 0 }), 'backoff.1.times', 'not 0'],
    [withTrigger({ withinSeconds: 604_801 }), 'backoff.1.withinSeconds', 'not 604801'],
    [withTrigger({ forSeconds: -1 }), 'backoff.1.forSeconds', 'not -1'],
    [withTrigger({ basis: 'guessed' }), 'backoff.1.basis', 'not "guessed"'],
    [withTrigger({ action: 'suspend' }), 'backoff.1.action.type', 'must be one of suspend'],
    [withTrigger({ action: { type: 'panic' } }), 'backoff.1.action.type', 'not "panic"'],
    [withTrigger({ action: { type: 'connections' } }), 'backoff.1.action.count', 'not undefined'],
    [withTrigger({ action: { type: 'rate', perMinute: 0 } }), 'backoff.1.action.perMinute', 'not 0'],
    [
      withTrigger({ action: { type: 'rate', perMinute: 1, connections: 0 } }),
      'backoff.1.action.connections',
      'not 0',
    ],
  ];
  it.each(bad)('%j is refused at %s', (input, field, message) => {
    const checked = checkOverride(input);
    expect(checked).toMatchObject({ ok: false, field });
    expect((checked as { message: string }).message).toContain(message);
  });
});

describe('a pattern', () => {
  it.each([
    'unusual rate',
    '^4\\d\\d[ -]4\\.7\\.(26|27|29|30|32)\\b',
    'VS98-IP0|\\[(TSS|IPTS)04\\]',
    'rate.*(limit|exceeded).{0,40}later',
    '(smtp |tcp )?(connections|sessions)',
    '(?:ab)*c',
    '(?<name>a|b)(?=c)(?!d)(?<=x)(?<!y)',
    '[\\]\\)(*+]{2,}x',
    'a{b',
    '受信.*拒否',
  ])('%s is taken', (source) => {
    expect(compilePattern(source)).toMatchObject({ ok: true, pattern: new RegExp(source, 'i') });
  });

  it.each([
    '(a+)+$',
    '(a|a)*$',
    '(a|aa)+$',
    '([a-z]+)*\\d',
    '(.*a){20}',
    '(a?b?){30}c',
    `${'a?'.repeat(17)}b`,
    `${'a?'.repeat(30)}${'a'.repeat(30)}`,
    '\\s*\\s*\\s*x',
    '.*.*.*x',
    '(?:x+x+)+y',
    '(\\w+\\s?)*$',
    '(a)\\1',
    '(?<n>a)\\k<n>',
    '.*',
    'a|',
    'x'.repeat(501),
    '[',
    '   ',
    7,
  ])('%s is refused', (source) => {
    expect(compilePattern(source).ok).toBe(false);
  });

  it('has a bounded number of ways to match', () => {
    expect(
      ['abc', 'a|b|c', '(a|b)(c|d)', 'a?', 'a{3}', 'a{2,5}', 'a+', '(?:a|b){2}', '\\(a[)]b'].map(ways),
    ).toEqual([1, 3, 4, 3, 1, 5, REPLY_LENGTH + 1, 4, 1]);
    expect(ways('(a|b)*')).toBeGreaterThan(1e100);
  });
});
