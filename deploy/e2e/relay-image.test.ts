/** The Postfix of deploy/relays as its image starts it: who may hand mail over, and how it goes on. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { issueCertificate } from '../../mta/sandbox/certificate.ts';
import { openSession } from '../../mta/smtp/session.ts';
import type { SessionTls } from '../../mta/smtp/types.ts';
import { type RecordingServer, startRecordingServer } from '../../mta/test/recording-server.ts';

const run = promisify(execFile);
const RELAYS = join(import.meta.dirname, '../relays');
const NAME = 'relay1.example.co.jp';
/** nobody else's */
const ADDRESS = `127.${randomInt(64, 127)}.${randomInt(256)}.${randomInt(1, 255)}`;
const PORT = 2525;
const ca = issueCertificate({ commonName: 'Our CA', ca: true });
const client = issueCertificate({ commonName: 'todoke', issuer: ca });
const stranger = issueCertificate({ commonName: 'todoke' });

let home: string;
let world: RecordingServer;
let relay: ChildProcess;

beforeAll(async () => {
  world = await startRecordingServer();
  home = mkdtempSync(join(tmpdir(), 'todoke-relay-image-'));
  const conf = join(home, 'conf');
  for (const folder of ['queue', 'data', 'conf', 'conf/tls']) mkdirSync(join(home, folder));
  for (const file of ['main.cf', 'master.cf']) copyFileSync(join(RELAYS, file), join(conf, file));
  // What the container gives it, and the world in small.
  writeFileSync(
    join(conf, 'main.cf'),
    `${readFileSync(join(conf, 'main.cf'), 'utf8')}
queue_directory = ${home}/queue
data_directory = ${home}/data
relayhost = [127.0.0.1]:${world.port}
`,
  );
  const { key, cert } = issueCertificate({ commonName: NAME, hosts: [NAME], issuer: ca });
  writeFileSync(join(conf, 'tls/relay.pem'), key + cert, { mode: 0o600 });
  writeFileSync(join(conf, 'tls/ca.pem'), ca.cert);
  await run('chmod', ['755', home]);
  await run('chown', ['postfix', join(home, 'data')]);
  relay = spawn('sh', [join(RELAYS, 'relay.sh')], {
    env: {
      ...process.env,
      RELAY_CONFIG: conf,
      RELAY_NAME: NAME,
      RELAY_ADDRESS: ADDRESS,
      RELAY_LISTEN: `${ADDRESS}:${PORT}`,
      RELAY_CLIENTS: '',
    },
    stdio: 'ignore',
  });
  await vi.waitFor(async () => expect(await open({})).toMatchObject({ ok: true }), 30_000);
});

afterAll(async () => {
  // Only as process 1 of a container it would end with its starter.
  const ended = new Promise((resolve) => relay.once('exit', resolve));
  await run('/usr/sbin/postfix', ['-c', join(home, 'conf'), 'stop']);
  if (relay.exitCode === null) await ended;
  await world.stop();
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

const open = (tls: Partial<SessionTls>) =>
  openSession({
    host: NAME,
    address: ADDRESS,
    port: PORT,
    ehloName: 'todoke.test',
    tls: { mode: 'verified', ca: ca.cert, ...tls },
  });
async function send(tls: Partial<SessionTls>) {
  const opened = await open(tls);
  if (!opened.ok) return opened;
  const message = Buffer.from('From: a@example.jp\r\nSubject: Hello\r\n\r\nHello\r\n');
  const outcome = await opened.session.send({ mailFrom: 'a@example.jp', rcptTo: 'b@example.com', message });
  await opened.session.quit();
  return outcome;
}

it('is a configuration in which Postfix finds nothing to complain of', async () => {
  const { stdout, stderr } = await run('/usr/sbin/postconf', ['-c', join(home, 'conf'), '-n']);
  expect(stderr.split('\n').filter((line) => !line.includes('overriding earlier entry'))).toEqual(['']);
  expect(stdout).toContain('maximal_queue_lifetime = 2d');
});

it('relays for who shows a certificate of our CA, by its own address and name', async () => {
  expect(await send({ clientCertificate: client })).toMatchObject({ kind: 'accepted' });
  await vi.waitFor(() => expect(world.received).toHaveLength(1), 30_000);
  expect(world.received[0]).toMatchObject({ from: ADDRESS, ehlo: NAME, recipient: 'b@example.com' });
});

it.each<[string, Partial<SessionTls>]>([
  ['without a certificate', {}],
  ['with one of somebody else', { clientCertificate: stranger }],
])('relays for nobody %s', async (_, tls) => {
  expect(await send(tls)).toMatchObject({ kind: 'refused', phase: 'rcpt', reply: { status: '5.7.1' } });
});

it('speaks of no mail in clear', async () => {
  expect(await send({ mode: 'none' })).toMatchObject({
    kind: 'refused',
    phase: 'mail',
    reply: { code: 530 },
  });
});
