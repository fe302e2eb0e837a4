/** Wires the process: data folder, databases, worker, MTA, both listeners; and takes it all down again in order. */
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Logger } from 'pino';
import {
  type FileLock,
  isLocked,
  mtaLockFile,
  openSpool,
  type Spool,
  spawnMta,
  trimHeap,
  tryLock,
} from '../mta/index.ts';
import { buildAdminApp } from './app.ts';
import { auditor } from './audit/audit.ts';
import { type FirstAdministrator, makeFirstAdministrator } from './auth/first-administrator.ts';
import { Sessions } from './auth/sessions.ts';
import { reconcile } from './campaigns/lifecycle.ts';
import { startDueCampaigns } from './campaigns/schedule.ts';
import type { Config, Ports } from './config.ts';
import { makePrivateDir, migrate, openDb } from './db/open.ts';
import { deliveryMetrics } from './delivery/metrics.ts';
import { liveQueues } from './delivery/queues.ts';
import type { App, Db, Deps } from './deps.ts';
import { features, publicFeatures } from './features.ts';
import { lockFile, portsFile } from './folder.ts';
import { Metrics } from './http/metrics.ts';
import { Jobs } from './jobs.ts';
import { LiveHub } from './live.ts';
import { dropUnanswered } from './messages/accept.ts';
import { MtaSupervisor } from './mta-supervisor.ts';
import { buildPublicApp } from './public.ts';
import { deliverySettings } from './settings/publish.ts';
import { unfinishedImports } from './unfinished.ts';
import { VERSION } from './version.ts';
import { webhookMetrics } from './webhooks/metrics.ts';

/** ms; together well below the ten seconds that `docker stop` gives */
const HTTP_DRAIN = 2500;
const MTA_DRAIN = 7000;
const WORKER_DRAIN = 3000;

const TICK = 1000;
const PURGE = 3_600_000;

/** What an operator can put right; the message says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export interface RunningServer {
  ports: Pick<Ports, 'admin' | 'public' | 'inbound'>;
  /** Drains everything; a second call waits for the first. */
  stop(): Promise<void>;
}

export interface ServerEvents {
  /** At the first boot, as soon as it is made: a password that was made up can never be shown again. */
  firstAdministrator(first: FirstAdministrator): void;
  /** A part that cannot be replaced has died: the process should end and be started afresh. */
  fatal(reason: string): void;
}

/**
 * Starts the whole appliance. `config.ports` and, unless it is fixed, `config.publicUrl` are set to the real ones.
 * @throws StartError, MigrationError; whatever was opened is closed again
 */
