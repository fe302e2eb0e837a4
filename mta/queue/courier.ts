import type { HostTarget } from '../routing/types.ts';
import type { Mail, SendOutcome, Session } from '../smtp/types.ts';
import type { QueueRow } from '../spool/claim.ts';
import type { Bucket } from './bucket.ts';
import type { Cap } from './cap.ts';
import { BULK, type Group } from './group.ts';
import type { Lane } from './lane.ts';
import type { Line } from './line.ts';
import { type OpenFailure, openFirst } from './opening.ts';
import { RELAY_MESSAGES, type RelayState } from './relay-state.ts';
import type { SessionOpener } from './session-opener.ts';
import type { Where } from './settlement.ts';

/** A claimed mail on its way through a courier; without `mail` while it is rendered and signed. */
export interface Taken {
  readonly bucket: Bucket;
  readonly row: QueueRow;
  /** whose mail it was when it was taken */
  readonly group: Group;
  readonly lane: Lane;
  /** of the lane when it was taken */
  readonly pace: number;
  mail: Mail | undefined;
}

/** What a courier needs of the queue. */
export interface CourierOwner {
  /** the next mail for this courier, claimed; undefined: none may be sent now. `urgent`: only mail that comes before bulk mail */
  take(courier: Courier, urgent: boolean): Taken | undefined;
  compose(taken: Taken): Promise<Mail>;
  /** it is composed: false when it must not be sent as it is, and the owner has settled it */
  composed(taken: Taken): boolean;
  /** a last look just before MAIL (case 47): false when the owner has taken the mail back or settled it */
  mayStillGo(taken: Taken): boolean;
  giveBack(taken: Taken): void;
  composeFailed(taken: Taken, error: unknown): void;
  sent(courier: Courier, taken: Taken, outcome: SendOutcome): void;
  openFailed(courier: Courier, failure: OpenFailure): void;
  opened(courier: Courier): void;
  /** the connection is gone and has given everything back */
  ended(courier: Courier): void;
  /** of the settings as they are now */
  readonly opener: Pick<SessionOpener, 'open'>;
}

/** Mails rendered and signed ahead of the one that is being sent: keeps all cores signing while the peer answers. */
const AHEAD = 2;
/**
 * A quick peer (ms from MAIL to the verdict) gets them in groups, when only one is left: what is composed together is ready
 * together, so that each one's commands share the write of the last one's dot (five system calls for four mails, not eight).
 */
const QUICK = 50;
const GROUP = 4;
/** Bytes of a mail so large that one ahead is enough: many connections hold many of them. */
const LARGE = 256 * 1024;
/** ms without a reply after which a server is waited for: mail that it might take would only wait, too, maybe for ten minutes */
const SILENT = 500;
/** ms that a connection without work is kept for the next mail */
const IDLE = 5000;

const isUrgent = (taken: Taken): boolean => taken.bucket.job.rank < BULK;

/** One connection of a lane: opens it, keeps mails composed ahead, sends them, and ends with the lane's limits. */
export class Courier {
  readonly line: Line;
  readonly lane: Lane;
  readonly #owner: CourierOwner;
  /** of the mail for which it is opened */
  readonly #domain: string;
  #session: Session | undefined;
  #host: HostTarget | undefined;
  /** limits that lanes share; it is counted there */
  caps: readonly Cap[] = [];
  /** opened in a slot that bulk mail must not take */
  forUrgent = false;
  /** the relay that the host is */
  relay: RelayState | undefined;
  /** how its outcomes are told in the ledger */
  where: Where = { mx: '', sourceIp: '', tls: '' };
  /** mails that may go over it */
  #messages = 0;
  /** mails taken and not yet sent, in the queue's order, urgent ones before bulk */
  #ahead: Taken[] = [];
  #taken = 0;
  /** of the monotonic clock: the last outcome, or the mail that was sent after a rest */
  #heardAt = 0;
  /** of the mails it sent: one had its verdict; one was lost with the connection */
  #answered = false;
  #lost = false;
  /** the mail composed last was large; the one sent last had its verdict quickly */
  #large = false;
  #quick = false;
  #stopping = false;
  #ended = false;
  #pumping = false;
  #idle: NodeJS.Timeout | undefined;
  /** urgent mail is ahead here while the server owes a reply */
  #patience: NodeJS.Timeout | undefined;

