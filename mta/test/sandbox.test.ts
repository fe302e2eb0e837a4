import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSandboxFile } from '../sandbox/file.ts';
import { decodeWords, headerFields, headerValue } from '../sandbox/headers.ts';
import { refusalFor } from '../sandbox/magic.ts';
import { openSandboxMail, type SandboxMail } from '../sandbox/mailbox.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { SandboxStore } from '../sandbox/store.ts';

/** Sends the lines at once (PIPELINING) and answers the replies' last lines until the server hangs up. */
async function dialogue(port: number, lines: string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  const replies: string[] = [];
  for await (const line of createInterface({ input: socket })) {
    if (!/^\d{3} /.test(line)) continue;
    replies.push(line);
    if (replies.length === 1) socket.write('EHLO test.example\r\n');
    if (replies.length === 2) socket.write(lines.map((text) => `${text}\r\n`).join(''));
  }
  return replies.slice(2);
}

describe('magic recipients', () => {
  it.each([
    ['bounce@example.jp', 0, 550],
    ['BOUNCE17@example.jp', 0, 550],
    ['bounce+a@example.jp', 5, 550],
    ['full-1@example.jp', 0, 552],
    ['defer@example.jp', 0, 451],
    ['defer@example.jp', 1, 451],
    ['defer@example.jp', 2, undefined],
    ['busy@example.jp', 99, 451],
    ['block@example.jp', 0, 554],
    ['fullmoon@example.jp', 0, undefined],
    ['block.taro@example.jp', 0, undefined],
    ['sato.bounce@example.jp', 0, undefined],
  ])('%s, tried %i times before: %s', (address, tries, code) => {
    expect(refusalFor(address, tries)?.code).toBe(code);
  });
});

describe('header values', () => {
  it.each([
    ['=?UTF-8?B?44GT44KT44Gr44Gh44Gv?=', 'こんにちは'],
    ['=?utf-8?q?=E9=AB=99=E6=A9=8B_a?= b', '髙橋 a b'],
    ['=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=', '日本'],
    ['=?utf-8?B?44E=?= =?utf-8?B?kw==?=', 'こ'],
    ['=?no-such-charset?Q?abc?=', 'abc'],
    ['a plain one', 'a plain one'],
  ])('%s', (encoded, decoded) => {
    expect(decodeWords(encoded)).toBe(decoded);
  });

  it('unfolds, ignores case and does not look into the body', () => {
    const raw = Buffer.from('X: 1\r\nsubject: one\r\n two\r\nY: 2\r\n\r\nFrom: body\r\n');
    expect(headerValue(raw, 'Subject')).toBe('one two');
    expect(headerValue(raw, 'From')).toBe('');
    expect(headerFields(raw)).toEqual([
      { name: 'X', value: '1' },
      { name: 'subject', value: 'one two' },
      { name: 'Y', value: '2' },
    ]);
  });
});

