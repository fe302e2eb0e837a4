/** The lock of a folder: one process at a time, and nothing to clean up after kill -9. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tryLock, waitForLock } from '../lock.ts';

let dir: string;
let file: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'todoke-lock-'));
  file = join(dir, 'test.lock');
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** Another process that takes the lock, drops every reference to it and collects its garbage. */
async function holder(): Promise<void> {
  const module = fileURLToPath(new URL('../lock.ts', import.meta.url));
  const script = `import { tryLock } from ${JSON.stringify(module)};
    if (!tryLock(${JSON.stringify(file)})) process.exit(1);
    for (let i = 0; i < 5; i++) gc();
    setInterval(() => {}, 1000);
    process.send('held');`;
  child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
}

test('is held against everybody until it is released', () => {
  const lock = tryLock(file);
  expect(lock).toBeDefined();
  expect(tryLock(file)).toBeUndefined();
  lock?.release();
  const again = tryLock(file);
  expect(again).toBeDefined();
  again?.release();
});

test('another process holds it for as long as it lives, and kill -9 frees it', async () => {
  await holder();
  expect(tryLock(file)).toBeUndefined();
  expect(await waitForLock(file, 100)).toBeUndefined();
  const waiting = waitForLock(file, 30_000);
  child?.kill('SIGKILL');
  const lock = await waiting;
  expect(lock).toBeDefined();
  lock?.release();
  expect(readdirSync(dir)).toEqual(['test.lock']);
});
