/**
 * Transactions over an open channel. The next mail's commands may travel while the last reply is awaited, so there are
 * at most two transactions: one that awaits the reply to its dot, and one that is giving its commands.
 */
import type { Phase } from '../types.ts';
import { dotStuff, END_OF_DATA_AFTER_CRLF, endOfData } from './body.ts';
import { type Channel, type LostInfo, PHASE_OF, type ReplyOwner, type Wait } from './channel.ts';
import { type EnvelopeCommands, envelopeCommands } from './envelope.ts';
import type { CloseInfo, Mail, Reply, SendOutcome, Session, SessionInfo } from './types.ts';

const NOTHING = Buffer.alloc(0);

export class ClientSession implements Session {
  readonly info: SessionInfo;
  readonly closed: Promise<CloseInfo>;
  onReady: (() => void) | undefined;
  onClose: ((info: CloseInfo) => void) | undefined;
  messages = 0;
  inFlight = 0;

  #channel: Channel;
  #pipelining: boolean;
  /** the transaction that gives its commands */
  #current: Transaction | undefined;
  /** a transaction was left half-way: RSET goes before the next MAIL */
  #needsReset = false;
  #quitting = false;

  constructor(channel: Channel, info: SessionInfo) {
    this.#channel = channel;
    this.#pipelining = info.capabilities.pipelining;
    this.info = info;
    const { promise, resolve } = Promise.withResolvers<CloseInfo>();
    this.closed = promise;
    channel.onClose = ({ error, reply }) => {
      const closeInfo = { error, reply };
      this.onClose?.(closeInfo);
      resolve(closeInfo);
    };
  }

  get open(): boolean {
    return this.#channel.usable && !this.#quitting;
  }

  get canSend(): boolean {
    return this.#current === undefined && this.open && (this.#pipelining || this.inFlight === 0);
  }

