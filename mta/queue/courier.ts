import type { HostTarget } from '../routing/types.ts';
import { openSession } from '../smtp/session.ts';
import type { Mail, OpenOutcome, SendOutcome, Session, SessionInfo } from '../smtp/types.ts';
import type { QueueRow } from '../spool/claim.ts';
import type { Phase } from '../types.ts';
import type { Bucket } from './bucket.ts';
import type { Site } from './site.ts';

/** A claimed mail on its way through a courier. */
export interface Taken {
  bucket: Bucket;
  row: QueueRow;
}

export interface OpenFailure {
  phase: Phase;
  host: string;
  code: number;
  status: string;
  text: string;
}

/** What a courier needs of the dispatcher. */
export interface CourierOwner {
  readonly ehloName: string;
  /** the next mail of the site, claimed; undefined: none may be sent now */
  take(site: Site): Taken | undefined;
  compose(taken: Taken): Promise<Mail>;
  /** a last look just before MAIL (case 47): false when the owner has taken the mail back or settled it */
  mayStillGo(taken: Taken): boolean;
  giveBack(taken: Taken): void;
  composeFailed(taken: Taken, error: unknown): void;
  sent(taken: Taken, outcome: SendOutcome, host: HostTarget, info: SessionInfo): void;
  openFailed(site: Site, failure: OpenFailure): void;
  opened(site: Site): void;
  /** the connection is gone and has given everything back */
  ended(courier: Courier): void;
  /** opportunistic TLS that failed at a host is remembered, so that the next connection goes in clear at once */
  readonly tlsFailures: { has(host: string): boolean; add(host: string): void };
}

/** Mails rendered and signed ahead of the one that is being sent: keeps both cores signing while the peer answers. */
const AHEAD = 2;
/** ms that a connection without work is kept for the next mail */
const IDLE = 5000;

