/** A file's way from the upload to the list, through the real routes, files and databases. */
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
} from 'node:fs';
import { parse } from 'csv-parse/sync';
import Encoding from 'encoding-japanese';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, type Harness, startHarness } from '../../testing/harness.ts';
import { run, upload } from '../../testing/imports.ts';
import { unsubscribe } from '../membership.ts';
import { audienceRoutes } from '../routes.ts';
import type { Import } from '../schemas.ts';
import { importsDir, rejectedPath, uploadPath } from './files.ts';
import { importRoutes } from './routes.ts';

let harness: Harness;
let headers: Record<string, string>;
let listId: number;

beforeEach(async () => {
  harness = await startHarness({ features: [audienceRoutes, importRoutes] });
  ({ headers } = await harness.login('editor'));
  listId = (await call(harness.admin, 'POST', '/api/v1/lists', headers, { name: '会員' })).body.id;
  for (const [key, label, type] of [
    ['points', 'ポイント', 'number'],
    ['birthday', '誕生日', 'date'],
    ['member', '会員', 'boolean'],
    ['memo', '備考', 'text'],
  ]) {
    await call(harness.admin, 'POST', '/api/v1/attributes', headers, { key, label, type });
  }
});
afterEach(() => harness.close());

const cp932 = (text: string) =>
  Buffer.from(Encoding.convert(text, { from: 'UNICODE', to: 'SJIS', type: 'array' }));
const get = async (id: number): Promise<Import> =>
  (await call(harness.admin, 'GET', `/api/v1/imports/${id}`, headers)).body;
const people = () =>
  harness.db.$client.prepare('SELECT email, name, attributes FROM subscribers ORDER BY email').all() as {
    email: string;
    name: string;
    attributes: string;
  }[];
const list = async () => (await call(harness.admin, 'GET', `/api/v1/lists/${listId}`, headers)).body;

async function accept(file: Uint8Array | string, fields: Record<string, string> = {}): Promise<number> {
  const bytes = typeof file === 'string' ? Buffer.from(file) : file;
  const parts: [string, string | Uint8Array][] = [
    ['listId', String(listId)],
    ...Object.entries(fields),
    ['file', bytes],
  ];
  const { status, body } = await upload(harness, '/api/v1/imports', headers, parts);
  expect(body).toMatchObject({ state: 'queued' });
  expect(status).toBe(202);
  return body.id;
}

async function imported(file: Uint8Array | string, fields: Record<string, string> = {}): Promise<Import> {
  const id = await accept(file, fields);
  await run(harness, id);
  return get(id);
}

async function rejectedRows(id: number): Promise<Record<string, string>[]> {
  const {
    status,
    text,
    headers: answered,
  } = await call(harness.admin, 'GET', `/api/v1/imports/${id}/rejected.csv`, headers);
  expect(status).toBe(200);
  expect(answered['content-type']).toBe('text/csv; charset=utf-8');
  expect(text.startsWith('\ufeff')).toBe(true);
  return parse(text, { columns: true, bom: true, relax_column_count: true }) as Record<string, string>[];
}

