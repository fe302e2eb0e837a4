/** The form itself: limits and broken uploads leave nothing behind. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import multipart from '@fastify/multipart';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importsDir } from './files.ts';
import { type Form, readForm } from './upload.ts';

let dataDir: string;
let app: FastifyInstance;
let forms: Form[];
let failures: unknown[];
let failed: Promise<void>;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'upload-'));
  mkdirSync(importsDir(dataDir));
  forms = [];
  failures = [];
  let tell: () => void;
  failed = new Promise((resolve) => {
    tell = resolve;
  });
  app = fastify();
  await app.register(multipart, { limits: { fileSize: 1000 } });
  app.post('/', async (request) => {
    try {
      forms.push(await readForm(request, ['listId'], dataDir));
      return 'ok';
    } catch (error) {
      failures.push(error);
      tell();
      throw error;
    }
  });
});
afterEach(async () => {
  await app.close();
  rmSync(dataDir, { recursive: true });
});

async function post(...parts: [string, string | Blob, string?][]) {
  const form = new FormData();
  for (const [name, value, fileName] of parts) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, fileName);
  }
  const encoded = new Response(form);
  return app.inject({
    method: 'POST',
    url: '/',
    headers: { 'content-type': encoded.headers.get('content-type')! },
    payload: Buffer.from(await encoded.arrayBuffer()),
  });
}

test('fields before and after the file', async () => {
  const file = new Blob(['a@example.jp\n']);
  await post(['listId', '1'], ['file', file, 'C:\\docs\\名簿.csv']);
  await post(['file', file, '../../etc/passwd'], ['listId', '2']);
  expect(forms.map(({ fields, upload }) => [fields.get('listId'), upload.fileName, upload.bytes])).toEqual([
    ['1', '名簿.csv', 13],
    ['2', 'passwd', 13],
  ]);
  expect(forms.map(({ upload }) => readFileSync(upload.path, 'utf8'))).toEqual([
    'a@example.jp\n',
    'a@example.jp\n',
  ]);
});

test('a file over the limit', async () => {
  const { statusCode } = await post(['file', new Blob(['x'.repeat(1001)]), 'x.csv'], ['listId', '1']);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject(statusCode === 413 ? { statusCode: 413 } : { code: 'body-too-large' });
  expect(readdirSync(importsDir(dataDir))).toEqual([]);
});

test('a client that goes away in the middle', async () => {
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const client = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 900 },
  });
  client.on('error', () => {});
  client.write(
    '--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\na@example.jp\n',
    () => client.destroy(),
  );
  await failed;
  expect(readdirSync(importsDir(dataDir))).toEqual([]);
});
