/** The SMTP server: who may come in, for whom mail is taken, and that it is on disk before the 250. */
import { statfsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { Certificate } from './certificate.ts';
import { InboundConnection } from './connection.ts';
import { type CounterName, type Counters, emptyCounters } from './counters.ts';
import { type Admission, Gate } from './gate.ts';
import type { InboundLimits } from './limits.ts';
import { type InboundRecipient, type InboundSettings, judgeRecipient } from './recipients.ts';
import type { InboundStore, ReceivedMail } from './store.ts';

const REFUSED: Record<Exclude<Admission, 'in'>, string> = {
  full: '4.3.2 too many sessions, try again later',
  'too-many': '4.7.0 too many sessions from your address',
  'too-fast': '4.7.0 too many connections from your address, slow down',
  'too-many-errors': '4.7.0 too many errors from your address',
};

/** ms between two looks at sessions and disk */
const WATCH_EVERY = 1000;

/** times the biggest mail: who sends on has not understood SIZE and will not read the reply after the dot either */
const CUT_AFTER = 4;

export interface InboundServerOptions {
  store: InboundStore;
  settings: InboundSettings;
  limits: InboundLimits;
  certificate: Certificate;
  /** whose disk must not become full */
  dataDir: string;
  onReceived(): void;
}

export class InboundServer extends SMTPServer {
  readonly counters: Counters = emptyCounters();
  readonly #store: InboundStore;
  readonly #limits: InboundLimits;
  readonly #gate: Gate;
  readonly #dataDir: string;
  readonly #onReceived: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #connections = new WeakMap<SMTPServerSession, InboundConnection>();
  /** smtp-server's address objects, which it passes on as they are → whose they were found to be at RCPT */
  readonly #recipients = new WeakMap<object, InboundRecipient>();
  #settings: InboundSettings;
  /** why no mail can be taken at present, undefined when it can */
  #closed: string | undefined;

  constructor(options: InboundServerOptions) {
    const { settings, limits, certificate } = options;
    super({
      ...certificate,
      name: settings.name,
      banner: '',
      heloResponse: '%s',
      size: limits.messageBytes,
      rejectOversized: true,
      disabledCommands: ['AUTH', 'XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL'],
      authOptional: true,
      disableReverseLookup: true,
      // VERP addresses are ours; what people type after postmaster@ or in MAIL is no reason to refuse a bounce.
      lenientAddressParsing: true,
      // Mail ends here: a notice of success is for servers that pass it on (RFC 3461 §5.2.3).
      hideDSN: true,
      hideREQUIRETLS: true,
      hideENHANCEDSTATUSCODES: false,
      maxRecipients: limits.recipients,
      // Bytes that trickle in keep it from firing: InboundConnection looks at commands.
      socketTimeout: Math.max(limits.idle, limits.data),
      closeTimeout: 500,
      logger: false,
    });
    this.#store = options.store;
    this.#settings = settings;
    this.#limits = limits;
    this.#dataDir = options.dataDir;
    this.#onReceived = options.onReceived;
    this.#gate = new Gate(limits);
    // A client that goes away in the middle of a session is no error of ours.
    this.on('error', () => {});
    this.#look();
    this.#timer = setInterval(() => this.#look(), WATCH_EVERY);
  }

  /** From the next command on. */
  use(settings: InboundSettings): void {
    this.#settings = settings;
    this.options.name = settings.name;
  }

  get sessions(): number {
    return this.#gate.open;
  }

  /** Lets mails that are on their way to the disk get their reply. */
  stop(): Promise<void> {
    clearInterval(this.#timer);
    return new Promise((stopped) => this.close(() => stopped()));
  }

  override connect(socket: Socket, options?: SMTPConnectionOptions): void {
    const address = socket.remoteAddress ?? '';
    const now = performance.now();
    let admission = this.#gate.enter(address, now);
    if (admission === 'full' && this.#shed(now)) admission = this.#gate.enter(address, now);
    if (admission !== 'in') {
      this.#count('refusedSessions');
      socket.on('error', () => {});
      socket.end(`421 ${REFUSED[admission]}\r\n`);
      // Whoever does not go gets no time to stay.
      socket.resume().setTimeout(1000, () => socket.destroy());
      return;
    }
    this.#count('sessions');
    const connection = new InboundConnection(this, socket, options, {
      limits: this.#limits,
      onError: () => this.#gate.error(address, performance.now()),
      onEnded: (why) => this.#count(why === 'bare-newline' ? 'bareNewlines' : 'endedSessions'),
      onGone: () => this.#gate.leave(address),
    });
    this.connections.add(connection);
    this.#connections.set(connection.session, connection);
    connection.on('error', (error: Error) => this._onError(error));
    connection.init();
  }

  override onMailFrom(
    _address: unknown,
    session: SMTPServerSession,
    callback: (error?: Error) => void,
  ): void {
    if (this.#closed !== undefined) callback(reply(452, this.#closed));
    else if (this.#gate.mail(session.remoteAddress, performance.now())) callback();
    else callback(reply(451, '4.7.1 too many mails from your address, slow down'));
  }

  override onRcptTo(
    given: { address: string },
    _session: SMTPServerSession,
    callback: (error?: Error) => void,
  ): void {
    const judgement = judgeRecipient(given.address, this.#settings);
    if (judgement.ok) {
      this.#recipients.set(given, judgement.recipient);
      callback();
      return;
    }
    this.#count('refusedRecipients');
    callback(reply(judgement.code, judgement.text));
  }

  override onData(
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
    callback: (error?: Error | null, message?: string) => void,
  ): void {
    const connection = this.#connections.get(session);
    const upload = this.#store.upload();
    let over = false;
    const giveUp = (): void => {
      if (!over) upload.discard();
      over = true;
    };
    // The client went away.
    stream.on('error', giveUp);
    stream.on('data', (chunk: Buffer) => {
      if (stream.byteLength > this.#limits.messageBytes * CUT_AFTER) connection?.cut();
      // The rest is read and dropped, as clients wait for a reply until their last byte is gone; smtp-server answers 552.
      if (stream.sizeExceeded) giveUp();
      if (!over && !upload.add(chunk, () => stream.resume())) stream.pause();
    });
    stream.on('end', () => {
      if (over) {
        this.#count('refusedMails');
        callback();
        return;
      }
      over = true;
      upload.finish(this.#envelope(session), (failure) => {
        this.#count(failure === undefined ? 'mails' : 'refusedMails');
        if (failure instanceof Error) callback(reply(452, '4.3.1 it cannot be stored at present'));
        else if (failure) callback(reply(failure.code, `${failure.status} ${failure.text}`));
        else {
          connection?.delivered();
          this.#onReceived();
          callback(null, '2.6.0 taken');
        }
      });
    });
  }

  #envelope(session: SMTPServerSession): ReceivedMail {
    const { mailFrom, rcptTo } = session.envelope;
    return {
      at: Date.now(),
      ip: session.remoteAddress,
      helo: session.hostNameAppearsAs || '',
      tls: cipherOf(session),
      mailFrom: mailFrom ? mailFrom.address : '',
      recipients: rcptTo.flatMap((given) => this.#recipients.get(given) ?? []),
    };
  }

  /** Ends the session that has done nothing for the longest time, if it is long enough. */
  #shed(now: number): boolean {
    let idlest: InboundConnection | undefined;
    for (const connection of this.connections as Set<InboundConnection>) {
      if (connection.busy || connection.idleFor(now) < this.#limits.shedAfter) continue;
      if (!idlest || connection.idleFor(now) > idlest.idleFor(now)) idlest = connection;
    }
    idlest?.shed();
    return idlest !== undefined;
  }

  #look(): void {
    const now = performance.now();
    for (const connection of this.connections as Set<InboundConnection>) connection.check(now);
    this.#gate.tidy(now);
    this.#closed = this.#whyClosed();
  }

  #whyClosed(): string | undefined {
    try {
      const { bavail, bsize } = statfsSync(this.#dataDir);
      if (bavail * bsize < this.#limits.diskReserve) return '4.3.1 the disk is full';
      if (this.#store.unreadBytes() > this.#limits.unreadBytes) return '4.3.1 too much mail waits to be read';
      return undefined;
    } catch {
      return '4.3.1 the disk does not answer';
    }
  }

  #count(name: CounterName): void {
    this.counters[name] += 1;
  }
}

function cipherOf({ secure, tlsOptions }: SMTPServerSession): string {
  if (!secure || !tlsOptions) return '';
  return `${tlsOptions.version} ${tlsOptions.name}`;
}

function reply(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}