  constructor(line: Line, domain: string, owner: CourierOwner) {
    this.line = line;
    this.#domain = domain;
    this.lane = line.lane;
    this.#owner = owner;
  }

  get opening(): boolean {
    return this.#session === undefined;
  }

  /** the one it is connected to or tries to reach */
  get host(): HostTarget | undefined {
    return this.#host;
  }

  /** It takes nothing more. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** It has nothing to do and may go. */
  get idle(): boolean {
    return this.#idle !== undefined;
  }

  /** It cost mails an attempt and gave none a verdict. */
  get fruitless(): boolean {
    return this.#lost && !this.#answered;
  }

  /** Opens the connection: host after host until one answers (RFC 5321 §5.1). */
  async start(): Promise<void> {
    const failure = await this.#open();
    // It was told to stop meanwhile, and nobody waits for it any more.
    if (this.#ended) {
      void this.#session?.quit();
      return;
    }
    if (failure) {
      this.#end();
      this.#owner.openFailed(this, failure);
      return;
    }
    const session = this.#session!;
    session.onReady = () => this.pump();
    session.onClose = () => this.#closed();
    this.#owner.opened(this);
    this.pump();
  }

  /** Moves what can be moved; called whenever something has changed. */
  pump(): void {
    const session = this.#session;
    // A send from within onReady comes back here: the outer round goes on.
    if (!session?.open || this.#pumping) return;
    this.#pumping = true;
    // Signatures overtake each other in the thread pool; mails leave in their order all the same.
    for (let next = this.#ahead[0]; next?.mail && session.canSend; next = this.#ahead[0]) {
      this.#ahead.shift();
      if (this.#stopping) this.#owner.giveBack(next);
      else if (this.#owner.mayStillGo(next)) this.#send(session, next, next.mail);
    }
    const silent = this.#silent(session);
    const depth = this.#large ? 1 : this.#quick ? GROUP : AHEAD;
    if (!silent && (!this.#quick || this.#ahead.length <= 1)) {
      while (!this.#full(depth)) {
        const taken = this.#owner.take(this, false);
        if (!taken) break;
        this.#compose(taken);
      }
    }
    // One place more for mail that cannot wait: it goes before the bulk mail here.
    if (!silent && this.#ahead.length > 0 && !this.#full(depth + 1) && this.line.urgent) {
      const taken = this.#owner.take(this, true);
      if (taken) this.#compose(taken);
    }
    this.#pumping = false;
    if (this.#ahead.length + session.inFlight === 0) this.#rest(session);
    else if (this.#ahead[0] && isUrgent(this.#ahead[0])) this.#patience ??= setTimeout(this.#loseIt, SILENT);
  }

  #silent(session: Session): boolean {
    return session.inFlight > 0 && performance.now() - this.#heardAt >= SILENT;
  }

  /** The server was quick a moment ago and has fallen silent: urgent mail goes by another connection. */
  readonly #loseIt = (): void => {
    this.#patience = undefined;
    const session = this.#session;
    if (!session?.open) return;
    if (this.#silent(session)) {
      const urgent = this.#ahead.filter((taken) => taken.mail && isUrgent(taken));
      this.#ahead = this.#ahead.filter((taken) => !urgent.includes(taken));
      this.#taken -= urgent.length;
      for (const taken of urgent) this.#owner.giveBack(taken);
    }
    this.pump();
  };

  /** Sends nothing more; ends when what is in flight has its reply. */
  stop(): void {
    this.#stopping = true;
    this.#giveBackComposed();
    // Nothing is in flight on a connection that is still being opened, and it may take minutes.
    if (this.opening) this.#end();
    else this.pump();
  }

  /** Ends at once; what was in flight is lost and will be tried again. `why`: for the ledger */
  destroy(why = 'shutdown'): void {
    this.#stopping = true;
    this.#session?.destroy(why);
  }

  #full(ahead: number): boolean {
    return this.#stopping || this.#taken >= this.#messages || this.#ahead.length >= ahead;
  }

  #compose(taken: Taken): void {
    this.#taken += 1;
    this.#insert(taken);
    if (this.#idle) {
      clearTimeout(this.#idle);
      this.#idle = undefined;
    }
    this.#owner.compose(taken).then(
      (mail) => {
        if (!this.#session?.open || this.#stopping) {
          this.#leave(taken);
          this.#owner.giveBack(taken);
        } else {
          taken.mail = mail;
          this.#large = mail.message.length > LARGE;
          if (!this.#owner.composed(taken)) this.#leave(taken);
        }
        this.pump();
      },
      (error: unknown) => {
        this.#leave(taken);
        this.#owner.composeFailed(taken, error);
        this.pump();
      },
    );
  }

  #insert(taken: Taken): void {
    let at = this.#ahead.length;
    if (isUrgent(taken)) while (at > 0 && !isUrgent(this.#ahead[at - 1]!)) at -= 1;
    this.#ahead.splice(at, 0, taken);
  }

  #leave(taken: Taken): void {
    const at = this.#ahead.indexOf(taken);
    if (at >= 0) this.#ahead.splice(at, 1);
  }

  /** Those still being composed give themselves back when they are done. */
  #giveBackComposed(): void {
    const composed = this.#ahead.filter(({ mail }) => mail);
    this.#ahead = this.#ahead.filter(({ mail }) => !mail);
    for (const taken of composed) this.#owner.giveBack(taken);
  }

  #send(session: Session, taken: Taken, mail: Mail): void {
    if (session.inFlight === 0) this.#heardAt = performance.now();
    const { relay } = this;
    if (relay) relay.awaiting += 1;
    session.send(mail).then((outcome) => {
      if (relay) relay.awaiting -= 1;
      this.#heardAt = performance.now();
      this.#quick = outcome.kind === 'accepted' && outcome.ms < QUICK;
      // A 421 speaks of the connection, not of the mail (RFC 5321 §3.8).
      if (outcome.kind === 'lost' || (outcome.kind === 'refused' && outcome.reply.code === 421))
        this.#lost = true;
      else if (outcome.kind !== 'local') this.#answered = true;
      this.#owner.sent(this, taken, outcome);
      // The same packet may hold a refusal that is a reason to send nothing more now: it is heard first.
      queueMicrotask(this.#goOn);
    });
  }

  readonly #goOn = (): void => this.pump();

  #rest(session: Session): void {
    if (this.#stopping || this.#taken >= this.#messages) {
      void session.quit();
      return;
    }
    this.#idle ??= setTimeout(() => this.stop(), IDLE);
  }

  #closed(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#patience);
    this.#giveBackComposed();
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.ended(this);
    // It stays known whose connection it was: outcomes of its mails are still on their way.
    if (!this.relay) return;
    this.relay.connections -= 1;
    if (this.#session) this.relay.established -= 1;
  }

  async #open(): Promise<OpenFailure | undefined> {
    const { lane } = this;
    const opened = await openFirst({
      line: this.line,
      domain: this.#domain,
      opener: this.#owner.opener,
      tries: (target) => {
        if (target && this.#stopping) return false;
        if (target) this.#host = target;
        this.#countAt(target && lane.site.relays?.find(target.relay ?? target));
        return true;
      },
    });
    if (!opened.ok) return opened.failure;
    this.#begin(opened.session, opened.target);
    return undefined;
  }

  #begin(session: Session, target: HostTarget): void {
    const { profile } = this.lane;
    this.#session = session;
    this.lane.hostAnswered(target);
    this.#relayAnswered();
    this.#messages = this.relay?.messages ?? RELAY_MESSAGES;
    // One recipient a message, so the limit of recipients is one of messages as well.
    if (profile)
      this.#messages = Math.min(
        profile.messagesPerConnection,
        profile.recipientsPerConnection ?? Number.POSITIVE_INFINITY,
      );
    this.where = {
      mx: target.host,
      sourceIp: session.info.localAddress,
      tls: session.info.tls,
      tlsPolicy: session.info.tlsPolicy,
    };
  }

  #relayAnswered(): void {
    const { relay } = this;
    // It was told to stop meanwhile, and is counted no more; a greeting says nothing against what the relay was found to be since.
    if (!relay || this.#ended) return;
    relay.established += 1;
    relay.via = this.lane.source;
    relay.up();
  }

  /** Which relay its connection is counted at, from the first try to its end. */
  #countAt(relay: RelayState | undefined): void {
    if (this.#ended) return;
    if (this.relay) this.relay.connections -= 1;
    this.relay = relay;
    if (relay) relay.connections += 1;
  }
}