describe('files as they come', () => {
  test('CP932 from Excel, fields after the file, headings known', async () => {
    const csv =
      'メールアドレス,氏名,ポイント,誕生日,会員,備考\r\nHanako@Example.jp,髙橋　花子,"1,200",1988/2/12,はい,①㈱～\r\n';
    const { status, body } = await upload(harness, '/api/v1/imports', headers, [
      ['file', cp932(csv)],
      ['listId', String(listId)],
    ]);
    expect(status).toBe(202);
    expect(body).toMatchObject({
      fileName: '名簿.csv',
      encoding: 'cp932',
      delimiter: ',',
      mapping: ['email', 'name', 'points', 'birthday', 'member', 'memo'],
      totalBytes: cp932(csv).length,
    });
    expect(harness.sent.jobs).toEqual([{ kind: 'import', id: body.id }]);
    expect(statSync(uploadPath(harness.dataDir, body.id)).mode & 0o777).toBe(0o600);

    const events = await run(harness, body.id);
    const done = await get(body.id);
    expect(done).toMatchObject({
      state: 'done',
      rows: 1,
      created: 1,
      updated: 0,
      rejected: 0,
      error: null,
      readBytes: done.totalBytes,
    });
    expect(events.at(-1)).toEqual({ type: 'import', data: done });
    expect(people()).toEqual([
      {
        email: 'Hanako@Example.jp',
        name: '髙橋 花子',
        attributes: JSON.stringify({ points: 1200, birthday: '1988-02-12', member: true, memo: '①㈱～' }),
      },
    ]);
    expect(await list()).toMatchObject({ subscribed: 1, unsubscribed: 0 });
    expect(harness.db.$client.prepare('SELECT source FROM memberships').pluck().all()).toEqual([
      `import:${body.id}`,
    ]);
    expect(readdirSync(importsDir(harness.dataDir))).toEqual([`${body.id}.rejected.csv`]);
  });

  const BOTH = [
    { email: 'a@example.jp', name: '山田 太郎', attributes: '{"memo":"一行目\\n二行目"}' },
    { email: 'b@example.jp', name: '鈴木 "花"', attributes: '{}' },
  ];
  const CSV = 'email,name,memo\na@example.jp,山田 太郎,"一行目\n二行目"\nb@example.jp,"鈴木 ""花""",\n';
  test.each<[string, Buffer, string, string]>([
    ['UTF-8', Buffer.from(CSV), 'utf-8', ','],
    ['UTF-8 with BOM', Buffer.from(`\ufeff${CSV}`), 'utf-8', ','],
    ['UTF-16LE', Buffer.from(`\ufeff${CSV}`, 'utf16le'), 'utf-16le', ','],
    ['UTF-16BE', Buffer.from(`\ufeff${CSV}`, 'utf16le').swap16(), 'utf-16be', ','],
    ['CP932 with tabs', cp932(CSV.replaceAll(',', '\t')), 'cp932', '\t'],
    ['semicolons', Buffer.from(CSV.replaceAll(',', ';')), 'utf-8', ';'],
    ['CRLF', Buffer.from(CSV.replaceAll(/\n(?=[ab]@)/g, '\r\n')), 'utf-8', ','],
  ])('%s', async (_name, bytes, encoding, delimiter) => {
    expect(await imported(bytes)).toMatchObject({
      state: 'done',
      rows: 2,
      created: 2,
      rejected: 0,
      encoding,
      delimiter,
    });
    expect(people()).toEqual(BOTH);
  });

  test('lines that end with CR alone', async () => {
    expect(await imported('email,name\ra@example.jp,A\rb@example.jp,B\r')).toMatchObject({
      created: 2,
      rejected: 0,
    });
  });

  test('Japanese that begins after the sample', async () => {
    const ascii = Array.from({ length: 15_000 }, (_, i) => `member${i}@example.jp,Member\n`).join('');
    const done = await imported(
      Buffer.concat([Buffer.from(`email,name\n${ascii}`), cp932('z@example.jp,髙橋\n')]),
    );
    expect(done).toMatchObject({ encoding: 'cp932', created: 15_001, rejected: 0 });
    expect(people().at(-1)).toMatchObject({ email: 'z@example.jp', name: '髙橋' });
  });

  test('a list of addresses without heading', async () => {
    expect(await imported('b@example.jp\na@example.jp\n')).toMatchObject({ created: 2, mapping: ['email'] });
  });

  test('the mapping that the caller gives', async () => {
    const fields = { mapping: '[null,"email","memo"]', hasHeader: 'true' };
    expect(await imported('id,mail,x,y\n1,a@example.jp,メモ,z\n', fields)).toMatchObject({
      created: 1,
      mapping: [null, 'email', 'memo', null],
    });
    expect(people()).toEqual([{ email: 'a@example.jp', name: '', attributes: '{"memo":"メモ"}' }]);
  });

  test('an empty cell after the last column is no error', async () => {
    expect(await imported('email,name\na@example.jp,A,,\n,,,\n')).toMatchObject({
      rows: 1,
      created: 1,
      rejected: 0,
    });
  });

  test('addresses that break the RFC but work in Japan', async () => {
    expect(await imported('email\na..b@docomo.ne.jp\n.c.@ezweb.ne.jp\n')).toMatchObject({
      created: 2,
      rejected: 0,
    });
  });
});

