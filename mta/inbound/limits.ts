/** What one listener on the open internet may cost. Times are ms; tests shrink what they wait for. */
export interface InboundLimits {
  /** bytes of one mail, announced by SIZE (RFC 1870) */
  messageBytes: number;
  /** of one transaction (RFC 5321 §4.5.3.1.8 asks for 100) */
  recipients: number;
  /** sessions at a time: in all, and of one client (an IPv6 client is its /64) */
  connections: number;
  connectionsPerClient: number;
  /** of one client: so many a second, and so many at once after a rest */
  connectionRate: Rate;
  mailRate: Rate;
  /** refused commands and recipients */
  errorRate: Rate;
  /** refused commands and recipients of one session */
  errors: number;
  /** commands since the last mail that was taken: more are no mail server's */
  commandsWithoutMail: number;
  /** between two commands (RFC 5321 §4.5.3.2.7 asks for 5 min), from DATA to the dot, and of a session since its last mail */
  idle: number;
  data: number;
  withoutMail: number;
  /** when all sessions are taken, one that has done nothing for so long is ended for a new one */
  shedAfter: number;
  /** bytes that wait to be read; beyond it new mail is put off */
  unreadBytes: number;
  /** free bytes of the disk that inbound mail leaves to the others */
  diskReserve: number;
}

export interface Rate {
  perSecond: number;
  burst: number;
}

/**
 * The rates leave room for a relay of one's own, which sends back all of a campaign's bounces by one address, and for
 * a provider that does so with a few. Who guesses addresses is slowed down by `errorRate`.
 */
export const INBOUND_LIMITS: InboundLimits = {
  messageBytes: 25 * 1024 * 1024,
  recipients: 100,
  connections: 500,
  connectionsPerClient: 50,
  connectionRate: { perSecond: 100, burst: 1000 },
  mailRate: { perSecond: 2000, burst: 20_000 },
  errorRate: { perSecond: 1, burst: 200 },
  errors: 20,
  commandsWithoutMail: 250,
  idle: 300_000,
  data: 600_000,
  withoutMail: 1_800_000,
  shedAfter: 5000,
  unreadBytes: 1024 * 1024 * 1024,
  diskReserve: 64 * 1024 * 1024,
};

/** Raw mail is kept as evidence for so long (ms), and so many bytes of it at most: the oldest that was read goes first. */
export const KEPT_FOR = 14 * 86_400_000;
export const KEPT_BYTES = 2 * 1024 * 1024 * 1024;
