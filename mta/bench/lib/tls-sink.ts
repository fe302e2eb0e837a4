/**
 * smtp-sink has no TLS, so this one stands in for it: takes every mail after STARTTLS and looks at nothing but the lines that
 * it must answer. Run as a process of its own; judge it by its CPU time, which the bench prints.
 *   node tls-sink.ts → {"port":…}
 */
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { selfSignedCertificate } from '../../sandbox/certificate.ts';

const END = Buffer.from('\r\n.\r\n');
const secureContext = createSecureContext(selfSignedCertificate('sink.test'));

/** Answers commands; the body of a mail is only searched for its end. */
function converse(socket: Socket | TLSSocket, secure: boolean): void {
  let rest: Buffer = Buffer.alloc(0);
  let inData = false;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let replies = '';
    let at = 0;
    for (;;) {
      if (inData) {
        const end = rest.indexOf(END, at);
        if (end < 0) {
          // the end may lie across two reads
          at = Math.max(at, rest.length - END.length + 1);
          break;
        }
        at = end + END.length;
        inData = false;
        replies += '250 2.0.0 Ok\r\n';
        continue;
      }
      const end = rest.indexOf('\r\n', at);
      if (end < 0) break;
      const verb = rest.toString('latin1', at, at + 4).toUpperCase();
      at = end + 2;
      if (verb === 'DATA') {
        inData = true;
        // the message's own first line break is part of what ends it
        replies += '354 End with a dot\r\n';
      } else if (verb === 'EHLO') {
        replies += `250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 50000000\r\n${secure ? '' : '250-STARTTLS\r\n'}250 ENHANCEDSTATUSCODES\r\n`;
      } else if (verb === 'STAR') {
        socket.removeAllListeners('data');
        socket.write('220 2.0.0 Ready\r\n');
        converse(new TLSSocket(socket, { isServer: true, secureContext }), true);
        return;
      } else if (verb === 'QUIT') {
        socket.end('221 2.0.0 Bye\r\n');
        return;
      } else replies += '250 2.1.0 Ok\r\n';
    }
    rest = at === 0 ? rest : rest.subarray(at);
    if (replies !== '') socket.write(replies);
  });
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.write('220 sink ESMTP\r\n');
  converse(socket, false);
});
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: (server.address() as { port: number }).port }));
});
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