describe('rows that are not taken', () => {
  test('each with its line, its reason and the row as it was', async () => {
    const rows: [line: number, code: string, row: string][] = [
      [2, 'empty', ',A,1,2026-01-01,1,'],
      [3, 'no-at', 'a＠example.jp,A,1,2026-01-01,1,'],
      [4, 'bad-domain', 'a@example,A,1,2026-01-01,1,'],
      [5, 'bad-local', 'a b@example.jp,A,1,2026-01-01,1,'],
      [6, 'not-a-number', 'a@example.jp,A,多い,2026-01-01,1,'],
      [7, 'not-a-date', 'a@example.jp,A,1,あした,1,'],
      [8, 'no-such-day', 'a@example.jp,A,1,2026/02/30,1,'],
      [9, 'not-a-boolean', 'a@example.jp,A,1,2026-01-01,たぶん,'],
      [10, 'column-count', 'a@example.jp,A,1'],
      [11, 'column-count', 'a@example.jp,A,1,2026-01-01,1,x,y'],
      [12, 'stray-quote', 'a@example.jp,"A"B,1,2026-01-01,1,'],
      [13, 'name-too-long', `a@example.jp,${'長'.repeat(201)},1,2026-01-01,1,`],
      [14, 'control-character', 'a@example.jp,A\u0007,1,2026-01-01,1,'],
      [15, 'line-too-long', `a@example.jp,${'x'.repeat(300_000)},1,2026-01-01,1,`],
      [17, 'quote-not-closed', 'a@example.jp,A,1,2026-01-01,1,"never'],
    ];
    const good = 'good@example.jp,よい,1,2026-01-01,1,';
    const text = [
      'email,name,points,birthday,member,memo',
      ...rows.slice(0, -1).map(([, , row]) => row),
      good,
      rows.at(-1)![2],
    ].join('\r\n');
    const done = await imported(text);
    expect(done).toMatchObject({ state: 'done', rows: 16, created: 1, rejected: 15 });
    expect(people().map(({ email }) => email)).toEqual(['good@example.jp']);
    const rejected = await rejectedRows(done.id);
    expect(rejected.map((row) => [Number(row['行 / Line']), row.Code])).toEqual(
      rows.map(([line, code]) => [line, code]),
    );
    expect(rejected.find((row) => row.Code === 'not-a-date')).toEqual({
      '行 / Line': '7',
      '結果 / Result': '取り込まず / rejected',
      Code: 'not-a-date',
      理由: '「birthday」が日付ではありません（例 2026-11-24、2026/11/24、令和8年11月24日）:「あした」',
      Reason: 'birthday is not a date (such as 2026-11-24 or 2026/11/24): "あした"',
      email: 'a@example.jp',
      name: 'A',
      points: '1',
      birthday: 'あした',
      member: '1',
      memo: '',
    });
  });

  test('bytes that are no text in the encoding', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`email,name\n${'a@example.jp,ふつう\n'.repeat(50)}b@example.jp,`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('\nc@example.jp,C\n'),
    ]);
    const done = await imported(bytes);
    expect(done).toMatchObject({ encoding: 'utf-8', rows: 52, created: 2, updated: 49, rejected: 1 });
    expect(await rejectedRows(done.id)).toMatchObject([{ '行 / Line': '52', Code: 'invalid-bytes' }]);
  });

  test('cells that a spreadsheet would run are made harmless', async () => {
    const done = await imported('email,name\nx,"=HYPERLINK(""http://evil"")"\ny,@SUM(A1)\nz,-1+1\n');
    expect((await rejectedRows(done.id)).map((row) => row.name)).toEqual([
      '\'=HYPERLINK("http://evil")',
      "'@SUM(A1)",
      "'-1+1",
    ]);
  });

  test('nothing rejected, nothing to fetch', async () => {
    const { id } = await imported('email\na@example.jp\n');
    const { status, body } = await call(harness.admin, 'GET', `/api/v1/imports/${id}/rejected.csv`, headers);
    expect([status, body.code]).toEqual([404, 'not-found']);
  });
});

