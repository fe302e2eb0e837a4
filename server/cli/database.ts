/** The data folder as commands use it: beside a running server, or alone. */
import { tryLock } from '../../mta/index.ts';
import { isMigrated, makePrivateDir, migrate, openDb } from '../db/open.ts';
import type { Db } from '../deps.ts';
import { lockFile } from '../folder.ts';
import type { Io } from './commands.ts';
import { readConfigOrExplain } from './serve.ts';

/**
 * Opens todoke.db, does the work and closes it. SQLite lets the command write while the server runs. When none runs,
 * the command brings the schema up to date itself, so that users and keys can be made before the first start.
 */
export async function withDatabase<T>(io: Io, work: (db: Db) => T | Promise<T>): Promise<T> {
  const { dataDir } = readConfigOrExplain(io.env);
  makePrivateDir(dataDir);
  if (!isMigrated(dataDir)) {
    const lock = tryLock(lockFile(dataDir));
    if (!lock)
      throw new Error(`a server is just starting, or one of another version runs, on ${dataDir}; try again`);
    try {
      migrate(dataDir);
    } finally {
      lock.release();
    }
  }
  const db = openDb(dataDir);
  try {
    return await work(db);
  } finally {
    db.$client.close();
  }
}