  send(mail: Mail): Promise<SendOutcome> {
    if (!this.canSend) {
      const error = this.#channel.lost?.error ?? 'the session cannot take a mail now';
      return Promise.resolve({ kind: 'lost', phase: 'mail', error, free: true, duplicateRisk: false, ms: 0 });
    }
    const envelope = envelopeCommands(mail, this.info.capabilities);
    if (!envelope.ok) return Promise.resolve({ kind: 'local', reply: envelope.reply });
    return new Promise((resolve) => {
      const transaction = new Transaction(
        this,
        this.#channel,
        mail.message,
        envelope.commands,
        this.messages > 0,
        resolve,
      );
      this.messages += 1;
      this.inFlight += 1;
      this.#current = transaction;
      const reset = this.#needsReset;
      this.#needsReset = false;
      transaction.begin(this.#pipelining, reset);
    });
  }

  quit(): Promise<void> {
    this.#quitting = true;
    this.#leaveWhenIdle();
    return this.closed.then(() => {});
  }

  destroy(error = 'connection ended by us'): void {
    this.#channel.close(error);
  }

  /** Called by a transaction: it has written its message, and what is written now shares the system call. */
  written(): void {
    this.#current = undefined;
    // The outcome may have been known before, and QUIT asked for since.
    if (this.#quitting) this.#leaveWhenIdle();
    else if (this.canSend) this.onReady?.();
  }

  /** Called by a transaction: it was refused and gives no more commands. `half`: MAIL was accepted and no dot will follow. */
  givenUp(half: boolean): void {
    this.#current = undefined;
    if (half) this.#needsReset = true;
    if (this.#quitting) this.#leaveWhenIdle();
    else this.#readySoon();
  }

  /** Called by a transaction: its outcome is known. */
  settled(): void {
    this.inFlight -= 1;
    if (this.#quitting) this.#leaveWhenIdle();
    else if (!this.#pipelining) this.#readySoon();
  }

  /** Once the outcome is heard: it may be a reason to send nothing more now. */
  #readySoon(): void {
    queueMicrotask(() => {
      if (this.canSend) this.onReady?.();
    });
  }

  #leaveWhenIdle(): void {
    if (this.#current === undefined && this.inFlight === 0) this.#channel.leave();
  }
}

class Transaction implements ReplyOwner {
  #session: ClientSession;
  #channel: Channel;
  #message: Buffer;
  #commands: EnvelopeCommands;
  /** earlier transactions went over this connection */
  #reused: boolean;
  #resolve: ((outcome: SendOutcome) => void) | undefined;
  #began: number;
  #pipelining = false;
  #mailAnswered = false;
  #mailAccepted = false;
  #dotWritten = false;

  constructor(
    session: ClientSession,
    channel: Channel,
    message: Buffer,
    commands: EnvelopeCommands,
    reused: boolean,
    resolve: (outcome: SendOutcome) => void,
  ) {
    this.#session = session;
    this.#channel = channel;
    this.#message = message;
    this.#commands = commands;
    this.#reused = reused;
    this.#resolve = resolve;
    this.#began = channel.clock.now();
  }

  begin(pipelining: boolean, reset: boolean): void {
    this.#pipelining = pipelining;
    const { mail, rcpt } = this.#commands;
    if (pipelining) {
      this.#write(`${reset ? 'RSET\r\n' : ''}${mail}${rcpt}DATA\r\n`);
      if (reset) this.#channel.expect('rset', this);
      this.#channel.expect('mail', this);
      this.#channel.expect('rcpt', this);
      this.#channel.expect('data', this);
    } else if (reset) this.#step('rset', 'RSET\r\n');
    else this.#step('mail', mail);
  }

  onReply(wait: Wait, reply: Reply): void {
    const kind = Math.floor(reply.code / 100);
    switch (wait) {
      case 'rset':
        // A server that will not even reset is of no use; the mail was not tried.
        if (kind !== 2) this.#channel.close(`RSET refused: ${reply.text}`);
        else if (!this.#pipelining) this.#step('mail', this.#commands.mail);
        return;
      case 'mail':
        this.#mailAnswered = true;
        this.#mailAccepted = kind === 2;
        if (kind === 3) this.#unexpected(wait, reply);
        else if (kind !== 2) this.#refused('mail', reply);
        else if (!this.#pipelining) this.#step('rcpt', this.#commands.rcpt);
        return;
      case 'rcpt':
        if (kind === 3) this.#unexpected(wait, reply);
        else if (kind !== 2) this.#refused('rcpt', reply);
        else if (!this.#pipelining) this.#step('data', 'DATA\r\n');
        return;
      case 'data':
        if (kind === 3) this.#writeMessage();
        else if (kind === 2) this.#unexpected(wait, reply);
        else {
          // The refusal of DATA is an echo when the recipient was refused before.
          this.#settleRefused('data', reply);
          this.#session.givenUp(this.#mailAccepted);
        }
        return;
      case 'dot':
        if (kind === 3) this.#unexpected(wait, reply);
        else if (kind === 2) this.#settle({ kind: 'accepted', reply, ms: this.#ms() });
        else this.#settleRefused('dot', reply);
        return;
      default:
        throw new Error(`a transaction does not wait for ${wait}`);
    }
  }

  onLost(wait: Wait, info: LostInfo): void {
    this.#settle({
      kind: 'lost',
      phase: PHASE_OF[wait],
      error: info.error,
      reply: info.reply,
      // A silent server was tried; one that had ended an old connection was not.
      free: this.#reused && !this.#mailAnswered && !info.timeout,
      duplicateRisk: this.#dotWritten,
      ms: this.#ms(),
    });
  }

  /** MAIL or RCPT refused. With PIPELINING the replies to the rest of the group are still to come. */
  #refused(phase: Phase, reply: Reply): void {
    if (phase === 'mail' && reply.code === 421 && this.#reused) {
      // The server's own limit of messages for a connection, or its idle timeout: normal, and nothing was tried.
      this.#settle({
        kind: 'lost',
        phase,
        error: reply.text,
        reply,
        free: true,
        duplicateRisk: false,
        ms: this.#ms(),
      });
      return;
    }
    this.#settleRefused(phase, reply);
    if (!this.#pipelining) this.#session.givenUp(this.#mailAccepted);
  }

  #writeMessage(): void {
    if (this.#resolve === undefined) {
      // No recipient, yet DATA was taken (RFC 2920 §3.1): an empty message ends it, whatever the server says to that.
      this.#channel.writeMessage(NOTHING, END_OF_DATA_AFTER_CRLF, this, () => this.#session.written());
      return;
    }
    const message = dotStuff(this.#message);
    // From here on only the socket needs it, and only until the kernel has it.
    this.#message = NOTHING;
    this.#channel.writeMessage(message, endOfData(message), this, () => {
      this.#dotWritten = true;
      this.#session.written();
    });
  }

  #step(wait: Wait, command: string): void {
    this.#write(command);
    this.#channel.expect(wait, this);
  }

  #write(commands: string): void {
    this.#channel.socket.write(commands, this.#commands.utf8 ? 'utf8' : 'latin1');
  }

  /** After it nobody knows what the server takes our next bytes for. */
  #unexpected(wait: Wait, reply: Reply): void {
    const info: LostInfo = {
      error: `unexpected reply to ${wait.toUpperCase()}: ${reply.text}`,
      timeout: false,
    };
    this.onLost(wait, info);
    this.#channel.close(info.error);
  }

  #settleRefused(phase: Phase, reply: Reply): void {
    this.#settle({ kind: 'refused', phase, reply, ms: this.#ms() });
  }

  #settle(outcome: SendOutcome): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    resolve(outcome);
    this.#session.settled();
  }

  #ms(): number {
    return Math.round(this.#channel.clock.now() - this.#began);
  }
}