describe('people who are there already', () => {
  test('rows with one address add up, the later wins; empty cells change nothing', async () => {
    await imported('email,name,points,memo\na@example.jp,はじめ,1,古い\n');
    const done = await imported(
      'email,name,points,memo\nA@EXAMPLE.JP,,2,\nb@example.jp,B,,\na@example.jp,つぎ,,\nb@example.jp,,7,b\n',
    );
    expect(done).toMatchObject({ rows: 4, created: 1, updated: 3, rejected: 0 });
    expect(people()).toEqual([
      { email: 'a@example.jp', name: 'つぎ', attributes: '{"points":2,"memo":"古い"}' },
      { email: 'b@example.jp', name: 'B', attributes: '{"points":7,"memo":"b"}' },
    ]);
    expect(await list()).toMatchObject({ subscribed: 2, unsubscribed: 0 });
  });

  test('somebody of another list is put on this one', async () => {
    await imported('email\na@example.jp\n');
    listId = (await call(harness.admin, 'POST', '/api/v1/lists', headers, { name: '二つ目' })).body.id;
    expect(await imported('email\na@example.jp\n')).toMatchObject({ created: 0, updated: 1 });
    expect(await list()).toMatchObject({ subscribed: 1 });
  });

  test('who left the list stays unsubscribed, and the file says so', async () => {
    await imported('email,name\na@example.jp,A\nb@example.jp,B\n');
    const id = harness.db.$client
      .prepare(`SELECT id FROM subscribers WHERE email_key = 'a@example.jp'`)
      .pluck()
      .get() as number;
    unsubscribe(harness.db, harness.deps.spool, { subscriberId: id, listId, source: 'link', at: Date.now() });
    const done = await imported('email,name\na@example.jp,新しい名\nb@example.jp,B\n');
    expect(done).toMatchObject({ rows: 2, created: 0, updated: 2, rejected: 0, keptUnsubscribed: 1 });
    expect(await list()).toMatchObject({ subscribed: 1, unsubscribed: 1 });
    expect(people()[0]).toMatchObject({ name: '新しい名' });
    expect(await rejectedRows(done.id)).toMatchObject([
      { '行 / Line': '2', Code: 'kept-unsubscribed', '結果 / Result': '取り込み済み / note' },
    ]);
  });
});

