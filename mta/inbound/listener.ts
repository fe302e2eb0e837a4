/** The thread that listens: whatever comes in from the internet, the thread that sends mail does not feel it. */
import { parentPort, workerData } from 'node:worker_threads';
import { trimHeap } from '../trim-heap.ts';
import { type Certificate, certificateStamp, ownCertificate, readCertificate } from './certificate.ts';
import { openInboundFile } from './file.ts';
import type { FromListener, ListenerData, ToListener } from './protocol.ts';
import { InboundServer } from './smtp.ts';
import { InboundStore } from './store.ts';

/** ms between two tries to open a port that is taken, two looks at the certificate, two reports */
const LISTEN_AGAIN = 1000;
const CERTIFICATE_EVERY = 60_000;
const REPORT_EVERY = 1000;

const parent = parentPort!;
const { dataDir, host, port, files, limits, settings } = workerData as ListenerData;
const post = (message: FromListener): void => parent.postMessage(message);
const store = new InboundStore(openInboundFile(dataDir));

let stamp = '';
function certificate(): Certificate {
  if (files) {
    stamp = certificateStamp(files);
    try {
      return readCertificate(files);
    } catch (error) {
      post({ type: 'certificate', message: (error as Error).message });
    }
  }
  return ownCertificate(dataDir, settings.name);
}

/** One note for all mails of a turn. */
let told = false;
function received(): void {
  if (told) return;
  told = true;
  setImmediate(() => {
    told = false;
    post({ type: 'received' });
  });
}

const server = new InboundServer({
  store,
  settings,
  limits,
  dataDir,
  certificate: certificate(),
  onReceived: received,
});

let again: NodeJS.Timeout | undefined;
function listen(): void {
  server.server.listen({ host, port, backlog: 511 });
}
server.server.on('listening', () => {
  post({ type: 'listening', port: (server.server.address() as { port: number }).port });
});
server.server.on('error', (error: NodeJS.ErrnoException) => {
  post({ type: 'not-listening', code: error.code ?? '', message: error.message });
  again = setTimeout(listen, LISTEN_AGAIN);
});
trimHeap();
listen();

const renewal = setInterval(() => {
  if (files && certificateStamp(files) !== stamp) server.updateSecureContext(certificate());
}, CERTIFICATE_EVERY);
const report = setInterval(
  () => post({ type: 'counters', counters: server.counters, sessions: server.sessions }),
  REPORT_EVERY,
);

parent.on('message', async (message: ToListener) => {
  if (message.type === 'settings') return server.use(message.settings);
  for (const timer of [renewal, report]) clearInterval(timer);
  clearTimeout(again);
  await server.stop();
  store.close();
  parent.close();
});
