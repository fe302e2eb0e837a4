/** The MTA process: opens the spool, starts the sandbox and the dispatcher, and talks with the server over IPC. */
import { pino } from 'pino';
import { readMtaConfig, socketLimits } from './config.ts';
import { fileLimit } from './file-limit.ts';
import { Inbound } from './inbound/inbound.ts';
import { readInboundSettings } from './inbound/settings.ts';
import { mtaLockFile, waitForLock } from './lock.ts';
import { Dispatcher } from './queue/dispatcher.ts';
import { createResolver } from './routing/dns.ts';
import { createSecureResolver } from './routing/dns-secure.ts';
import { startSandbox } from './sandbox/sandbox.ts';
import { openSpoolDb } from './spool/open.ts';
import { Returned } from './spool/returned.ts';
import { trimHeap } from './trim-heap.ts';
import type { FromMta, ToMta } from './types.ts';

/** ms that mails in flight get to finish at a drain */
const DRAIN = 6000;
/** ms that the MTA of a server that was killed gets to end: longer than its drain */
const TAKEOVER = 15_000;
/** ms between two notes to the server that the ledger has grown */
const SETTLED_EVERY = 50;

const config = readMtaConfig(process.env);
const log = pino({ name: 'mta', level: config.log });
const leave = (): never => process.exit(0);
// The server died before we had begun.
process.once('disconnect', leave);
// Two MTAs on one spool would send everything twice. The one of a server that was killed drains for some seconds more.
if (!(await waitForLock(mtaLockFile(config.dataDir), TAKEOVER))) {
  log.fatal('another MTA runs on this data folder');
  process.exit(1);
}
const db = openSpoolDb(config.dataDir);
const sandbox = await startSandbox({ dataDir: config.dataDir });
const post = (message: FromMta): void => {
  if (process.connected) process.send!(message, undefined, undefined, () => {});
};

let settledId = 0;
let toldId = 0;
const settled = (ledgerId: number): void => {
  settledId = Math.max(settledId, ledgerId);
};
const problem = (what: string, error: unknown): void => log.error({ err: error }, what);
const dispatcher = new Dispatcher({
  db,
  resolver: createResolver({ servers: config.dns }),
  secureResolver: createSecureResolver({ servers: config.dns }),
  sandboxPort: sandbox.port,
  socketLimits: socketLimits(config.connections, fileLimit()),
  onSettled: settled,
  onError: problem,
});

const inbound =
  config.inbound &&
  new Inbound({
    dataDir: config.dataDir,
    ...config.inbound,
    settings: readInboundSettings(db),
    cursor: new Returned(db).cursor(),
    onLedger: settled,
    onProblem: problem,
  });

let ending: Promise<void> | undefined;
/** Ends with code 0 after everything in flight is settled on disk. */
function drain(): Promise<void> {
  ending ??= (async () => {
    clearInterval(statusTimer);
    clearInterval(settledTimer);
    // At once: the port may be another process's next.
    await Promise.all([inbound?.stop(), dispatcher.drain(DRAIN)]);
    await sandbox.stop();
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
    post({ type: 'drained' });
    process.exit(0);
  })();
  return ending;
}

process.on('message', (message: ToMta) => {
  switch (message.type) {
    case 'settings':
      dispatcher.reloadSettings();
      inbound?.use(readInboundSettings(db));
      break;
    case 'wake':
    case 'job':
    case 'stops':
    case 'control':
      dispatcher.wake();
      break;
    case 'lines':
      post({ type: 'lines', id: message.id, lines: dispatcher.lines(message.domains) });
      break;
    case 'drain':
      void drain();
      break;
  }
});
// The server died: a new one will start a new MTA, so two must never send from one spool.
process.off('disconnect', leave);
process.on('disconnect', () => void drain());
// Signals sent to the whole process group are the server's to handle: it asks for the drain.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

// One note for many commits: the server folds the ledger in batches anyway.
const settledTimer = setInterval(() => {
  if (settledId > toldId) post({ type: 'settled', ledgerId: settledId });
  toldId = settledId;
}, SETTLED_EVERY);
const statusTimer = setInterval(() => {
  post({ type: 'status', status: { ...dispatcher.status(), inbound: inbound?.status() } });
}, 1000);
dispatcher.start();
trimHeap();
await inbound?.started;
post({ type: 'ready', sandboxPort: sandbox.port, inboundPort: inbound?.port });
