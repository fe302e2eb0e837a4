import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tryLock } from '../../mta/index.ts';
import { verifyPassword } from '../auth/passwords.ts';
import { sha256 } from '../auth/secrets.ts';
import { databaseFile, migrate, openDb } from '../db/open.ts';
import { apiKeys, auditLog, users } from '../db/schema.ts';
import { lockFile, portsFile } from '../folder.ts';
import { keyCreate, userCreate } from './accounts.ts';
import { runCommand } from './commands.ts';
import { doctor, examine } from './doctor.ts';
import { serve } from './serve.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'todoke-cli-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

async function todoke(args: string, input = '', env: Record<string, string> = {}) {
  let out = '';
  let err = '';
  const code = await runCommand([serve, userCreate, keyCreate, doctor], args.split(' ').filter(Boolean), {
    env: { TODOKE_DATA_DIR: dataDir, ...env },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    input: async () => input,
  });
  return { code, out, err };
}

describe('the command line', () => {
  test.each([
    ['--help', 0, /serve .*\n.*user create.*\n.*key create.*\n.*doctor/],
    ['help', 0, /serve/],
    ['', 2, /serve/],
    ['serve --help', 0, /SIGTERM drains/],
    ['key create -h', 0, /--scope SCOPE[\s\S]*audience:read/],
  ])('todoke %s ends with %i', async (args, code, out) => {
    expect(await todoke(args)).toEqual({ code, out: expect.stringMatching(out), err: '' });
  });

  test.each([
    ['fly', /There is no command "fly"\. "todoke --help" lists them\./],
    ['user', /There is no command "user"/],
    ['key create --nmae x', /Unknown option '--nmae'\. "todoke key create --help"/],
    ['key create --name', /"todoke key create --help"/],
    ['key create extra', /"todoke key create --help"/],
    ['key create --name x', /--scope is missing/],
    ['key create --scope all', /--name is missing/],
    ['key create --name x --scope audience:raed', /--scope audience:raed: should be one of audience:read, /],
    ['user create --email a@b.c --role boss', /--role boss: should be one of administrator, editor/],
    ['user create', /--email is missing/],
  ])('todoke %s is a usage error', async (args, err) => {
    expect(await todoke(args)).toEqual({ code: 2, out: '', err: expect.stringMatching(err) });
  });

  test('with --json errors are JSON, too', async () => {
    const { code, err } = await todoke('key create --json');
    expect([code, JSON.parse(err)]).toEqual([2, { error: { code: 'usage', message: '--name is missing.' } }]);
  });

  test('bad settings stop every command', async () => {
    const { code, err } = await todoke('key create --name x --scope all', '', {
      TODOKE_LOG: 'loud',
      TODOKE_ADMIN_PASSWORD: 'short',
    });
    expect(code).toBe(1);
    expect(err).toContain('TODOKE_LOG="loud": should be one of');
    expect(err).toContain('TODOKE_ADMIN_PASSWORD: should have 10 to 200 characters');
    expect(err).not.toContain('short"');
  });
});

describe('user create', () => {
  test('makes somebody who can log in, before the first start and beside a running server', async () => {
    const made = JSON.parse(
      (await todoke('user create --email New@Example.com --name Taro --role editor --json')).out,
    );
    expect(made).toMatchObject({
      email: 'new@example.com',
      name: 'Taro',
      role: 'editor',
      password: expect.any(String),
    });
    const running = tryLock(lockFile(dataDir));
    expect((await todoke('user create --email b@example.com --password-stdin', 'from the pipe\n')).out).toBe(
      'b@example.com can log in as administrator\n',
    );
    running?.release();
    const db = openDb(dataDir);
    const [first, second] = db.select().from(users).all();
    expect(await verifyPassword(made.password, first!.passwordHash)).toBe('right');
    expect(await verifyPassword('from the pipe', second!.passwordHash)).toBe('right');
    expect(db.select().from(auditLog).all()[0]).toMatchObject({
      actorKind: 'system',
      action: 'user.create',
      target: 'user:1',
    });
    db.$client.close();
  });

  test.each([
    ['--email a@example.com --password-stdin', 'short\n', 2, /10 to 200 characters, but has 5/],
    ['--email nobody', '', 1, /nobody is not an email address/],
  ])('%s is refused', async (args, input, code, err) => {
    expect(await todoke(`user create ${args}`, input)).toMatchObject({
      code,
      err: expect.stringMatching(err),
    });
  });

  test('the same address twice is refused by its code', async () => {
    await todoke('user create --email a@example.com');
    const { code, err } = await todoke('user create --email A@example.com --json');
    expect([code, JSON.parse(err).error.code]).toEqual([1, 'already-exists']);
  });
});

test('key create prints the key alone, and keeps only its fingerprint', async () => {
  const { code, out } = await todoke(
    'key create --name ci --scope audience:read,audience:write --scope campaigns:read',
  );
  expect([code, out]).toEqual([0, expect.stringMatching(/^tdk_[0-9A-Za-z]{43}\n$/)]);
  const db = openDb(dataDir);
  expect(db.select().from(apiKeys).all()).toMatchObject([
    {
      name: 'ci',
      keyHash: sha256(out.trim()),
      scopes: ['audience:read', 'audience:write', 'campaigns:read'],
    },
  ]);
  db.$client.close();
});

describe('doctor', () => {
  const states = async (env: Record<string, string> = {}) =>
    Object.fromEntries(
      (await examine({ TODOKE_DATA_DIR: dataDir, ...env })).map((finding) => [finding.check, finding]),
    );

  test('a new folder is no problem', async () => {
    const { code, out } = await todoke('doctor --json');
    expect([code, JSON.parse(out).ok]).toEqual([0, true]);
    expect(await states()).toMatchObject({
      node: { state: 'ok' },
      'todoke.db': { state: 'warning' },
      server: { state: 'warning' },
    });
  });

  test('a bad variable, a damaged database, an open folder and a server that was killed are named', async () => {
    migrate(dataDir);
    expect(await states()).toMatchObject({
      'todoke.db': { state: 'ok' },
      schema: { state: 'ok' },
      'data folder': { state: 'ok' },
    });
    chmodSync(dataDir, 0o755);
    writeFileSync(databaseFile(dataDir), 'no database');
    writeFileSync(portsFile(dataDir), JSON.stringify({ host: '127.0.0.1', admin: 1 }));
    const found = await states();
    expect(found['data folder']).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('chmod 700'),
    });
    expect(found['todoke.db']).toMatchObject({
      state: 'problem',
      message: expect.stringContaining('not a database'),
    });
    expect(found.server).toMatchObject({
      state: 'problem',
      message: expect.stringContaining('was it killed?'),
    });
    const { code, out } = await todoke('doctor', '', { TODOKE_DNS: 'x' });
    expect([code, out]).toEqual([1, expect.stringContaining('✗ environment: TODOKE_DNS="x": should be')]);
  });
});