export async function startServer(config: Config, log: Logger, events: ServerEvents): Promise<RunningServer> {
  /** what to undo, last first */
  const undo: (() => void | Promise<void>)[] = [];
  const unwind = async (): Promise<void> => {
    for (const step of undo.reverse().splice(0)) await step();
  };
  try {
    const lock = takeFolder(config.dataDir);
    undo.push(() => lock.release());
    const migrated = migrate(config.dataDir);
    if (migrated.applied.length > 0) log.info(migrated, 'database migrated');
    const db = openDb(config.dataDir);
    undo.push(() => void db.$client.close());
    const spool = openSpool(config.dataDir);
    undo.push(() => spool.close());
    const first = await makeFirstAdministrator(db, config);
    if (first) events.firstAdministrator(first);

    config.ports.inbound = await inboundPort(config);
    dropUnanswered({ db, spool });
    const parts = wire(config, log, db, spool, events);
    undo.push(() => parts.jobs.stop());
    const health = { problems: () => findProblems(db, parts) };
    const metrics = new Metrics(parts.deps);
    deliveryMetrics(metrics.registry, parts.deps);
    webhookMetrics(metrics.registry, parts.deps);
    const admin = await buildAdminApp({ ...parts, log, health, metrics, features });
    undo.push(() => admin.close());
    const publicApp = await buildPublicApp({ deps: parts.deps, log, metrics, features: publicFeatures });
    undo.push(() => publicApp.close());

    config.ports.admin = await listen(admin, config, 'admin', 'TODOKE_ADMIN_PORT');
    config.ports.public = await listen(publicApp, config, 'public', 'TODOKE_PUBLIC_PORT');
    if (!config.publicUrlFixed) config.publicUrl = `http://localhost:${config.ports.public}`;

    parts.deps.publishDelivery();
    parts.mta.start();
    for (const job of unfinishedImports(db)) parts.jobs.run(job);
    reconcile(parts.deps);
    const stopTimers = startTimers(parts, log);
    const { admin: adminPort, public: publicPort, inbound } = config.ports;
    const ports = { admin: adminPort, public: publicPort, inbound };
    writePorts(config, ports);
    trimHeap();

    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      stopTimers();
      const mtaStopped = parts.mta.stop(MTA_DRAIN);
      await Promise.all([closeApp(admin), closeApp(publicApp)]);
      await within(parts.jobs.stop(), WORKER_DRAIN, () => log.warn('the worker did not stop in time'));
      await mtaStopped;
      rmSync(portsFile(config.dataDir), { force: true });
      spool.close();
      db.$client.close();
      lock.release();
    };
    return {
      ports,
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}

interface Parts {
  deps: Deps;
  jobs: Jobs;
  mta: MtaSupervisor;
  live: LiveHub;
  sessions: Sessions;
}

/** Makes the parts and ties them together; nothing listens and nothing is sent yet. */
function wire(config: Config, log: Logger, db: Db, bareSpool: Spool, events: ServerEvents): Parts {
  const sessions = new Sessions(db);
  const live = new LiveHub({ stillValid: (hash) => sessions.isValid(hash, Date.now()) });
  const jobs = new Jobs({
    dataDir: config.dataDir,
    onMessage: (message) => {
      if (message.type === 'live') live.publish(message.event);
      else if (message.type === 'mta') mta.send(message.message);
      else log.error({ job: message.job, error: message.error }, 'a job failed');
    },
    onExit: (code) => events.fatal(`the worker thread ended with code ${code}`),
  });
  /** The fold is woken by every writer of the ledger: the MTA by its message, our own tracking here. */
  const spool: Spool = {
    ...bareSpool,
    recordEvents: (events) => {
      const id = bareSpool.recordEvents(events);
      jobs.ledgerGrew();
      return id;
    },
  };
  /** With each report of the MTA, so once a second however many look, and never for nobody. */
  const showQueues = async (): Promise<void> => {
    if (!live.wants('queues')) return;
    try {
      live.publish({ type: 'queues', data: await liveQueues(deps) });
    } catch (error) {
      // A spool that is locked or full must not end the process for the sake of a screen.
      log.warn({ err: error }, 'the queues could not be read');
    }
  };
  const mta = new MtaSupervisor({
    spawn: spawnMta,
    dataDir: config.dataDir,
    dns: config.dns,
    log: config.log,
    inbound: { host: config.host, port: config.ports.inbound, files: config.smtpCertificate },
    onSettled: () => jobs.ledgerGrew(),
    onStatus: () => void showQueues(),
    onCrash: (event) => {
      log.error(event, 'the MTA ended; it is started again');
      void showQueues();
    },
  });
  const deps: Deps = {
    config,
    db,
    spool,
    jobs,
    live,
    mta: {
      send: (message) => mta.send(message),
      status: () => mta.status(),
      lines: (domains) => mta.lines(domains),
      sandboxPort: () => mta.sandboxPort(),
    },
    publishDelivery: () => {
      spool.publishSettings(deliverySettings(db, config));
      mta.send({ type: 'settings' });
    },
    audit: auditor(db),
  };
  return { deps, jobs, mta, live, sessions };
}

function takeFolder(dataDir: string): FileLock {
  let lock: FileLock | undefined;
  try {
    makePrivateDir(dataDir);
    lock = tryLock(lockFile(dataDir));
  } catch (error) {
    throw new StartError(
      `TODOKE_DATA_DIR: ${dataDir} cannot be written (${(error as Error).message}). It should be a folder that user ${process.getuid?.() ?? ''} owns.`,
    );
  }
  if (!lock) {
    throw new StartError(
      `Another Todoke already runs on ${dataDir}. Stop it first, or give this one a folder of its own in TODOKE_DATA_DIR.`,
    );
  }
  return lock;
}

async function listen(app: App, config: Config, name: 'admin' | 'public', variable: string): Promise<number> {
  const port = config.ports[name];
  try {
    await app.listen({ host: config.host, port });
  } catch (error) {
    throw portError(error as NodeJS.ErrnoException, config.host, port, variable);
  }
  return (app.server.address() as { port: number }).port;
}

function portError(
  { code, message }: NodeJS.ErrnoException,
  host: string,
  port: number,
  variable: string,
): StartError {
  const where = `${host} port ${port} (${variable})`;
  if (code === 'EADDRINUSE')
    return new StartError(
      `${where} is in use by another program. Stop it, or set ${variable} to another port.`,
    );
  if (code === 'EACCES')
    return new StartError(`${where} may not be opened by this user. Choose a port above 1023.`);
  if (code === 'EADDRNOTAVAIL')
    return new StartError(`TODOKE_HOST: ${host} is not an address of this machine.`);
  return new StartError(`${where} cannot be opened: ${message}`);
}

/**
 * The MTA will open it, and open it again after a crash: so it is chosen here, and tried, while somebody looks at the start.
 * @throws StartError, but not when the MTA of a server that was killed still has it: ours waits for that one's end
 */
async function inboundPort({ host, ports, dataDir }: Config): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port: ports.inbound });
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  } catch (error) {
    if (isLocked(mtaLockFile(dataDir))) return ports.inbound;
    throw portError(error as NodeJS.ErrnoException, host, ports.inbound, 'TODOKE_INBOUND_PORT');
  } finally {
    server.close();
  }
}