describe('stopping and going on', () => {
  const ROWS = 53_000;
  const file = () => {
    let text = 'email,name\n';
    for (let i = 0; i < ROWS; i += 1)
      text += i % 1000 === 7 ? `bad${i},x\n` : `u${(i * 7919) % ROWS}@example.jp,N${i}\n`;
    return Buffer.from(text);
  };

  test('an import that is stopped again and again counts every row once', async () => {
    const id = await accept(file());
    const stops = [1, 3, 20, 26, 2];
    for (const after of stops) {
      const stop = new AbortController();
      let transactions = 0;
      await run(harness, id, {
        signal: stop.signal,
        breathe: () => {
          transactions += 1;
          if (transactions === after) stop.abort('stop');
        },
      });
      expect((await get(id)).state).toBe('running');
      expect(existsSync(uploadPath(harness.dataDir, id))).toBe(true);
      // What a crash leaves beyond the last commit.
      appendFileSync(rejectedPath(harness.dataDir, id), 'half a line');
    }
    expect((await get(id)).rows).toBeGreaterThan(50_000);
    await run(harness, id);
    expect(await get(id)).toMatchObject({
      state: 'done',
      rows: ROWS,
      created: ROWS - 53,
      updated: 0,
      rejected: 53,
    });
    expect(await list()).toMatchObject({ subscribed: ROWS - 53 });
    const rejected = await rejectedRows(id);
    expect(rejected.map((row) => Number(row['行 / Line']))).toEqual(
      Array.from({ length: 53 }, (_, i) => i * 1000 + 9),
    );
  });

  test('cancelled by the route while it runs: no row more', async () => {
    const id = await accept(file());
    let cancelled: Import | undefined;
    const events = await run(harness, id, {
      breathe: async () => {
        cancelled ??= (await call(harness.admin, 'POST', `/api/v1/imports/${id}/cancel`, headers)).body;
      },
    });
    expect(cancelled).toMatchObject({ state: 'cancelled' });
    expect(harness.sent.cancelled).toEqual([{ kind: 'import', id }]);
    const ended = await get(id);
    expect(ended).toEqual(cancelled);
    expect(ended.rows).toBe(40);
    expect((await list()).subscribed).toBe(ended.created);
    expect(events.at(-1)).toEqual({ type: 'import', data: ended });
    expect(existsSync(uploadPath(harness.dataDir, id))).toBe(false);
    const again = await call(harness.admin, 'POST', `/api/v1/imports/${id}/cancel`, headers);
    expect([again.status, again.body.code]).toEqual([409, 'wrong-state']);
  });

  test('cancelled by the signal', async () => {
    const id = await accept(file());
    const cancel = new AbortController();
    await run(harness, id, { signal: cancel.signal, breathe: () => cancel.abort('cancel') });
    expect(await get(id)).toMatchObject({ state: 'cancelled', rows: 40 });
  });

  test('an ended import is not run again', async () => {
    const { id } = await imported('email\na@example.jp\n');
    expect(await run(harness, id)).toEqual([]);
  });

  test('a file that is gone or cut ends it by name', async () => {
    const gone = await accept('email\na@example.jp\n');
    unlinkSync(uploadPath(harness.dataDir, gone));
    await run(harness, gone);
    expect(await get(gone)).toMatchObject({
      state: 'failed',
      error: expect.stringMatching(/^file-missing: /),
    });
    const cut = await accept('email\na@example.jp\nb@example.jp\n');
    truncateSync(uploadPath(harness.dataDir, cut), 20);
    await run(harness, cut);
    expect(await get(cut)).toMatchObject({
      state: 'failed',
      error: expect.stringMatching(/^file-truncated: /),
    });
  });

  test('a fault of ours ends it as failed and is told', async () => {
    const id = await accept('email\na@example.jp\n');
    harness.db.$client.exec(
      `CREATE TRIGGER broken BEFORE INSERT ON subscribers BEGIN SELECT raise(ABORT, 'disk on fire'); END`,
    );
    await expect(run(harness, id)).rejects.toThrow('disk on fire');
    expect(await get(id)).toMatchObject({
      state: 'failed',
      rows: 0,
      error: expect.stringContaining('disk on fire'),
    });
  });
});