/** One connection of a site: opens it, keeps mails composed ahead, sends them, and ends with the site's limits. */
export class Courier {
  readonly site: Site;
  readonly #owner: CourierOwner;
  #session: Session | undefined;
  #host: HostTarget | undefined;
  /** mails taken and not yet sent, in the queue's order; without `mail` while they are rendered and signed */
  #ahead: { taken: Taken; mail?: Mail }[] = [];
  #taken = 0;
  /** of the mails it sent: one had its verdict; one was lost with the connection */
  #answered = false;
  #lost = false;
  #stopping = false;
  #ended = false;
  #pumping = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(site: Site, owner: CourierOwner) {
    this.site = site;
    this.#owner = owner;
  }

  get opening(): boolean {
    return this.#session === undefined;
  }

  /** the one it is connected to or tries to reach */
  get host(): HostTarget | undefined {
    return this.#host;
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
      this.#owner.openFailed(this.site, failure);
      return;
    }
    const session = this.#session!;
    session.onReady = () => this.pump();
    session.onClose = () => this.#closed();
    this.#owner.opened(this.site);
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
      const { taken, mail } = next;
      this.#ahead.shift();
      if (this.#stopping) this.#owner.giveBack(taken);
      else if (this.#owner.mayStillGo(taken)) this.#send(session, taken, mail);
    }
    while (!this.#full) {
      const taken = this.#owner.take(this.site);
      if (!taken) break;
      this.#taken += 1;
      this.#compose(taken);
    }
    this.#pumping = false;
    if (this.#ahead.length + session.inFlight === 0) this.#rest(session);
  }

  /** Sends nothing more; ends when what is in flight has its reply. */
  stop(): void {
    this.#stopping = true;
    this.#giveBackComposed();
    // Nothing is in flight on a connection that is still being opened, and it may take minutes.
    if (this.opening) this.#end();
    else this.pump();
  }

  /** Ends at once; what was in flight is lost and will be tried again. */
  destroy(): void {
    this.#stopping = true;
    this.#session?.destroy('shutdown');
  }

  get #full(): boolean {
    return (
      this.#stopping || this.#taken >= this.site.spec.messagesPerConnection || this.#ahead.length >= AHEAD
    );
  }

  #compose(taken: Taken): void {
    const slot: { taken: Taken; mail?: Mail } = { taken };
    this.#ahead.push(slot);
    clearTimeout(this.#idle);
    this.#idle = undefined;
    const leave = (): void => {
      this.#ahead = this.#ahead.filter((each) => each !== slot);
    };
    this.#owner
      .compose(taken)
      .then(
        (mail) => {
          if (this.#session?.open && !this.#stopping) {
            slot.mail = mail;
            return;
          }
          leave();
          this.#owner.giveBack(taken);
        },
        (error: unknown) => {
          leave();
          this.#owner.composeFailed(taken, error);
        },
      )
      .finally(() => this.pump());
  }

  /** Those still being composed give themselves back when they are done. */
  #giveBackComposed(): void {
    const composed = this.#ahead.filter(({ mail }) => mail);
    this.#ahead = this.#ahead.filter(({ mail }) => !mail);
    for (const { taken } of composed) this.#owner.giveBack(taken);
  }

  #send(session: Session, taken: Taken, mail: Mail): void {
    session.send(mail).then((outcome) => {
      // A 421 speaks of the connection, not of the mail (RFC 5321 §3.8).
      if (outcome.kind === 'lost' || (outcome.kind === 'refused' && outcome.reply.code === 421))
        this.#lost = true;
      else if (outcome.kind !== 'local') this.#answered = true;
      this.#owner.sent(taken, outcome, this.#host!, session.info);
      this.pump();
    });
  }

  #rest(session: Session): void {
    if (this.#stopping || this.#taken >= this.site.spec.messagesPerConnection) {
      void session.quit();
      return;
    }
    this.#idle ??= setTimeout(() => {
      this.#stopping = true;
      void session.quit();
    }, IDLE);
  }

  #closed(): void {
    clearTimeout(this.#idle);
    this.#giveBackComposed();
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.ended(this);
  }

  async #open(): Promise<OpenFailure | undefined> {
    const { site } = this;
    let hosts: HostTarget[];
    try {
      hosts = site.inOrder(await site.spec.hosts());
    } catch (error) {
      return {
        phase: 'dns',
        host: '',
        code: 0,
        status: '4.4.3',
        text: String((error as Error).message ?? error),
      };
    }
    let last: OpenFailure = {
      phase: 'dns',
      host: '',
      code: 0,
      status: '4.4.4',
      text: 'no host with an address',
    };
    for (const target of hosts) {
      if (this.#stopping) return last;
      const host = `${target.host} [${target.address}]:${target.port}`;
      if (site.isFull(target)) {
        last = {
          phase: 'connect',
          host,
          code: 0,
          status: '4.4.5',
          text: 'it has all connections of its route',
        };
        continue;
      }
      this.#host = target;
      const outcome = await this.#openHost(target);
      if (outcome.tlsFailed !== undefined) this.#owner.tlsFailures.add(target.host);
      if (outcome.ok) {
        site.hostAnswered(target);
        this.#session = outcome.session;
        return undefined;
      }
      site.hostFailed(target);
      last = {
        phase: outcome.phase,
        host,
        code: outcome.reply?.code ?? 0,
        status: outcome.reply?.status ?? '4.4.1',
        text: outcome.reply?.text ?? outcome.error ?? 'connection failed',
      };
    }
    return last;
  }

  #openHost({ host, address, port, relay }: HostTarget): Promise<OpenOutcome> {
    const wanted = relay?.tls ?? this.site.spec.tls;
    const mode = wanted === 'opportunistic' && this.#owner.tlsFailures.has(host) ? 'none' : wanted;
    return openSession({
      host,
      address,
      port,
      ehloName: this.#owner.ehloName,
      tls: { mode },
      auth: relay?.user ? { user: relay.user, password: relay.password ?? '' } : undefined,
    });
  }
}
