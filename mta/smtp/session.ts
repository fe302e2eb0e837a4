/** Opens a session: connection, banner, EHLO, STARTTLS, AUTH. What follows is in client.ts. */
import ipaddr from 'ipaddr.js';
import type { Phase, TlsMode } from '../types.ts';
import { NO_CAPABILITIES, parseCapabilities } from './capabilities.ts';
import { type Answer, Channel, type LostInfo, PHASE_OF, type Wait } from './channel.ts';
import { ClientSession } from './client.ts';
import { startTls } from './start-tls.ts';
import type { Capabilities, OpenOutcome, Reply, SessionOptions, TlsProblem } from './types.ts';

/** Why an opening ended. */
interface Failure {
  ok: false;
  phase: Phase;
  reply?: Reply | undefined;
  error?: string | undefined;
  /** what was wrong with TLS, when that was it: the server may still be reached without */
  tls?: TlsProblem | undefined;
  /** with `tls`: it was an attempt to resume a session */
  stale?: boolean | undefined;
  bindFailed?: boolean | undefined;
}

type Step<T> = { ok: true; value: T } | Failure;

/** What became of STARTTLS in a session that goes on. */
interface Secured {
  /** version and cipher, '' in clear */
  tls: string;
  /** it was tried and refused */
  failed?: TlsProblem | undefined;
  problem?: TlsProblem | undefined;
}

/**
 * Never rejects. In opportunistic mode a failed handshake is followed by a second connection in clear (the outcome's
 * `tlsFailed` says why); `required` and `verified` never speak of a mail in clear.
 */
export async function openSession(options: SessionOptions): Promise<OpenOutcome> {
  const channel = new Channel(options);
  const began = channel.clock.now();
  const { mode } = options.tls;
  let tlsFailed: TlsProblem | undefined;
  let outcome = await open(channel, options, mode);
  // Some servers break off instead of declining to resume.
  if (!outcome.ok && outcome.stale) outcome = await open(new Channel(options), options, mode);
  if (!outcome.ok && outcome.tls !== undefined && mode === 'opportunistic') {
    tlsFailed = outcome.tls;
    outcome = await open(new Channel(options), options, 'none');
  }
  if (outcome.ok) {
    const { session, failed, problem } = outcome.value;
    tlsFailed ??= failed;
    return { ok: true, session, tlsFailed, tlsProblem: tlsFailed ?? problem };
  }
  const { ok, phase, reply, error, tls, bindFailed } = outcome;
  return {
    ok,
    phase,
    reply,
    error,
    tlsFailed,
    tlsProblem: tlsFailed ?? tls,
    tlsUnmet: tls !== undefined,
    tlsPolicy: tls && (options.tls.policy ?? mode),
    bindFailed,
    ms: Math.round(channel.clock.now() - began),
  };
}

async function open(
  channel: Channel,
  options: SessionOptions,
  mode: TlsMode,
): Promise<Step<Secured & { session: ClientSession }>> {
  const unconnected = await channel.connect(options);
  if (unconnected !== undefined)
    return { ...lost('connect', unconnected), bindFailed: unconnected.bindFailed };

  const banner = await channel.ask('banner');
  if (accepted(banner) === undefined) return refused(channel, 'banner', banner);

  let greeted = await greet(channel, options.ehloName);
  if (!greeted.ok) return greeted;

  let secured: Secured = { tls: '' };
  if (mode !== 'none') {
    const step = await secure(channel, options, greeted.value);
    if (!step.ok) return step;
    secured = step.value;
    if (secured.tls !== '') {
      // What was offered in clear may have been an attacker's (RFC 3207 §4.2).
      greeted = await greet(channel, options.ehloName);
      if (!greeted.ok) {
        // In TLS 1.3 the server's last word on the handshake comes after ours.
        const handshake = greeted.reply === undefined;
        return { ...greeted, tls: handshake ? failedHandshake(greeted.error ?? '') : undefined };
      }
    }
  }
  const capabilities = greeted.value;

  if (options.auth !== undefined) {
    const authenticated = await authenticate(
      channel,
      options.auth,
      capabilities,
      secured.tls !== '' || isLoopback(options.address),
    );
    if (!authenticated.ok) return authenticated;
  }
  if (channel.lost !== undefined) return lost('ehlo', channel.lost);
  const { localAddress = '', remoteAddress = options.address } = channel.socket;
  const { policy: tlsPolicy = options.tls.mode } = options.tls;
  const info = { tls: secured.tls, tlsPolicy, localAddress, remoteAddress, capabilities };
  return { ok: true, value: { ...secured, session: new ClientSession(channel, info) } };
}