describe('the sandbox', () => {
  let dataDir: string;
  let sandbox: Sandbox;
  let mail: SandboxMail;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'todoke-sandbox-'));
    sandbox = await startSandbox({ dataDir });
    mail = openSandboxMail(dataDir);
  });
  beforeEach(() => mail.clear());
  afterAll(async () => {
    mail.close();
    await sandbox.stop();
    rmSync(dataDir, { recursive: true });
  });

  it('offers the extensions of a real server', async () => {
    const socket = connect(sandbox.port, '127.0.0.1');
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toMatch(/^220 /);
    socket.write('EHLO test.example\r\n');
    const offered: string[] = [];
    for (let line = ''; !line.startsWith('250 '); ) {
      line = (await lines.next()).value as string;
      offered.push(line.slice(4));
    }
    expect(offered.slice(1)).toEqual(['PIPELINING', '8BITMIME', 'SMTPUTF8', 'STARTTLS', 'SIZE 31457280']);
    socket.end('QUIT\r\n');
    await once(socket, 'close');
  });

  it('keeps a mail byte for byte, sent over STARTTLS with the certificate made at its start', async () => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: sandbox.port,
      requireTLS: true,
      tls: { rejectUnauthorized: false },
    });
    await transport.sendMail({
      from: { name: '届け株式会社', address: 'news@example.jp' },
      to: 'sato@example.co.jp',
      subject: '新商品のご案内（髙島屋限定）',
      text: '.先頭の点\r\n本文',
    });
    const [summary] = mail.list({ limit: 10 });
    expect(summary).toMatchObject({
      mailFrom: 'news@example.jp',
      rcptTo: 'sato@example.co.jp',
      headerFrom: '届け株式会社 <news@example.jp>',
      subject: '新商品のご案内（髙島屋限定）',
    });
    const found = mail.get(summary!.id);
    expect(found!.raw).toHaveLength(summary!.size);
    expect(found!.raw.toString()).toContain('To: sato@example.co.jp\r\n');
  });

  it('answers pipelined transactions in order and undoes dot-stuffing', async () => {
    const replies = await dialogue(sandbox.port, [
      'MAIL FROM:<>',
      'RCPT TO:<a..b@docomo.ne.jp>',
      'DATA',
      'Subject: one',
      '',
      '..dot',
      '.',
      'MAIL FROM:<v@bounce.example.jp>',
      'RCPT TO:<bounce@example.jp>',
      'RSET',
      'QUIT',
    ]);
    expect(replies.map((line) => line.slice(0, 9))).toEqual([
      '250 Accep',
      '250 Accep',
      '354 End d',
      '250 2.0.0',
      '250 Accep',
      '550 5.1.1',
      '250 Flush',
      '221 Bye',
    ]);
    const [summary] = mail.list({ limit: 10 });
    expect(summary).toMatchObject({ mailFrom: '', rcptTo: 'a..b@docomo.ne.jp', headerFrom: '' });
    expect(mail.get(summary!.id)!.raw.toString()).toBe('Subject: one\r\n\r\n.dot\r\n');
  });

  it('defers an address twice, then takes it; refuses block only after the whole mail', async () => {
    const attempt = ['MAIL FROM:<v@example.jp>', 'RCPT TO:<defer1@example.jp>', 'RSET'];
    const replies = await dialogue(sandbox.port, [...attempt, ...attempt, ...attempt, 'QUIT']);
    expect(replies.filter((_, i) => i % 3 === 1).map((line) => line.slice(0, 9))).toEqual([
      '451 4.7.1',
      '451 4.7.1',
      '250 Accep',
    ]);
    const refused = await dialogue(sandbox.port, [
      'MAIL FROM:<v@example.jp>',
      'RCPT TO:<block@example.jp>',
      'DATA',
      'x',
      '.',
      'QUIT',
    ]);
    expect(refused[3]).toBe('554 5.7.1 Message rejected: blocked by policy');
    expect(mail.count()).toBe(0);
  });

  it('lists newest first, in pages, and searches recipient, sender and subject literally', async () => {
    const letters = ['x@example.jp', 'y%1@example.jp', 'z@example.com'].flatMap((to, i) => [
      'MAIL FROM:<v@example.jp>',
      `RCPT TO:<${to}>`,
      'DATA',
      `From: sender${i}@example.net`,
      `Subject: letter ${i}`,
      '',
      'text',
      '.',
    ]);
    await dialogue(sandbox.port, [...letters, 'QUIT']);
    const first = mail.list({ limit: 2 });
    expect(first.map(({ rcptTo }) => rcptTo)).toEqual(['z@example.com', 'y%1@example.jp']);
    expect(mail.list({ limit: 2, beforeId: first[1]!.id }).map(({ rcptTo }) => rcptTo)).toEqual([
      'x@example.jp',
    ]);
    const found = (q: string): string[] => mail.list({ q, limit: 10 }).map(({ rcptTo }) => rcptTo);
    expect(found('EXAMPLE.COM')).toEqual(['z@example.com']);
    expect(found('letter 0')).toEqual(['x@example.jp']);
    expect(found('sender1')).toEqual(['y%1@example.jp']);
    expect(found('%')).toEqual(['y%1@example.jp']);
    expect(mail.erase(['Y%1@example.jp'])).toBe(1);
    expect(mail.count()).toBe(2);
    const onDisk = ['', '-wal']
      .map((suffix) => readFileSync(join(dataDir, `sandbox.db${suffix}`), 'latin1'))
      .join();
    expect(onDisk).toContain('x@example.jp');
    expect(onDisk).not.toContain('y%1@example.jp');
  });

  it('is readable by its owner alone', () => {
    for (const suffix of ['', '-wal', '-shm'])
      expect(statSync(join(dataDir, `sandbox.db${suffix}`)).mode & 0o777).toBe(0o600);
  });
});

describe('the store', () => {
  it.each([
    ['too many', { messages: 100, bytes: 1e9 }, 98],
    ['too large', { messages: 1e9, bytes: 1000 }, 98],
  ])('drops the oldest when there are %s', (_name, limits, kept) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'todoke-sandbox-'));
    const store = new SandboxStore(openSandboxFile(dataDir), limits);
    const mail = openSandboxMail(dataDir);
    const answers: (Error | undefined)[] = [];
    const add = (i: number) =>
      store.add({ at: i, mailFrom: '', rcptTo: [`r${i}@example.jp`], raw: Buffer.alloc(10) }, (error) =>
        answers.push(error),
      );
    for (let i = 0; i < 100; i += 1) add(i);
    store.flush();
    expect(mail.count()).toBe(100);
    add(100);
    store.flush();
    expect(mail.count()).toBe(kept);
    const ids = mail.list({ limit: 500 });
    expect(ids[0]!.rcptTo).toBe('r100@example.jp');
    expect(mail.get(1)).toBeUndefined();
    expect(answers).toEqual(Array(101).fill(undefined));
    mail.clear();
    store.close();
    expect(mail.count()).toBe(0);
    mail.close();
    rmSync(dataDir, { recursive: true });
  });
});
