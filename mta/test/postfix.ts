/**
 * A real Postfix (Debian package postfix) with configuration, queue and data in a temporary folder of its own, listening on an address of
 * loopback and giving all mail to one next hop. Its master must be root, as it changes users; it is ended by its own pid file.
 */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../scripts/appliance.ts';

const run = promisify(execFile);
const DAEMONS = '/usr/lib/postfix/sbin';
const POSTFIX = '/usr/sbin/postfix';

export interface PostfixOptions {
  /** host name in its greeting and Received lines */
  name?: string;
  /** port of 127.0.0.1 where everything goes on */
  nextHop: number;
  /** lines of main.cf, which win; `HOME` in a value is the folder of `files` */
  main?: Record<string, string>;
  /** files beside main.cf, such as a certificate for its address: name → text */
  files?: (address: string) => Record<string, string>;
}

export interface Postfix {
  address: string;
  port: number;
  /** the whole of its log */
  log(): string;
  /** mails in its queue */
  queued(): number;
  /** Resolves when the queue is empty. */
  emptied(): Promise<void>;
  /** kill -9 of all its processes, as if the machine had lost power */
  kill(): Promise<void>;
  /** again, on what its queue holds */
  start(): Promise<void>;
  /** ends it and removes its folder */
  stop(): Promise<void>;
}

/** It needs root and Debian's package. */
export const postfixInstalled = (): boolean => process.getuid?.() === 0 && existsSync(`${DAEMONS}/master`);

export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  if (!postfixInstalled()) throw new Error('Postfix needs root and the Debian package postfix');
  // Of its own: on 127.0.0.1 anybody's connection might take the port while it is down.
  const address = `127.${randomInt(64, 127)}.${randomInt(256)}.${randomInt(1, 255)}`;
  const port = await freePort();
  const home = mkdtempSync(join(tmpdir(), 'todoke-postfix-'));
  for (const folder of ['queue', 'data', 'conf']) mkdirSync(join(home, folder));
  const conf = join(home, 'conf');
  for (const [name, text] of Object.entries(options.files?.(address) ?? {}))
    writeFileSync(join(conf, name), text, { mode: 0o600 });
  writeFileSync(join(conf, 'main.cf'), mainCf(home, options));
  writeFileSync(join(conf, 'master.cf'), masterCf(`${address}:${port}`));
  // postsuper has something to say after a crash, and speaks as another user than postlogd: without the log there is no start.
  const log = join(home, 'log');
  writeFileSync(log, '');
  await run('chown', ['postfix', join(home, 'data'), log]);
  // Its processes are other users'.
  await run('chmod', ['755', home]);
  const queued = (): number =>
    ['maildrop', 'incoming', 'active', 'deferred'].reduce(
      (sum, name) => sum + filesIn(join(home, 'queue', name)),
      0,
    );
  /** undefined when it does not run */
  const master = (): number | undefined => {
    const file = join(home, 'queue/pid/master.pid');
    return existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) || undefined : undefined;
  };
  const postfix: Postfix = {
    address,
    port,
    log: () => readFileSync(log, 'utf8'),
    queued,
    async emptied() {
      while (queued() > 0) await sleep(20);
    },
    async kill() {
      const pid = master();
      if (pid === undefined) return;
      // master leads a process group of its own, and all others are in it.
      process.kill(-pid, 'SIGKILL');
      while (groupLives(pid)) await sleep(5);
    },
    async start() {
      await run(POSTFIX, ['-c', conf, 'start']).catch((error: { stderr?: string }) => {
        throw new Error(`Postfix did not start: ${error.stderr}${postfix.log().slice(-1000)}`);
      });
      await untilOpen(address, port);
    },
    async stop() {
      await run(POSTFIX, ['-c', conf, 'stop']).catch(() => undefined);
      await postfix.kill().catch(() => undefined);
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await postfix.start();
  } catch (error) {
    await postfix.stop();
    throw error;
  }
  return postfix;
}

function mainCf(home: string, { name = 'postfix.test', nextHop, main = {} }: PostfixOptions): string {
  const settings: Record<string, string> = {
    compatibility_level: '3.6',
    queue_directory: `${home}/queue`,
    data_directory: `${home}/data`,
    daemon_directory: DAEMONS,
    command_directory: '/usr/sbin',
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    maillog_file: `${home}/log`,
    maillog_file_prefixes: home,
    // master.cf names the listener's address, which no interface has for itself.
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    myhostname: name,
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    smtpd_relay_restrictions: 'permit_mynetworks, reject',
    smtpd_client_connection_count_limit: '0',
    smtpd_client_message_rate_limit: '0',
    smtpd_peername_lookup: 'no',
    local_recipient_maps: '',
    alias_maps: '',
    disable_dns_lookups: 'yes',
    relayhost: `[127.0.0.1]:${nextHop}`,
    in_flow_delay: '0',
    ...main,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value.replaceAll('HOME', `${home}/conf`)}\n`)
    .join('');
}

/** Not chrooted; what is not needed to relay is left out. */
function masterCf(listener: string): string {
  return [
    `${listener} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'smtp unix - - n - - smtp',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'postlog unix-dgram n - n - 1 postlogd',
    '',
  ].join('\n');
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilOpen(host: string, port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error('Postfix did not open its port');
}

/**
 * Mails in a queue; its files lie in hashed folders. One that was being received when Postfix was killed is no mail yet: it is not executable
 * and was never acknowledged.
 */
function filesIn(folder: string): number {
  if (!existsSync(folder)) return 0;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => {
    // It may go while it is looked at.
    const file = entry.isFile()
      ? statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })
      : undefined;
    return file !== undefined && (file.mode & 0o100) !== 0;
  }).length;
}