/** EHLO, and HELO for a server that does not know it (RFC 5321 §3.2). */
async function greet(channel: Channel, name: string): Promise<Step<Capabilities>> {
  const ehlo = await channel.ask('ehlo', `EHLO ${name}`);
  const welcome = accepted(ehlo);
  if (welcome !== undefined) return { ok: true, value: parseCapabilities(welcome) };
  if (ehlo.kind === 'lost' || ehlo.reply.code < 500) return refused(channel, 'ehlo', ehlo);
  const helo = await channel.ask('ehlo', `HELO ${name}`);
  return accepted(helo) !== undefined ? { ok: true, value: NO_CAPABILITIES } : refused(channel, 'ehlo', helo);
}

async function secure(
  channel: Channel,
  options: SessionOptions,
  capabilities: Capabilities,
): Promise<Step<Secured>> {
  const mayGoOn = options.tls.mode === 'opportunistic';
  if (!capabilities.startTls) {
    const problem: TlsProblem = {
      result: 'starttls-not-supported',
      text: 'STARTTLS is not offered',
    };
    if (mayGoOn) return { ok: true, value: { tls: '', problem } };
    channel.leave();
    return {
      ok: false,
      phase: 'starttls',
      error: 'STARTTLS is not offered and TLS is required',
      tls: problem,
    };
  }
  const answer = await channel.ask('starttls', 'STARTTLS');
  if (accepted(answer)?.code !== 220) {
    const problem: TlsProblem =
      answer.kind === 'reply'
        ? { result: 'starttls-not-supported', text: answer.reply.text }
        : failedHandshake(answer.info.error);
    // A refusal leaves the session in clear and intact (RFC 3207 §4.1), unless it was the end.
    if (mayGoOn && answer.kind === 'reply' && channel.usable)
      return { ok: true, value: { tls: '', failed: problem } };
    // A 421 is about the server, not about TLS.
    const farewell = answer.kind === 'reply' && answer.reply.code === 421;
    return { ...refused(channel, 'starttls', answer), tls: farewell ? undefined : problem };
  }
  const outcome = await startTls(channel, options);
  return outcome.ok
    ? { ok: true, value: { tls: outcome.tls, problem: outcome.observed } }
    : { ...lost('handshake', outcome.info), tls: outcome.problem, stale: outcome.stale };
}

const failedHandshake = (text: string): TlsProblem => ({ result: 'validation-failure', text });

/** PLAIN (RFC 4616), else LOGIN. A password never travels in clear over a network. */
async function authenticate(
  channel: Channel,
  { user, password }: { user: string; password: string },
  capabilities: Capabilities,
  safe: boolean,
): Promise<Step<undefined>> {
  const give = (error: string): Failure => {
    channel.leave();
    return { ok: false, phase: 'auth', error };
  };
  if (!safe) return give('the password is not sent without TLS');
  let answer: Answer;
  if (capabilities.auth.includes('PLAIN')) {
    answer = await channel.ask('auth', `AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
  } else if (capabilities.auth.includes('LOGIN')) {
    answer = await channel.ask('auth', 'AUTH LOGIN');
    for (const secret of [user, password]) {
      if (answer.kind !== 'reply' || answer.reply.code !== 334) break;
      answer = await channel.ask('auth', base64(secret));
    }
  } else return give('the server offers neither AUTH PLAIN nor AUTH LOGIN');
  return accepted(answer) !== undefined ? { ok: true, value: undefined } : refused(channel, 'auth', answer);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

function accepted(answer: Answer): Reply | undefined {
  return answer.kind === 'reply' && answer.reply.code < 300 ? answer.reply : undefined;
}

function refused(channel: Channel, wait: Wait, answer: Answer): Failure {
  if (answer.kind === 'lost') return lost(wait, answer.info);
  channel.leave();
  return { ok: false, phase: PHASE_OF[wait], reply: answer.reply };
}

function lost(wait: Wait, { error, reply }: LostInfo): Failure {
  return { ok: false, phase: PHASE_OF[wait], error, reply };
}
