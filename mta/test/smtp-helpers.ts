import { openSession } from '../smtp/session.ts';
import type { Mail, Session, SessionOptions } from '../smtp/types.ts';
import type { Step } from './peer.ts';

export const MESSAGE = 'From: a@example.test\r\nTo: b@example.test\r\nSubject: hi\r\n\r\nHello.\r\n';

export function mail(overrides: Partial<Mail> = {}): Mail {
  return {
    mailFrom: 'bounce@example.test',
    rcptTo: 'neko@example.test',
    message: Buffer.from(MESSAGE),
    ...overrides,
  };
}

export function options(port: number, overrides: Partial<SessionOptions> = {}): SessionOptions {
  return {
    host: 'mx.test',
    address: '127.0.0.1',
    port,
    ehloName: 'me.test',
    tls: { mode: 'none' },
    ...overrides,
  };
}

/** Opens or throws what the outcome says. */
export async function open(port: number, overrides: Partial<SessionOptions> = {}): Promise<Session> {
  const outcome = await openSession(options(port, overrides));
  if (!outcome.ok) throw new Error(`not opened: ${JSON.stringify(outcome)}`);
  return outcome.session;
}

export const GREETING: Step[] = ['S: 220 mx.test ESMTP', 'C: EHLO me.test'];
export const PIPELINING: Step[] = [
  ...GREETING,
  'S: 250-mx.test',
  'S: 250-PIPELINING',
  'S: 250-8BITMIME',
  'S: 250 ENHANCEDSTATUSCODES',
];
export const PLAIN: Step[] = [...GREETING, 'S: 250 mx.test'];

/** MAIL, RCPT and DATA in one group. */
export const COMMANDS: Step[] = [
  'C: MAIL FROM:<bounce@example.test>',
  'C: RCPT TO:<neko@example.test>',
  'C: DATA',
];
export const TAKEN: Step[] = ['S: 250 2.1.0 Ok', 'S: 250 2.1.5 Ok', 'S: 354 Go on'];
