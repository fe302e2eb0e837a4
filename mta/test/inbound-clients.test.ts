/** Real clients, TLS with whose certificate, and a disk that is full. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import { promisify } from 'node:util';
import nodemailer from 'nodemailer';
import { afterEach, describe, expect, it } from 'vitest';
import { smallDisk } from '../../deploy/e2e/small-disk.ts';
import { inboundFile, openInboundFile } from '../inbound/file.ts';
import { InboundMailbox } from '../inbound/mailbox.ts';
import { issueCertificate } from '../sandbox/certificate.ts';
import { BOUNCE, Client, type Listener, type Step, startListener, UNSUBSCRIBE } from './inbound-client.ts';

const run = promisify(execFile);
let listener: Listener;
const folders: string[] = [];
afterEach(async () => {
  await listener.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('clients', () => {
  it('nodemailer, with STARTTLS', async () => {
    listener = await startListener();
    const transport = nodemailer.createTransport({
      host: '127.0.0.1',
      port: listener.port,
      requireTLS: true,
      tls: { rejectUnauthorized: false },
    });
    const sent = await transport.sendMail({
      envelope: { from: '', to: [UNSUBSCRIBE] },
      to: UNSUBSCRIBE,
      subject: '配信停止',
      text: 'よろしくお願いします。\n.\n',
    });
    transport.close();
    expect(sent.accepted).toEqual([UNSUBSCRIBE]);
    const [mail] = listener.mail();
    expect(mail).toMatchObject({ mailFrom: '', recipients: [{ role: 'unsubscribe' }] });
    expect(mail!.tls).toMatch(/^TLSv1\.[23] \S+$/);
  });

  it('nodemailer is told at RCPT what is refused', async () => {
    listener = await startListener();
    const transport = nodemailer.createTransport({ host: '127.0.0.1', port: listener.port, ignoreTLS: true });
    const refused = transport.sendMail({ from: 'a@b.test', to: 'neko@example.com', text: 'relay me' });
    await expect(refused).rejects.toMatchObject({ responseCode: 550, command: 'RCPT TO' });
    transport.close();
    expect(listener.mail()).toEqual([]);
  });

  it('swaks', async () => {
    listener = await startListener();
    const { stdout } = await run('swaks', [
      ...['--server', '127.0.0.1', '--port', String(listener.port), '--helo', 'mx.remote.test'],
      ...['--from', '<>', '--to', BOUNCE, '--header', 'Subject: returned', '--body', 'a bounce'],
    ]);
    expect(stdout).toContain('250 2.6.0');
    expect(listener.mail()).toMatchObject([{ mailFrom: '', recipients: [{ role: 'bounce' }] }]);
  });
});

/** The certificate behind STARTTLS. */
async function shown(port: number): Promise<PeerCertificate> {
  const socket = connect(port, '127.0.0.1');
  for (const said of ['', 'EHLO me.test\r\n', 'STARTTLS\r\n']) {
    if (said !== '') socket.write(said);
    await new Promise((resolve) => socket.once('data', resolve));
  }
  const secure = connectTls({ socket, rejectUnauthorized: false });
  await new Promise((resolve) => secure.once('secureConnect', resolve));
  const certificate = secure.getPeerCertificate();
  secure.destroy();
  return certificate;
}

describe('the certificate', () => {
  it('is the administrator’s', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'todoke-cert-'));
    folders.push(folder);
    const { cert, key } = issueCertificate({ commonName: 'mail.company.test', hosts: ['mail.company.test'] });
    const files = { cert: join(folder, 'a.pem'), key: join(folder, 'a.key') };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
    listener = await startListener({}, { files });
    expect((await shown(listener.port)).subject.CN).toBe('mail.company.test');
    expect(listener.problems).toEqual([]);
  });

  it('is one of our own, the same after a restart, when there is none', async () => {
    listener = await startListener();
    const first = await shown(listener.port);
    expect(first.subject.CN).toBe('mx.example.jp');
    const { dataDir } = listener;
    expect(statSync(join(dataDir, 'smtp.key')).mode & 0o777).toBe(0o600);
    await listener.inbound.stop();
    listener = await startListener({}, { dataDir });
    expect((await shown(listener.port)).fingerprint256).toBe(first.fingerprint256);
  });

  it('is one of our own, and that is said, when the administrator’s cannot be read', async () => {
    listener = await startListener({}, { files: { cert: '/nowhere.pem', key: '/nowhere.key' } });
    expect((await shown(listener.port)).subject.CN).toBe('mx.example.jp');
    expect(listener.problems).toEqual([expect.stringContaining('/nowhere.pem')]);
  });
});

it('the file is its owner’s alone', async () => {
  listener = await startListener();
  expect(statSync(inboundFile(listener.dataDir)).mode & 0o777).toBe(0o600);
});

const HELLO: Step[] = ['S: 220', 'C: EHLO me.test', 'S: 250'];
const OPEN: Step[] = ['C: MAIL FROM:<>', 'S: 250', `C: RCPT TO:<${BOUNCE}>`, 'S: 250', 'C: DATA', 'S: 354'];

it('a disk that becomes full in the middle: 452, the mail is not lost, and those before are there', async () => {
  const disk = smallDisk(8);
  // Where nothing can be mounted this machine's disk would have to be filled: the announced limit is tested elsewhere.
  listener = await startListener({ diskReserve: 0 }, { dataDir: disk.dir });
  try {
    const client = await Client.connect(listener.port);
    await client.play([...HELLO, ...OPEN, 'C: first', 'C: .', 'S: 250', ...OPEN]);
    disk.fill();
    const megabyte = Buffer.from(`${'x'.repeat(1022)}\r\n`.repeat(1024));
    for (let n = 0; n < 4; n += 1) await client.send(megabyte);
    client.say('.\r\n');
    await client.play(['S: 452 4.3.1']);
    disk.free();
    // As a mail server does: once more.
    for (let reply = ''; !reply.startsWith('250 2.6'); ) {
      client.say('MAIL FROM:<>\r\n');
      if (!(await client.reply()).startsWith('250')) continue;
      await client.play(OPEN.slice(2));
      client.say('second\r\n.\r\n');
      reply = await client.reply();
    }
    client.close();
    expect(listener.mail().map(({ raw }) => raw)).toEqual(['first\r\n', 'second\r\n']);
  } finally {
    await listener.inbound.stop();
    disk.close();
    listener = await startListener();
  }
});

describe('old mail', () => {
  it('goes when it is too old or too much, but never unread', async () => {
    listener = await startListener();
    for (const text of ['one', 'two', 'three', 'four'])
      await listener.play([...HELLO, ...OPEN, `C: ${text}`, 'C: .', 'S: 250']);
    const db = openInboundFile(listener.dataDir);
    const mailbox = new InboundMailbox(db);
    const [one, two, three] = listener.mail();
    const now = Date.now();
    db.prepare('UPDATE mail SET at = ? WHERE id <= ?').run(now - 1000, two!.id);
    // Only the first is read.
    while (mailbox.prune(one!.id, now - 500, 1e9));
    expect(listener.mail().map(({ raw }) => raw)).toEqual(['two\r\n', 'three\r\n', 'four\r\n']);
    // All but the last are read, and there is no room: what they were stays, without their text.
    while (mailbox.prune(three!.id, now - 5000, 0) && listener.mail()[0]!.raw !== '');
    expect(listener.mail().map(({ raw }) => raw)).toEqual(['', '', 'four\r\n']);
    db.close();
    expect(readFileSync(inboundFile(listener.dataDir)).includes('one\r\n')).toBe(false);
  });
});
