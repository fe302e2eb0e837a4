/** A clock that can be set while a process runs: Debian's libfaketime between Node and the system (package `faketime`). */
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIBRARY = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((file) => existsSync(file));

export interface FakeClock {
  /** what processes need in their environment */
  env: Record<string, string>;
  /** The clock says so many seconds more (less) than the system's, from now on. */
  set(offset: number): void;
  close(): void;
}

export function fakeClock(): FakeClock {
  if (LIBRARY === undefined) throw new Error('libfaketime is missing: apt-get install faketime');
  const folder = mkdtempSync(join(tmpdir(), 'todoke-clock-'));
  const file = join(folder, 'offset');
  const set = (offset: number): void => {
    // At once and whole: it is read with every look at the clock.
    writeFileSync(`${file}.new`, `${offset < 0 ? '' : '+'}${offset}\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  return {
    env: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      // Setting a clock leaves the monotonic one alone.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** Runs `start` with these variables set, so that the processes it starts have them. */
export async function withEnv<T>(env: Record<string, string>, start: () => Promise<T>): Promise<T> {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  try {
    return await start();
  } finally {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
}
