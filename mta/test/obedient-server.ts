/**
 * The process behind obedient-peer.ts: a small fast SMTP server that does what the recipient's address says.
 * argv: port, log file, 'tls' or ''. Tells its parent `{ port }` when it listens; to any message it answers `{ idle }` when no
 * connection is open.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { selfSignedCertificate } from '../sandbox/certificate.ts';
import { type Order, parseOrder } from './obedient-order.ts';

const [port = '0', logFile = '', withTls = ''] = process.argv.slice(2);
const log = openSync(logFile, 'a');
const certificate = withTls === 'tls' ? selfSignedCertificate('obedient.test') : undefined;
/** addresses that were refused once already */
const refusedOnce = new Set<string>();
/** connections that may still take something */
const open = new Set<Connection>();
/** the parent waits for the last of them to end */
let askedForIdle = false;
const END = Buffer.from('\r\n.\r\n');

class Connection {
  #socket: net.Socket;
  #secure: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #recipients: { address: string; order: Order }[] = [];
  #inMessage = false;
  #gone = false;
  #answering: NodeJS.Timeout | undefined;

  constructor(socket: net.Socket, secure: boolean) {
    this.#socket = socket;
    this.#secure = secure;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    open.add(this);
    socket.once('close', () => {
      this.#gone = true;
      clearTimeout(this.#answering);
      open.delete(this);
      tellIdle();
    });
  }

  say(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#socket.cork();
    while (!this.#gone && !this.#answering && this.#step());
    this.#socket.uncork();
  }

  /** False when more bytes are needed. */
  #step(): boolean {
    if (this.#inMessage) {
      const lone = this.#rest.indexOf('.\r\n') === 0;
      const end = lone ? -2 : this.#rest.indexOf(END);
      if (end === -1) return false;
      const message = this.#rest.subarray(0, Math.max(0, end));
      this.#rest = this.#rest.subarray(end + END.length);
      this.#inMessage = false;
      this.#take(message);
      return true;
    }
    const end = this.#rest.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#rest.toString('utf8', 0, end);
    this.#rest = this.#rest.subarray(end + 2);
    this.#command(line);
    return true;
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    switch (verb) {
      case 'EHLO':
        this.say('250-obedient.test');
        if (certificate !== undefined && !this.#secure) this.say('250-STARTTLS');
        this.say('250-PIPELINING');
        this.say('250-8BITMIME');
        this.say('250-ENHANCEDSTATUSCODES');
        this.say('250 SIZE 0');
        return;
      case 'HELO':
        this.say('250 obedient.test');
        return;
      case 'STAR':
        this.#startTls();
        return;
      case 'MAIL':
      case 'RSET':
        this.#recipients = [];
        this.say('250 2.1.0 Ok');
        return;
      case 'RCPT':
        this.#recipient(/<(.*)>/.exec(line)?.[1] ?? '');
        return;
      case 'DATA': {
        if (this.#recipients.length === 0) {
          this.say('554 5.5.1 No valid recipients');
          return;
        }
        const refused = this.#recipients.find(
          ({ address, order }) => order.at === 'data' && !(order.once && refusedOnce.has(address)),
        );
        if (refused !== undefined) {
          refusedOnce.add(refused.address);
          this.#obey(refused.order);
          return;
        }
        this.#inMessage = true;
        this.say('354 Go on');
        return;
      }
      case 'QUIT':
        this.#socket.end('221 2.0.0 Bye\r\n');
        return;
      default:
        this.say('502 5.5.2 What?');
        return;
    }
  }

  #recipient(address: string): void {
    const order = parseOrder(address);
    if (order.at === 'rcpt' && !(order.once && refusedOnce.has(address))) {
      refusedOnce.add(address);
      this.#obey(order);
      return;
    }
    this.#recipients.push({ address, order });
    this.say('250 2.1.5 Ok');
  }

  #take(message: Buffer): void {
    const refused = this.#recipients.find(
      ({ address, order }) => order.at === 'dot' && !(order.once && refusedOnce.has(address)),
    );
    if (refused !== undefined && !refused.order.taken) {
      refusedOnce.add(refused.address);
      this.#obey(refused.order);
      return;
    }
    const head = message.toString('latin1', 0, Math.min(message.length, 16_384));
    const id = /^message-id:\s*(<[^>]*>)/im.exec(head)?.[1] ?? '';
    // Written before the reply, so whatever was answered 250 is in the file, even when this process is killed.
    for (const { address } of this.#recipients) writeSync(log, `${address}\t${id}\n`);
    if (refused !== undefined) {
      refusedOnce.add(refused.address);
      this.#obey(refused.order);
      return;
    }
    const slow = Math.max(...this.#recipients.map(({ order }) => order.slow));
    if (slow > 0) {
      this.#answering = setTimeout(() => {
        this.#answering = undefined;
        this.say('250 2.0.0 Taken');
        this.#read(Buffer.alloc(0));
      }, slow);
      return;
    }
    this.say('250 2.0.0 Taken');
  }

  #obey(order: Order): void {
    if (order.code > 0) this.say(`${order.code} ${order.status} As the address says`);
    if (order.code > 0 && order.code !== 421) return;
    // What was said before still goes out.
    this.#gone = true;
    this.#socket.uncork();
    this.#socket.destroySoon();
  }

  #startTls(): void {
    if (certificate === undefined || this.#secure) {
      this.say('502 5.5.1 No');
      return;
    }
    this.#socket.removeAllListeners('data');
    this.#socket.uncork();
    this.say('220 2.0.0 Go');
    open.delete(this);
    const secure = new tls.TLSSocket(this.#socket, { isServer: true, ...certificate });
    new Connection(secure, true);
  }
}

const server = net.createServer({ noDelay: true }, (socket) =>
  new Connection(socket, false).say('220 obedient.test ESMTP'),
);
server.listen(Number(port), '127.0.0.1', () =>
  process.send?.({ port: (server.address() as net.AddressInfo).port }),
);
function tellIdle(): void {
  if (!askedForIdle || open.size > 0) return;
  askedForIdle = false;
  process.send?.({ idle: true });
}
process.on('message', () => {
  askedForIdle = true;
  tellIdle();
});
process.on('disconnect', () => {
  closeSync(log);
  process.exit(0);
});
