/**
 * `npm run bench -- import [--rows 1000000] [--encoding cp932|utf-8]`: a file of people (address, name, three attributes)
 * through the real import into an empty appliance, and beside it the bare way with the same file: csv-parse, and one INSERT a
 * row into an equal table in a single transaction. Each in a process of its own, so that the peaks of memory are theirs.
 */
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse';
import { openSpool } from '../../mta/index.ts';
import { importsDir, uploadPath } from '../audience/imports/files.ts';
import { runImport } from '../audience/imports/run.ts';
import { requireImport } from '../audience/imports/store.ts';
import { migrate, openDb } from '../db/open.ts';
import { attributes, imports, lists } from '../db/schema.ts';
import { type FileEncoding, writePeopleFile } from './lib/people-file.ts';

interface Measured {
  seconds: number;
  startRssMB: number;
  peakRssMB: number;
}

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    encoding: { type: 'string', default: 'cp932' },
    /** internal: the part that this process measures */
    part: { type: 'string' },
    dir: { type: 'string' },
  },
});
const rows = Number(values.rows);
const encoding = values.encoding as FileEncoding;
const FILE = 'people.csv';

if (values.part === 'import') console.log(JSON.stringify(await measure(() => importPeople(values.dir!))));
else if (values.part === 'bare') console.log(JSON.stringify(await measure(() => importBare(values.dir!))));
else compare();

function compare(): void {
  const dir = mkdtempSync(join(tmpdir(), 'todoke-bench-'));
  try {
    writePeopleFile(join(dir, FILE), rows, encoding);
    const bytes = statSync(join(dir, FILE)).size;
    const bare = inOwnProcess('bare', dir);
    const real = inOwnProcess('import', dir);
    const perSec = (measured: Measured) => Math.round(rows / measured.seconds);
    console.log(
      JSON.stringify({
        bench: 'import',
        rowsPerSec: perSec(real),
        bareRowsPerSec: perSec(bare),
        ratio: Number((real.seconds / bare.seconds).toFixed(2)),
        peakRssMB: real.peakRssMB,
        rssGrowthMB: real.peakRssMB - real.startRssMB,
        rows,
        seconds: Number(real.seconds.toFixed(2)),
        bytes,
        encoding,
      }),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function inOwnProcess(part: 'import' | 'bare', dir: string): Measured {
  const flags = ['--part', part, '--dir', dir, '--rows', String(rows), '--encoding', encoding];
  const out = execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...flags], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(out) as Measured;
}

/** `work` prepares and answers what is to be measured. */
async function measure(work: () => () => Promise<void>): Promise<Measured> {
  const run = work();
  const rss = () => Math.round(process.memoryUsage.rss() / 1e6);
  const startRssMB = rss();
  let peakRssMB = startRssMB;
  const sampling = setInterval(() => {
    peakRssMB = Math.max(peakRssMB, rss());
  }, 20);
  const startedAt = performance.now();
  await run();
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(sampling);
  return { seconds, startRssMB, peakRssMB };
}

function importPeople(dir: string): () => Promise<void> {
  const dataDir = join(dir, 'todoke');
  migrate(dataDir);
  const db = openDb(dataDir);
  const spool = openSpool(dataDir);
  const { id: listId } = db.insert(lists).values({ name: 'bench' }).returning().get();
  for (const [key, type] of [
    ['number', 'number'],
    ['birthday', 'date'],
    ['prefecture', 'text'],
  ] as const) {
    db.insert(attributes).values({ key, label: key, type }).run();
  }
  mkdirSync(importsDir(dataDir), { recursive: true });
  const { id } = db
    .insert(imports)
    .values({
      listId,
      fileName: FILE,
      state: 'queued',
      encoding,
      delimiter: ',',
      mapping: ['email', 'name', 'number', 'birthday', 'prefecture'],
      totalBytes: statSync(join(dir, FILE)).size,
    })
    .returning()
    .get();
  renameSync(join(dir, FILE), uploadPath(dataDir, id));
  return async () => {
    await runImport(
      {
        dataDir,
        db,
        spool,
        signal: new AbortController().signal,
        live: () => {},
        mta: () => {},
        failed: () => {},
        breathe: () => nextTurn(),
      },
      id,
    );
    const { state, created, error } = requireImport(db, id);
    if (state !== 'done' || created !== rows)
      throw new Error(`${state}: ${created} of ${rows} created, ${error}`);
    spool.close();
    db.$client.close();
  };
}

function importBare(dir: string): () => Promise<void> {
  const dataDir = join(dir, 'bare');
  migrate(dataDir);
  const { $client: client } = openDb(dataDir);
  const insert = client.prepare(
    'INSERT INTO subscribers (email, email_key, name, attributes, created_at, updated_at) VALUES (?, ?, ?, ?, 0, 0)',
  );
  return async () => {
    client.exec('BEGIN');
    const decoder = new TextDecoder(encoding === 'cp932' ? 'shift_jis' : 'utf-8');
    const decode = new Transform({
      transform: (bytes: Buffer, _encoding, done) => done(null, decoder.decode(bytes, { stream: true })),
    });
    const records = createReadStream(join(dir, FILE))
      .pipe(decode)
      .pipe(parse({ from: 2 }));
    for await (const [email, name, number, birthday, prefecture] of records as AsyncIterable<string[]>) {
      insert.run(email, email, name, JSON.stringify({ number: Number(number), birthday, prefecture }));
    }
    client.exec('COMMIT');
    client.close();
  };
}
