/**
 * One connection: bytes out, replies in. It keeps the order (a queue of who awaits what, RFC 2920 §3.1) and the one
 * deadline, and closes on a 421, a timeout, bytes that are no SMTP, or the connection's end. It knows nothing of
 * transactions.
 */
import net, { isIP } from 'node:net';
import tls from 'node:tls';
import type { Phase } from '../types.ts';
import { readFirst } from './read-first.ts';
import { ReplyParser } from './replies.ts';
import { DEFAULT_TIMEOUTS, Deadline, SYSTEM_CLOCK } from './timeouts.ts';
import type { Clock, CloseInfo, Reply, Timeouts } from './types.ts';

/** What the deadline can be set for. */
export type Wait = keyof Timeouts;

/** Awaits replies. Each expectation ends in exactly one of the two calls. */
export interface ReplyOwner {
  onReply(wait: Wait, reply: Reply): void;
  onLost(wait: Wait, info: LostInfo): void;
}

export interface LostInfo extends CloseInfo {
  /** the server was silent, as opposed to gone */
  timeout: boolean;
  /** the connection could not even begin, because the source address is none of ours */
  bindFailed?: boolean | undefined;
}

export type Answer = { kind: 'reply'; reply: Reply } | { kind: 'lost'; info: LostInfo };

/** The phase of the ledger in which a wait is. */
export const PHASE_OF: Readonly<Record<Wait, Phase>> = {
  connect: 'connect',
  banner: 'banner',
  ehlo: 'ehlo',
  starttls: 'starttls',
  handshake: 'starttls',
  auth: 'auth',
  mail: 'mail',
  rcpt: 'rcpt',
  data: 'data',
  block: 'dot',
  dot: 'dot',
  rset: 'rset',
  quit: 'quit',
};

/** Larger messages go out in pieces, each of which must make progress (RFC 5321 §4.5.3.2.5) and waits for the last. */
const BLOCK = 256 * 1024;

/**
 * What connections in clear read into, all of them: the parser keeps nothing of a chunk without copying it. Node would allocate 64 KB for every
 * read and shrink it to a reply's length.
 */
const INBOX = Buffer.allocUnsafeSlow(64 * 1024);

export interface ChannelOptions {
  timeouts?: Partial<Timeouts> | undefined;
  clock?: Clock | undefined;
}

export class Channel {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  /** set once, by whatever ended the connection */
  lost: LostInfo | undefined;
  onClose: ((info: LostInfo) => void) | undefined;

  #socket: net.Socket | undefined;
  #parser: ReplyParser;
  #deadline: Deadline;
  #waits: Wait[] = [];
  #owners: ReplyOwner[] = [];
  /** what the deadline was last set for, for its message */
  #waitingFor: Wait = 'connect';
  #closing = false;
  /** our own QUIT was sent: the end of the connection is no error */
  #leaving = false;
  /** writes of a message that the kernel has not taken yet */
  #unwritten = 0;
  /** the rest of a large message is still to be written */
  #sending = false;
  readonly #onWritten: () => void;
  readonly #onEnd = (): void => this.close('connection closed by the server');

