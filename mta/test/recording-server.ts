/**
 * An SMTP server that takes everything (or answers RCPT as it is told) and remembers from which address, under which name and for whom
 * each mail came. With PIPELINING, so that mail comes as it does in earnest.
 */
import net from 'node:net';

export interface Received {
  /** the client's address and EHLO name */
  from: string;
  ehlo: string;
  recipient: string;
  /** which connection, from 1 */
  connection: number;
}

export interface RecordingServer {
  port: number;
  received: Received[];
  /** connections that came, and those that are open */
  connections: number;
  open: Set<net.Socket>;
  /** the most that were open at a time */
  most: number;
  /** reply to RCPT; undefined: taken. 'drop': the connection ends without a word, after what was said before has arrived */
  answer: (recipient: string, from: string) => string | undefined;
  /** the reply to the final dot waits for it */
  hold: Promise<unknown> | undefined;
  stop(): Promise<void>;
}

export async function startRecordingServer(
  options: { host?: string; port?: number } = {},
): Promise<RecordingServer> {
  const server: RecordingServer = {
    port: 0,
    received: [],
    connections: 0,
    open: new Set(),
    most: 0,
    answer: () => undefined,
    hold: undefined,
    stop: () =>
      new Promise((stopped) => {
        for (const socket of server.open) socket.destroy();
        listener.close(() => stopped());
      }),
  };
  const listener = net.createServer({ noDelay: true }, (socket) => {
    server.connections += 1;
    server.open.add(socket);
    server.most = Math.max(server.most, server.open.size);
    socket.on('close', () => server.open.delete(socket));
    socket.on('error', () => {});
    converse(server, socket, server.connections);
  });
  await new Promise<void>((listening, failed) => {
    listener.once('error', failed);
    listener.listen(options.port ?? 0, options.host ?? '127.0.0.1', listening);
  });
  server.port = (listener.address() as net.AddressInfo).port;
  return server;
}

function converse(server: RecordingServer, socket: net.Socket, connection: number): void {
  const from = socket.remoteAddress!;
  let ehlo = '';
  let recipient = '';
  let data = false;
  let text = '';
  let busy = false;
  let dropped = false;
  const say = (line: string): void => void (socket.writable && socket.write(`${line}\r\n`));
  const command = (line: string): void => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') {
      ehlo = line.slice(5);
      say('250-mx.test\r\n250 PIPELINING');
    } else if (verb === 'RCPT') {
      const named = /<(.*)>/.exec(line)![1]!;
      const answer = server.answer(named, from);
      recipient = answer === undefined ? named : '';
      // Not destroy(): with commands unread the kernel would reset, and a "250 Taken" still on its way could be lost to the client.
      if (answer === 'drop') {
        dropped = true;
        socket.end();
      } else say(answer ?? '250 Ok');
      if (answer?.startsWith('421')) socket.end();
    } else if (verb === 'DATA') {
      data = recipient !== '';
      say(data ? '354 Go on' : '503 No recipient');
    } else if (verb === 'QUIT') {
      say('221 Bye');
      socket.end();
      // The client may be back before the kernel has told of the end.
      server.open.delete(socket);
    } else say('250 Ok');
  };
  const read = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    while (!dropped) {
      const end = text.indexOf(data ? '\r\n.\r\n' : '\r\n');
      if (end < 0) break;
      const line = text.slice(0, end);
      text = text.slice(end + (data ? 5 : 2));
      if (!data) {
        command(line);
        continue;
      }
      data = false;
      await server.hold;
      server.received.push({ from, ehlo, recipient, connection });
      say('250 Taken');
    }
    busy = false;
  };
  say('220 mx.test ESMTP');
  socket.on('data', (chunk) => {
    if (dropped) return;
    text += chunk.toString('latin1');
    void read();
  });
}
