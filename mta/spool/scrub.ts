/**
 * Takes the last traces of deleted text out of an SQLite file (WAL) that others have open.
 *
 * `secure_delete` overwrites what is deleted, but when b-tree pages are split, SQLite leaves the bytes of moved cells in
 * the unused gap of the old page (measured: one address in 250 can be found there after 30,000 inserts). VACUUM would
 * take them out and block every writer for seconds. Here only the pages that hold the text are touched, and of those
 * only the gap between the cell pointers and the cells, which no reader ever looks at (https://sqlite.org/fileformat2.html#b_tree_pages).
 */
import { fsyncSync, openSync, read, readSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';

const readAt = promisify(read);
const CHUNK = 1024 * 1024;
const PATIENCE_MS = 10_000;
const RETRY_MS = 25;

/**
 * Never closed: POSIX drops all locks of a process on a file as soon as it closes any descriptor of it, also those of
 * SQLite's own connections (https://sqlite.org/howtocorrupt.html §2.2).
 */
const descriptors = new Map<string, number>();

function descriptor(file: string): number {
  const inode = String(statSync(file, { bigint: true }).ino);
  let fd = descriptors.get(inode);
  if (fd === undefined) {
    fd = openSync(file, 'r+');
    descriptors.set(inode, fd);
  }
  return fd;
}

/**
 * Call after the deletion is committed. Reading happens off the main thread (1 GB/s); a write lock is only held while
 * the pages found are cleaned, a few milliseconds.
 * @returns false when readers or writers kept the WAL busy for ten seconds: traces may be left in it until the next checkpoint
 */
export async function scrubFile(file: string, texts: readonly string[]): Promise<boolean> {
  const needles = texts.filter((text) => text !== '').map((text) => Buffer.from(text));
  // Waiting inside SQLite would block this thread: it is asked again instead.
  const db = new Database(file, { timeout: 20 });
  try {
    const until = Date.now() + PATIENCE_MS;
    do {
      // Copies in the WAL go first: after it, the main file is all there is.
      if (!emptyWal(db)) {
        await sleep(RETRY_MS);
        continue;
      }
      const pages = await pagesWith(file, needles);
      if (pages.length === 0) return true;
      if (cleanGaps(db, file, pages)) return emptyWal(db);
      await sleep(RETRY_MS);
    } while (Date.now() < until);
    return false;
  } finally {
    db.close();
  }
}

function emptyWal(db: Database.Database): boolean {
  const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
  return result?.busy === 0;
}

/** Numbers of the pages (from 1) in which one of the needles begins or ends. */
async function pagesWith(file: string, needles: readonly Buffer[]): Promise<number[]> {
  const fd = descriptor(file);
  const pageSize = readPageSize(fd);
  const overlap = Math.max(0, ...needles.map((needle) => needle.length - 1));
  const buffer = Buffer.allocUnsafe(CHUNK + overlap);
  const pages = new Set<number>();
  for (let at = 0; ; at += CHUNK) {
    const { bytesRead } = await readAt(fd, buffer, 0, buffer.length, at);
    const chunk = buffer.subarray(0, bytesRead);
    for (const needle of needles) {
      for (let hit = chunk.indexOf(needle); hit >= 0; hit = chunk.indexOf(needle, hit + 1)) {
        pages.add(Math.floor((at + hit) / pageSize) + 1);
        pages.add(Math.floor((at + hit + needle.length - 1) / pageSize) + 1);
      }
    }
    if (bytesRead < buffer.length) return [...pages];
  }
}

function readPageSize(fd: number): number {
  const head = Buffer.alloc(2);
  readSync(fd, head, 0, 2, 16);
  const size = head.readUInt16BE(0);
  return size === 1 ? 65_536 : size;
}

/** Answers false when somebody wrote meanwhile, so that the pages must be looked for again. */
function cleanGaps(db: Database.Database, file: string, pages: readonly number[]): boolean {
  if (!begin(db)) return false;
  try {
    // With the write lock held and the WAL empty, the main file is the database and nobody else writes it.
    if (statSync(`${file}-wal`).size > 0) return false;
    const fd = descriptor(file);
    const pageSize = readPageSize(fd);
    const page = Buffer.allocUnsafe(pageSize);
    for (const number of pages) {
      const at = (number - 1) * pageSize;
      if (readSync(fd, page, 0, pageSize, at) !== pageSize) continue;
      const gap = gapOf(page, number === 1 ? 100 : 0);
      if (gap) writeSync(fd, Buffer.alloc(gap.end - gap.start), 0, gap.end - gap.start, at + gap.start);
    }
    fsyncSync(fd);
    // Any commit makes all other connections forget the pages they have in memory: else one of them could write the
    // old gap back with its next change of that page.
    db.pragma(`user_version = ${db.pragma('user_version', { simple: true }) as number}`);
    db.exec('COMMIT');
    return true;
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
}

function begin(db: Database.Database): boolean {
  try {
    db.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return false;
    throw error;
  }
}

/** The unused bytes between a b-tree page's cell pointers and its cells; undefined for a page of another kind. */
function gapOf(page: Buffer, header: number): { start: number; end: number } | undefined {
  const type = page[header]!;
  const interior = type === 2 || type === 5;
  if (!interior && type !== 10 && type !== 13) return undefined;
  const cells = page.readUInt16BE(header + 3);
  const start = header + (interior ? 12 : 8) + 2 * cells;
  const end = page.readUInt16BE(header + 5) || 65_536;
  return start < end && end <= page.length ? { start, end } : undefined;
}
