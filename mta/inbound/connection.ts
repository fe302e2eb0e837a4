/** A session of smtp-server's with what it leaves open: strict line ends, counted errors, an eye on idleness. */
import { Writable } from 'node:stream';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import type { InboundLimits } from './limits.ts';
import { LineEndings } from './line-endings.ts';

const STATUS = /^[245]\.\d{1,3}\.\d{1,3} /;

export interface SessionWatch {
  limits: InboundLimits;
  /** a command or a recipient was refused */
  onError(session: InboundConnection): void;
  /** we ended the session */
  onEnded(why: SessionEnd): void;
  /** it takes nobody's place any more; once */
  onGone(): void;
}

export type SessionEnd = 'bare-newline' | 'errors' | 'no-mail' | 'too-long' | 'idle' | 'shed';

/** ms that a client which we have ended gets to read why */
const LINGER = 1000;

type Parameters = ConstructorParameters<typeof SMTPConnection>;

export class InboundConnection extends SMTPConnection {
  readonly #watch: SessionWatch;
  #errors = 0;
  #commands = 0;
  #gone = false;
  /** of the monotonic clock */
  #activeAt = performance.now();
  #mailAt = performance.now();

  constructor(server: Parameters[0], socket: Parameters[1], options: Parameters[2], watch: SessionWatch) {
    super(server, socket, options);
    this.#watch = watch;
  }

  /** Every byte of the client, in clear or out of TLS, comes to a parser by its `write`, before anything is made of it. */
  override _createParser(): SMTPStream {
    const parser = super._createParser();
    const lines = new LineEndings();
    // `pipe` gives nothing but chunks
    const write = (chunk: Buffer): boolean => {
      const bare = lines.check(chunk);
      if (bare === undefined) return Writable.prototype.write.call(parser, chunk, 'buffer' as BufferEncoding);
      const text = `5.5.2 bare <${bare}> received: lines must end in CRLF (RFC 5321 section 2.3.8)`;
      this.#end('bare-newline', 550, text);
      return true;
    };
    return Object.assign(parser, { write });
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    this.#activeAt = performance.now();
    this.#commands += 1;
    if (this.#commands <= this.#watch.limits.commandsWithoutMail) super._onCommand(command, callback);
    else this.#end('no-mail', 421, '4.7.0 too many commands without a mail');
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (code >= 400 && code !== 421) {
      this.#errors += 1;
      this.#watch.onError(this);
      if (this.#errors >= this.#watch.limits.errors) {
        this.#end('errors', 421, '4.7.0 too many errors');
        return;
      }
    }
    // Our own texts bring their status (RFC 2034).
    super.send(code, data, typeof data === 'string' && STATUS.test(data) ? false : context);
  }

  override close(): void {
    super.close();
    this.#leave();
  }

  override _onClose(): void {
    super._onClose();
    this.#leave();
  }

  /** A mail was taken. */
  delivered(): void {
    this.#activeAt = performance.now();
    this.#mailAt = this.#activeAt;
    this.#commands = 0;
  }

  /** ms in which it has done nothing: what trickles in is no command */
  idleFor(now: number): number {
    return now - this.#activeAt;
  }

  /** a mail is on its way to the disk: whoever sent it waits for us */
  get busy(): boolean {
    return this._handlerPending || (!!this._dataStream && !!this._parser && !this._parser._dataMode);
  }

  get receiving(): boolean {
    return !!this._dataStream && !!this._parser && this._parser._dataMode;
  }

  /** Ends it when its time is over. */
  check(now: number): void {
    const { idle, data, withoutMail } = this.#watch.limits;
    if (this.busy) return;
    if (this.idleFor(now) >= (this.receiving ? data : idle) || now - this.#mailAt >= withoutMail)
      this.#end('idle', 421, '4.4.2 timeout, closing');
  }

  /** Makes room for somebody else. */
  shed(): void {
    this.#end('shed', 421, '4.3.2 too many sessions, try again later');
  }

  /** What comes is many times what may come. */
  cut(): void {
    this.#end('too-long', 552, '5.3.4 the mail is too big');
  }

  #end(why: SessionEnd, code: number, text: string): void {
    if (this._closing || this._closed) return;
    super.send(code, text, false);
    this.close();
    const socket = this._socket;
    setTimeout(() => socket.destroy(), LINGER).unref();
    this.#watch.onEnded(why);
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#watch.onGone();
  }
}
