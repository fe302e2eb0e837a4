/**
 * Postfix relaying mails of the same size, signed by nobody, from smtp-source to the same sink: what a tuned MTA in C does with a
 * queue file and an fsync for each mail. A Postfix of its own: configuration, queue and data in a temporary folder.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../../scripts/appliance.ts';

const run = promisify(execFile);
const DAEMONS = '/usr/lib/postfix/sbin';
const SMTP_SOURCE = '/usr/sbin/smtp-source';

/** It needs root (to change users) and Debian's package. */
export const postfixInstalled = (): boolean =>
  process.getuid?.() === 0 && [`${DAEMONS}/master`, SMTP_SOURCE].every((file) => existsSync(file));

/** Mails per second from the first connection of smtp-source to the emptied queue. */
export async function measurePostfix(options: {
  sinkPort: number;
  count: number;
  bytes: number;
  connections: number;
}): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), 'todoke-postfix-'));
  const port = await freePort();
  const queue = join(home, 'queue');
  for (const folder of ['queue', 'data', 'conf']) mkdirSync(join(home, folder), { mode: 0o755 });
  const conf = join(home, 'conf');
  writeFileSync(join(conf, 'main.cf'), mainCf(home, options.sinkPort, options.connections));
  writeFileSync(join(conf, 'master.cf'), masterCf(port));
  await run('chown', ['postfix', join(home, 'data')]);
  await run('chmod', ['755', home]);
  try {
    await run('/usr/sbin/postfix', ['-c', conf, 'start']);
    await untilOpen(port);
    const startedAt = performance.now();
    await run(SMTP_SOURCE, [
      ...['-s', String(options.connections), '-m', String(options.count), '-l', String(options.bytes)],
      ...['-f', 'news@bench.example.jp', '-t', 'r1@d1.example.jp', `127.0.0.1:${port}`],
    ]);
    while (['maildrop', 'incoming', 'active', 'deferred'].some((name) => holdsFiles(join(queue, name))))
      await sleep(20);
    return options.count / ((performance.now() - startedAt) / 1000);
  } finally {
    await run('/usr/sbin/postfix', ['-c', conf, 'stop']).catch(() => undefined);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

function mainCf(home: string, sinkPort: number, connections: number): string {
  return `compatibility_level = 3.6
queue_directory = ${home}/queue
data_directory = ${home}/data
daemon_directory = ${DAEMONS}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_message_rate_limit = 0
local_recipient_maps =
alias_maps =
relayhost = [127.0.0.1]:${sinkPort}
initial_destination_concurrency = ${connections}
default_destination_concurrency_limit = ${connections}
in_flow_delay = 0
qmgr_message_active_limit = 100000
`;
}

/** Not chrooted; what is not needed to relay is left out. */
function masterCf(port: number): string {
  return [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'smtp unix - - n - - smtp',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    '',
  ].join('\n');
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true)).on('error', () =>
        resolve(false),
      );
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error('Postfix did not open its port');
}

/** Queue files lie in hashed folders. */
function holdsFiles(folder: string): boolean {
  return (
    existsSync(folder) &&
    readdirSync(folder, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile())
  );
}