describe('uploads that are refused', () => {
  const CSV = Buffer.from('番号,氏名\n1,山田\n');
  const GOOD = Buffer.from('email,name\na@example.jp,A\n');
  test.each<[string, [string, string | Uint8Array][], number, string, string]>([
    ['no file', [['listId', '1']], 400, 'invalid-request', '/file:required'],
    ['no list', [['file', GOOD]], 400, 'invalid-request', '/listId:required'],
    [
      'an unknown list',
      [
        ['file', GOOD],
        ['listId', '99'],
      ],
      422,
      'value-invalid',
      '/listId:not-found',
    ],
    [
      'an unknown field',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['colour', 'red'],
      ],
      400,
      'invalid-request',
      '/colour:unknown-property',
    ],
    [
      'no column with addresses',
      [
        ['file', CSV],
        ['listId', '1'],
      ],
      422,
      'import-invalid',
      '/file:no-email-column',
    ],
    [
      'a mapping that is no JSON',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['mapping', 'email'],
      ],
      422,
      'value-invalid',
      '/mapping:not-json',
    ],
    [
      'a mapping that is no array',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['mapping', '{}'],
      ],
      422,
      'value-invalid',
      '/mapping:not-an-array',
    ],
    [
      'more targets than columns',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['mapping', '["email",null,null]'],
      ],
      422,
      'value-invalid',
      '/mapping:too-long',
    ],
    [
      'an unknown attribute',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['mapping', '["email","shoe"]'],
      ],
      422,
      'import-invalid',
      '/mapping/1:unknown-target',
    ],
    [
      'one target twice',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['mapping', '["email","email"]'],
      ],
      422,
      'import-invalid',
      '/mapping/1:duplicate-target',
    ],
    [
      'a mapping without address',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['mapping', '[null,"name"]'],
      ],
      422,
      'import-invalid',
      '/file:no-email-column',
    ],
    [
      'an unknown encoding',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['encoding', 'ebcdic'],
      ],
      422,
      'value-invalid',
      '/encoding:unknown-encoding',
    ],
    [
      'an unknown delimiter',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['delimiter', '|'],
      ],
      422,
      'value-invalid',
      '/delimiter:unknown-delimiter',
    ],
    [
      'an odd hasHeader',
      [
        ['file', GOOD],
        ['listId', '1'],
        ['hasHeader', 'yes'],
      ],
      422,
      'value-invalid',
      '/hasHeader:not-a-boolean',
    ],
    [
      'an Excel workbook',
      [
        ['file', Buffer.from('PK\x03\x04 and so on')],
        ['listId', '1'],
      ],
      422,
      'import-invalid',
      '/file:excel-file',
    ],
    [
      'an empty file',
      [
        ['file', Buffer.alloc(0)],
        ['listId', '1'],
      ],
      422,
      'import-invalid',
      '/file:empty-file',
    ],
  ])('%s', async (_name, parts, status, code, field) => {
    const answer = await upload(harness, '/api/v1/imports', headers, parts);
    expect([
      answer.status,
      answer.body.code,
      answer.body.errors.map((e: { pointer: string; code: string }) => `${e.pointer}:${e.code}`),
    ]).toEqual([status, code, [field]]);
    if (field.endsWith('no-email-column') && parts[0]?.[1] === CSV)
      expect(answer.body.detail).toContain('番号, 氏名');
    expect(readdirSync(importsDir(harness.dataDir))).toEqual([]);
    expect(harness.sent.jobs).toEqual([]);
  });

  test('what is not multipart', async () => {
    const answer = await call(harness.admin, 'POST', '/api/v1/imports', headers, { listId });
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported-media-type']);
  });

  test('what a crash left of an upload is removed at the next start', async () => {
    const { tidyImports } = await import('./files.ts');
    appendFileSync(`${importsDir(harness.dataDir)}/abc.upload`, 'half');
    const id = await accept('email\na@example.jp\n');
    tidyImports(harness.dataDir, Date.now());
    expect(readdirSync(importsDir(harness.dataDir))).toEqual([`${id}.csv`]);
  });
});

test('a preview shows what an import would see, and keeps nothing', async () => {
  const csv = cp932('会員番号;メール;お名前;備考\n1;a@example.jp;山田;①\n2;b@example.jp;鈴木;㈱\n');
  const { status, body } = await upload(harness, '/api/v1/imports/preview', headers, [['file', csv]]);
  expect(status).toBe(200);
  expect(body).toEqual({
    encoding: 'cp932',
    delimiter: ';',
    hasHeader: true,
    columns: [
      { header: '会員番号', samples: ['1', '2'], suggestion: null },
      { header: 'メール', samples: ['a@example.jp', 'b@example.jp'], suggestion: 'email' },
      { header: 'お名前', samples: ['山田', '鈴木'], suggestion: 'name' },
      { header: '備考', samples: ['①', '㈱'], suggestion: 'memo' },
    ],
  });
  expect(readdirSync(importsDir(harness.dataDir))).toEqual([]);
});

test('a viewer may look at imports, not start one', async () => {
  const viewer = (await harness.login('viewer')).headers;
  const id = await accept('email\na@example.jp\n');
  expect((await call(harness.admin, 'GET', '/api/v1/imports', viewer)).body.items).toMatchObject([
    { id, state: 'queued' },
  ]);
  expect(
    (await upload(harness, '/api/v1/imports', viewer, [['file', Buffer.from('email\nb@example.jp')]])).status,
  ).toBe(403);
  expect(readFileSync(uploadPath(harness.dataDir, id), 'utf8')).toBe('email\na@example.jp\n');
});
