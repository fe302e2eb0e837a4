/**
 * A scripted SMTP server. Each connection follows its dialogue, which reads like the protocol:
 *
 *   'S: 220 mx'        says it (lines that follow one another share one write)
 *   'C: EHLO me'       awaits a line that begins so
 *   'C= MAIL FROM:'    the same, and that nothing more has come with it
 *   'C> message'       awaits a message up to its lone dot; kept in `messages`
 *   '*** starttls'     becomes a TLS server; '*** eof' awaits the client's end; '*** drop' resets; '*** close' ends politely
 *   a function         does as it likes; the dialogue goes on when its promise is fulfilled
 */
import net from 'node:net';
import tls from 'node:tls';
import { selfSignedCertificate } from '../sandbox/certificate.ts';

export type Step = string | ((connection: PeerConnection) => unknown);

/** With further options of the TLS server, when a test wants some. */
export type PeerCertificate = { key: string; cert: string } & tls.TLSSocketOptions & { ticketKeys?: Buffer };

export interface PeerOptions {
  /** bytes written at a time, each in a packet of its own; default: everything at once */
  split?: number;
  /** default: a certificate for `mx.test` */
  certificate?: PeerCertificate;
  host?: string;
  /** default: a free one. Mail servers that are found by MX need 25, each on an address of its own (127.x.y.z) */
  port?: number;
  /** what every connection beyond the dialogues follows; default: it spoils `done` */
  others?: Step[];
}

export interface Peer {
  port: number;
  /** the certificate that TLS clients see */
  cert: string;
  /** messages received, dot-stuffed as they travelled, without the ending dot */
  messages: Buffer[];
  /** lines received, over all connections */
  lines: string[];
  /** connections that came */
  connections: number;
  /** fulfilled when every dialogue has run to its end; rejects with the first step that went otherwise */
  done: Promise<void>;
  stop(): Promise<void>;
}

let madeCertificate: { key: string; cert: string } | undefined;

/** One dialogue for each connection, in the order of connecting; further ones follow `others` or are dropped and spoil `done`. */
export async function startPeer(dialogues: Step[][], options: PeerOptions = {}): Promise<Peer> {
  madeCertificate ??= selfSignedCertificate('mx.test');
  const certificate = options.certificate ?? madeCertificate;
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  // A test that never looks at `done` must not die of it.
  done.catch(() => {});
  const open = new Set<net.Socket>();
  let finished = 0;
  const peer: Peer = {
    port: 0,
    cert: certificate.cert,
    messages: [],
    lines: [],
    connections: 0,
    done,
    stop: () =>
      new Promise((stopped) => {
        for (const socket of open) socket.destroy();
        server.close(() => stopped());
      }),
  };
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const scripted = peer.connections < dialogues.length;
    const dialogue = dialogues[peer.connections] ?? options.others;
    peer.connections += 1;
    if (dialogue === undefined) {
      socket.destroy();
      reject(new Error(`connection ${peer.connections} was not expected`));
      return;
    }
    const connection = new PeerConnection(socket, peer, options.split, certificate);
    connection.play(dialogue).then(
      () => {
        if (scripted) finished += 1;
        if (finished === dialogues.length) resolve();
      },
      (error: Error) => {
        socket.destroy();
        reject(error);
      },
    );
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', listening);
  });
  peer.port = (server.address() as net.AddressInfo).port;
  if (dialogues.length === 0) resolve();
  return peer;
}

export class PeerConnection {
  socket: net.Socket;
  #peer: Peer;
  #split: number | undefined;
  #certificate: PeerCertificate;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: net.Socket, peer: Peer, split: number | undefined, certificate: PeerCertificate) {
    this.socket = socket;
    this.#peer = peer;
    this.#split = split;
    this.#certificate = certificate;
    this.#listen();
  }

  async play(dialogue: Step[]): Promise<void> {
    for (let i = 0; i < dialogue.length; i += 1) {
      const step = dialogue[i]!;
      if (typeof step !== 'string') await step(this);
      else if (step.startsWith('S: ')) {
        let text = '';
        for (let said = dialogue[i]; typeof said === 'string' && said.startsWith('S: '); said = dialogue[i]) {
          text += `${said.slice(3)}\r\n`;
          i += 1;
        }
        i -= 1;
        await this.say(text);
      } else if (step.startsWith('C: ')) await this.#expect(step.slice(3));
      else if (step.startsWith('C= ')) {
        await this.#expect(step.slice(3));
        if (this.#received.length > 0)
          throw new Error(`after ${step} came ${JSON.stringify(this.#received.toString())}`);
      } else if (step === 'C> message') this.#peer.messages.push(await this.message());
      else if (step === '*** starttls') await this.#startTls();
      else if (step === '*** eof') await this.#until(() => this.#ended);
      else if (step === '*** drop') this.socket.resetAndDestroy();
      else if (step === '*** close') this.socket.end();
      else throw new Error(`no such step: ${step}`);
    }
  }

  /** Writes bytes as they are. */
  async say(text: string | Buffer): Promise<void> {
    const bytes = Buffer.from(text as string);
    const size = this.#split ?? bytes.length;
    for (let from = 0; from < bytes.length; from += size) {
      await new Promise<void>((written) => {
        this.socket.write(bytes.subarray(from, from + size), () => setImmediate(written));
      });
    }
  }

  /** The next line, without CRLF. */
  async line(): Promise<string> {
    await this.#until(() => this.#received.includes('\r\n'));
    const end = this.#received.indexOf('\r\n');
    const line = this.#received.toString('utf8', 0, end);
    this.#received = this.#received.subarray(end + 2);
    this.#peer.lines.push(line);
    return line;
  }

  /** Awaits bytes of any kind, such as the start of a TLS handshake. */
  async anything(): Promise<void> {
    await this.#until(() => this.#received.length > 0);
  }

  async message(): Promise<Buffer> {
    // A lone dot right after DATA ends an empty message.
    const whole = (): number =>
      this.#received.indexOf('.\r\n') === 0 ? 0 : this.#received.indexOf('\r\n.\r\n') + 2;
    await this.#until(() => whole() !== 1);
    const end = whole();
    const message = Buffer.from(this.#received.subarray(0, end));
    this.#received = this.#received.subarray(end + 3);
    return message;
  }

  async #expect(start: string): Promise<void> {
    const line = await this.line();
    if (!line.startsWith(start))
      throw new Error(`expected ${JSON.stringify(start)}, got ${JSON.stringify(line)}`);
  }

  async #startTls(): Promise<void> {
    const clear = this.socket;
    clear.removeAllListeners('data');
    // The client's first TLS record may have been read already.
    clear.pause();
    if (this.#received.length > 0) clear.unshift(this.#received);
    this.#received = Buffer.alloc(0);
    const secure = new tls.TLSSocket(clear, { isServer: true, ...this.#certificate });
    this.socket = secure;
    this.#listen();
    await new Promise<void>((resolve, reject) => {
      secure.once('secure', () => resolve());
      secure.once('error', reject);
      secure.once('end', () => reject(new Error('ended within the TLS handshake')));
      secure.once('close', () => reject(new Error('closed within the TLS handshake')));
    });
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    this.socket.on('end', ended);
    this.socket.on('close', ended);
    this.socket.on('error', ended);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended)
        throw new Error(`the client ended; unread: ${JSON.stringify(this.#received.toString())}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
