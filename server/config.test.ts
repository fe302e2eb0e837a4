import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const problemsOf = (env: Record<string, string>) => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

test('nothing set: the ports of the documentation, the sandbox not forced, ./data', () => {
  expect(readConfig({})).toEqual({
    host: '0.0.0.0',
    ports: { admin: 8080, public: 8081, inbound: 2525, submission: 2587 },
    dataDir: join(process.cwd(), 'data'),
    publicUrl: 'http://localhost:8081',
    publicUrlFixed: false,
    admin: { email: 'admin@localhost', password: undefined },
    delivery: undefined,
    dns: [],
    log: 'info',
    smtpCertificate: undefined,
    trustProxy: [],
  });
});

test('an empty variable counts as unset', () => {
  expect(readConfig({ TODOKE_ADMIN_PORT: '', TODOKE_DELIVERY: ' ', TODOKE_ADMIN_PASSWORD: '' })).toEqual(
    readConfig({}),
  );
});

describe('values that are taken', () => {
  test.each([
    [{ TODOKE_ADMIN_PORT: '0' }, { ports: { admin: 0, public: 8081, inbound: 2525, submission: 2587 } }],
    [{ TODOKE_PUBLIC_PORT: '9000' }, { publicUrl: 'http://localhost:9000' }],
    [
      { TODOKE_PUBLIC_URL: 'https://mail.example.co.jp/' },
      { publicUrl: 'https://mail.example.co.jp', publicUrlFixed: true },
    ],
    [{ TODOKE_PUBLIC_URL: 'https://example.co.jp/mail/' }, { publicUrl: 'https://example.co.jp/mail' }],
    [{ TODOKE_DATA_DIR: '/srv/todoke' }, { dataDir: '/srv/todoke' }],
    [{ TODOKE_HOST: '::1' }, { host: '::1' }],
    [{ TODOKE_DELIVERY: 'live' }, { delivery: 'live' }],
    [{ TODOKE_DNS: '192.0.2.1:5353, 192.0.2.2' }, { dns: ['192.0.2.1:5353', '192.0.2.2:53'] }],
    [{ TODOKE_DNS: '2001:db8::1,[2001:db8::2]:5353' }, { dns: ['[2001:db8::1]:53', '[2001:db8::2]:5353'] }],
    [{ TODOKE_CONNECTIONS: '500' }, { connections: 500 }],
    [{ TODOKE_LOG: 'debug' }, { log: 'debug' }],
    [
      { TODOKE_TRUST_PROXY: 'loopback, 10.0.0.0/8,2001:db8::/32' },
      { trustProxy: ['loopback', '10.0.0.0/8', '2001:db8::/32'] },
    ],
    [
      { TODOKE_ADMIN_EMAIL: 'it@example.co.jp', TODOKE_ADMIN_PASSWORD: ' spaces are part ' },
      { admin: { email: 'it@example.co.jp', password: ' spaces are part ' } },
    ],
  ])('%j', (env, expected) => {
    expect(readConfig(env)).toMatchObject(expected);
  });
});

describe('values that stop the start', () => {
  test.each([
    ['TODOKE_ADMIN_PORT', '65536'],
    ['TODOKE_ADMIN_PORT', '80a'],
    ['TODOKE_PUBLIC_PORT', '-1'],
    ['TODOKE_HOST', 'localhost'],
    ['TODOKE_PUBLIC_URL', 'mail.example.co.jp'],
    ['TODOKE_PUBLIC_URL', 'ftp://mail.example.co.jp'],
    ['TODOKE_PUBLIC_URL', 'https://mail.example.co.jp/?a=1'],
    ['TODOKE_PUBLIC_URL', 'https://user:secret@mail.example.co.jp'],
    ['TODOKE_ADMIN_EMAIL', 'nobody'],
    ['TODOKE_DELIVERY', 'Live'],
    ['TODOKE_DNS', 'dns.example.co.jp'],
    ['TODOKE_DNS', '192.0.2.1:0x35'],
    ['TODOKE_DNS', '192.0.2.1,,'],
    ['TODOKE_LOG', 'loud'],
    ['TODOKE_TRUST_PROXY', '10.0.0.0/33'],
    ['TODOKE_TRUST_PROXY', 'everybody'],
  ])('%s=%s', (variable, value) => {
    const problems = problemsOf({ [variable]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ variable, value, expected: expect.stringMatching(/^should /) });
  });
});

test('a password that is too short is refused without being shown', () => {
  const [problem] = problemsOf({ TODOKE_ADMIN_PASSWORD: 'hunter2' });
  expect(problem).toMatchObject({ variable: 'TODOKE_ADMIN_PASSWORD', value: undefined });
  expect(() => readConfig({ TODOKE_ADMIN_PASSWORD: 'hunter2' })).not.toThrow(/hunter2/);
});

test('all problems are named at once, also two services on one port', () => {
  const variables = problemsOf({ TODOKE_LOG: 'x', TODOKE_DELIVERY: 'y', TODOKE_INBOUND_PORT: '8080' }).map(
    (p) => p.variable,
  );
  expect(variables).toEqual(['TODOKE_INBOUND_PORT', 'TODOKE_DELIVERY', 'TODOKE_LOG']);
  expect(() => readConfig({ TODOKE_INBOUND_PORT: '8080' })).toThrow('should differ from TODOKE_ADMIN_PORT');
  expect(problemsOf({ TODOKE_ADMIN_PORT: '0', TODOKE_PUBLIC_PORT: '0' })).toEqual([]);
});