function findProblems(db: Db, { mta }: Parts): string[] {
  const problems: string[] = [];
  try {
    db.$client.prepare('SELECT 1 FROM settings LIMIT 1').get();
  } catch (error) {
    problems.push(`database: ${(error as Error).message}`);
  }
  if (!mta.ready()) problems.push('MTA: not running');
  return problems;
}

function startTimers({ deps, sessions }: Parts, log: Logger): () => void {
  let ticking = false;
  const tick = setInterval(() => {
    if (ticking) return;
    ticking = true;
    startDueCampaigns(deps, Date.now())
      .catch((error: unknown) => log.error({ err: error }, 'scheduled campaigns could not be started'))
      .finally(() => {
        ticking = false;
      });
  }, TICK);
  const purge = setInterval(() => {
    try {
      sessions.purge(Date.now());
    } catch (error) {
      // A full or locked disk is no reason to end the process; what is over is refused in any case.
      log.error({ err: error }, 'old sessions could not be removed');
    }
  }, PURGE);
  return () => {
    clearInterval(tick);
    clearInterval(purge);
  };
}

/** Running requests get to finish; after `HTTP_DRAIN` (an upload over a slow line) they are cut. */
async function closeApp(app: App): Promise<void> {
  await within(app.close(), HTTP_DRAIN, () => app.server.closeAllConnections());
}

/** Waits for the work, but calls `late` and goes on after `ms`. */
async function within(work: Promise<unknown>, ms: number, late: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      late();
      resolve();
    }, ms);
  });
  await Promise.race([work, deadline]);
  clearTimeout(timer);
}

function writePorts(config: Config, ports: RunningServer['ports']): void {
  const file = portsFile(config.dataDir);
  const content = {
    pid: process.pid,
    version: VERSION,
    host: config.host,
    ...ports,
    startedAt: new Date().toISOString(),
  };
  writeFileSync(`${file}.new`, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
