/** The sandbox's SMTP server, in a thread of its own so that receiving thousands of mails a second does not slow the sender. */
import { parentPort, workerData } from 'node:worker_threads';
import { SMTPServer } from 'smtp-server';
import { trimHeap } from '../trim-heap.ts';
import { selfSignedCertificate } from './certificate.ts';
import { openSandboxFile } from './file.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { refusalFor } from './magic.ts';
import { SandboxStore } from './store.ts';

const port = parentPort!;
const { dataDir } = workerData as { dataDir: string };
const store = new SandboxStore(openSandboxFile(dataDir));

/** How often each deferring address was tried; forgets the oldest, which then is deferred once more. */
const tries = new Map<string, number>();
const MAX_TRIES = 10_000;

function reply(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

const server = new SMTPServer({
  name: 'sandbox.todoke.internal',
  banner: 'Todoke sandbox: accepts all, delivers nothing',
  ...selfSignedCertificate('sandbox.todoke.internal'),
  // Its generic codes would stand before ours: the replies below carry their own (RFC 2034).
  hideENHANCEDSTATUSCODES: true,
  disabledCommands: ['AUTH'],
  authOptional: true,
  disableReverseLookup: true,
  // Old docomo and au addresses (`a..b@`, `.a@`) are sent unquoted where the sender says so.
  lenientAddressParsing: true,
  size: MAX_MESSAGE_BYTES,
  rejectOversized: true,
  // A pooled connection sends mail after mail without a login.
  maxAllowedUnauthenticatedCommands: false,
  socketTimeout: 300_000,
  closeTimeout: 500,
  logger: false,

  onRcptTo({ address }, _session, callback) {
    const key = address.toLowerCase();
    const refusal = refusalFor(address, tries.get(key) ?? 0);
    if (refusal?.at !== 'rcpt') return callback();
    if (tries.size >= MAX_TRIES) tries.delete(tries.keys().next().value!);
    tries.set(key, (tries.get(key) ?? 0) + 1);
    callback(reply(refusal.code, refusal.text));
  },

  onData(stream, session, callback) {
    const { mailFrom, rcptTo } = session.envelope;
    const recipients = rcptTo.map(({ address }) => address);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      if (!stream.sizeExceeded) chunks.push(chunk);
    });
    stream.on('end', () => {
      const refusal = recipients
        .map((address) => refusalFor(address, 0))
        .find((found) => found?.at === 'data');
      if (refusal) return callback(reply(refusal.code, refusal.text));
      // The library itself answers 552 for what is over SIZE; nothing of it is kept.
      if (stream.sizeExceeded) return callback();
      const mail = {
        at: Date.now(),
        mailFrom: mailFrom ? mailFrom.address : '',
        rcptTo: recipients,
        raw: Buffer.concat(chunks),
      };
      store.add(mail, (error) => {
        if (error) callback(reply(452, `4.3.1 The sandbox cannot store it: ${error.message}`));
        else callback(null, '2.0.0 Ok: kept in the sandbox');
      });
    });
  },
});

// A client that goes away in the middle of a session is no error of ours.
server.on('error', () => {});
trimHeap();
const listener = server.listen(0, '127.0.0.1', () => {
  port.postMessage({ port: (listener.address() as { port: number }).port });
});
listener.on('error', (error) => {
  throw error;
});

port.on('message', () => {
  server.close(() => {
    store.close();
    port.close();
  });
});