  constructor(options: ChannelOptions) {
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#parser = new ReplyParser((reply) => this.#onReply(reply));
    this.#deadline = new Deadline(this.clock, () =>
      this.close(
        `timeout (${this.#waitingFor}, ${this.timeouts[this.#waitingFor] / 1000} s)`,
        undefined,
        true,
      ),
    );
    this.#onWritten = () => {
      this.#unwritten -= 1;
      if (this.lost === undefined && this.#waits.length > 0) this.#await();
    };
  }

  /** False from the moment a 421 is read, so before its owner hears of it. */
  get usable(): boolean {
    return this.lost === undefined && !this.#closing && !this.#leaving;
  }

  /** replies awaited */
  get pending(): number {
    return this.#waits.length;
  }

  get socket(): net.Socket {
    if (this.#socket === undefined) throw new Error('the channel is not connected');
    return this.#socket;
  }

  /** Answers what went wrong, in the words of the ledger. */
  connect(target: {
    address: string;
    port: number;
    localAddress?: string | undefined;
  }): Promise<LostInfo | undefined> {
    const { address, localAddress } = target;
    if (localAddress !== undefined && isIP(localAddress) !== isIP(address)) {
      // The kernel's EINVAL for it would look as if the source were broken.
      if (isIP(localAddress) === 0) this.#lose(`${localAddress} is no IP address`, { bindFailed: true });
      else this.close(`${address} cannot be reached from ${localAddress}`);
      return Promise.resolve(this.lost);
    }
    let socket: net.Socket;
    try {
      socket = net.connect({
        host: address,
        port: target.port,
        // Never dropped: a source that cannot be bound must fail, not use another address.
        localAddress,
        noDelay: true,
        onread: {
          buffer: INBOX,
          callback: (length) => {
            this.#read(INBOX.subarray(0, length));
            return true;
          },
        },
      });
    } catch (error) {
      // Node checks the form of addresses and ports at once.
      this.close(errorText(error as NodeJS.ErrnoException));
      return Promise.resolve(this.lost);
    }
    return this.#opened(socket, 'connect', 'connect');
  }

  /** TLS on the connection, after the server's 220. */
  startTls(options: tls.ConnectionOptions): Promise<LostInfo | undefined> {
    if (this.lost !== undefined) return Promise.resolve(this.lost);
    const clear = this.socket;
    clear.off('end', this.#onEnd);
    const secure = tls.connect({ ...options, socket: clear });
    secure.on('data', (chunk: Buffer) => this.#read(chunk));
    return this.#opened(secure, 'secureConnect', 'handshake');
  }

  /** Writes a command and awaits its reply. */
  ask(wait: Wait, command?: string): Promise<Answer> {
    return new Promise((resolve) => {
      const owner: ReplyOwner = {
        onReply: (_, reply) => resolve({ kind: 'reply', reply }),
        onLost: (_, info) => resolve({ kind: 'lost', info }),
      };
      if (this.lost !== undefined) owner.onLost(wait, this.lost);
      else {
        if (command !== undefined) this.socket.write(`${command}\r\n`);
        this.expect(wait, owner);
      }
    });
  }

  /** The next reply after those already awaited belongs to `owner`. The command itself is the caller's to write. */
  expect(wait: Wait, owner: ReplyOwner): void {
    this.#owners.push(owner);
    if (this.#waits.push(wait) === 1) this.#await();
  }

  /**
   * Writes the message and what ends it, for whose reply `owner` waits, then calls `written`: within the same write
   * when the message is small, so that what `written` writes shares the system call.
   */
  writeMessage(message: Buffer, end: Buffer, owner: ReplyOwner, written: () => void): void {
    const socket = this.socket;
    this.#unwritten += 1;
    this.expect('dot', owner);
    if (message.length <= BLOCK) {
      socket.cork();
      socket.write(message);
      socket.write(end, this.#onWritten);
      written();
      socket.uncork();
      return;
    }
    this.#sending = true;
    let from = 0;
    const next = (): void => {
      if (this.lost !== undefined) return;
      const block = message.subarray(from, from + BLOCK);
      from += block.length;
      if (from < message.length) {
        socket.write(block, () => {
          if (this.lost === undefined) this.#await();
          next();
        });
        return;
      }
      this.#sending = false;
      socket.write(block);
      socket.write(end, this.#onWritten);
      written();
    };
    next();
  }

  /** Sends QUIT and waits for the end of the connection, at most `timeouts.quit`; the reply is ignored. */
  leave(): void {
    if (this.lost !== undefined || this.#leaving) return;
    this.#leaving = true;
    this.expect('quit', { onReply: () => this.close(''), onLost: () => {} });
    this.socket.end('QUIT\r\n');
  }

  close(error: string, reply?: Reply, timeout = false): void {
    this.#lose(error, { reply, timeout });
  }

  #lose(error: string, { reply, timeout = false, bindFailed }: Partial<LostInfo>): void {
    if (this.lost !== undefined) return;
    const info: LostInfo = { error: this.#leaving ? '' : error, reply, timeout, bindFailed };
    this.lost = info;
    this.#deadline.stop();
    this.#parser.reset();
    this.#socket?.destroy();
    const waits = this.#waits;
    const owners = this.#owners;
    this.#waits = [];
    this.#owners = [];
    for (let i = 0; i < waits.length; i += 1) owners[i]!.onLost(waits[i]!, info);
    this.onClose?.(info);
  }

  #opened(socket: net.Socket, event: 'connect' | 'secureConnect', wait: Wait): Promise<LostInfo | undefined> {
    this.#socket = socket;
    readFirst(socket);
    this.#deadlineFor(wait);
    return new Promise((resolve) => {
      // Everything that can go wrong while opening passes through close.
      this.onClose = resolve;
      socket.once(event, () => {
        this.onClose = undefined;
        this.#deadline.clear();
        resolve(this.lost);
      });
      socket.on('end', this.#onEnd);
      socket.on('error', (error: NodeJS.ErrnoException) =>
        this.#lose(errorText(error), { bindFailed: cannotBind(error) }),
      );
      socket.on('close', () => this.close('connection closed'));
    });
  }

  #read(chunk: Buffer): void {
    if (this.lost !== undefined) return;
    const problem = this.#parser.push(chunk);
    if (problem !== undefined) this.close(problem);
  }

  #onReply(reply: Reply): void {
    const wait = this.#waits.shift();
    const owner = this.#owners.shift();
    if (reply.code === 421 || (wait === 'dot' && this.#sending)) this.#closing = true;
    if (wait === undefined || owner === undefined) {
      // Nobody asked: a 421 is a farewell (RFC 5321 §3.8), anything else means that we no longer know what is answered.
      if (reply.code === 421) this.close(reply.text, reply);
      else this.close(`reply without a command: ${reply.text}`);
      return;
    }
    // RFC 3207 §4.2: what came in clear behind the 220 may be an attacker's, so it is never looked at.
    if (wait === 'starttls' && reply.code === 220) this.#parser.reset();
    if (this.#waits.length > 0) this.#await();
    else this.#deadline.clear();
    owner.onReply(wait, reply);
    if (reply.code === 421) this.close(reply.text, reply);
    // The rest of a message whose verdict has come already cannot be taken back and would be read as commands.
    else if (this.#closing) this.close('reply before the end of the message');
  }

  /** The deadline belongs to the oldest awaited reply. */
  #await(): void {
    const wait = this.#waits[0]!;
    this.#deadlineFor(wait === 'dot' && this.#unwritten > 0 ? 'block' : wait);
  }

  #deadlineFor(wait: Wait): void {
    this.#waitingFor = wait;
    this.#deadline.set(this.timeouts[wait], this.clock.now());
  }
}

/** EADDRINUSE is not among them: all ports of the source are in use, which passes. */
function cannotBind({ syscall, code = '' }: NodeJS.ErrnoException): boolean {
  return syscall === 'bind' && ['EADDRNOTAVAIL', 'EINVAL', 'EACCES'].includes(code);
}

function errorText(error: NodeJS.ErrnoException & { reason?: string }): string {
  const { code = '', message, reason } = error;
  // OpenSSL's own message names its source files.
  if (reason !== undefined) return `${code}: ${reason}`;
  return code === '' || message.includes(code) ? message : `${code}: ${message}`;
}
