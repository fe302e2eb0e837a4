/** Opens a session: connection, banner, EHLO, STARTTLS, AUTH. What follows is in client.ts. */
import { isIP } from 'node:net';
import tls from 'node:tls';
import ipaddr from 'ipaddr.js';
import type { Phase, TlsMode } from '../types.ts';
import { NO_CAPABILITIES, parseCapabilities } from './capabilities.ts';
import { type Answer, Channel, type LostInfo, PHASE_OF, type Wait } from './channel.ts';
import { ClientSession } from './client.ts';
import type { Capabilities, OpenOutcome, Reply, SessionOptions } from './types.ts';

/** Why an opening ended; `handshake`: the server may still be reached without TLS. */
interface Failure {
  ok: false;
  phase: Phase;
  reply?: Reply | undefined;
  error?: string | undefined;
  handshake?: boolean;
}

type Step<T> = { ok: true; value: T } | Failure;

/**
 * Never rejects. In opportunistic mode a failed handshake is followed by a second connection in clear (the outcome's
 * `tlsFailed` says why); `required` and `verified` never speak of a mail in clear.
 */
export async function openSession(options: SessionOptions): Promise<OpenOutcome> {
  const channel = new Channel(options);
  const began = channel.clock.now();
  let tlsFailed: string | undefined;
  let outcome = await open(channel, options, options.tls.mode);
  if (!outcome.ok && outcome.handshake === true && options.tls.mode === 'opportunistic') {
    tlsFailed = outcome.error;
    outcome = await open(new Channel(options), options, 'none');
  }
  if (outcome.ok) {
    const { session } = outcome.value;
    return { ok: true, session, tlsFailed: tlsFailed ?? outcome.value.tlsRefused };
  }
  const { phase, reply, error } = outcome;
  return { ok: false, phase, reply, error, tlsFailed, ms: Math.round(channel.clock.now() - began) };
}

async function open(
  channel: Channel,
  options: SessionOptions,
  mode: TlsMode,
): Promise<Step<{ session: ClientSession; tlsRefused?: string | undefined }>> {
  const unconnected = await channel.connect(options);
  if (unconnected !== undefined) return lost('connect', unconnected);

  const banner = await channel.ask('banner');
  if (accepted(banner) === undefined) return refused(channel, 'banner', banner);

  let greeted = await greet(channel, options.ehloName);
  if (!greeted.ok) return greeted;

  let tlsInUse = '';
  let tlsRefused: string | undefined;
  if (mode !== 'none') {
    const secured = await secure(channel, options, mode, greeted.value);
    if (!secured.ok) return secured;
    tlsInUse = secured.value.tls;
    tlsRefused = secured.value.refused;
    if (tlsInUse !== '') {
      // What was offered in clear may have been an attacker's (RFC 3207 §4.2).
      greeted = await greet(channel, options.ehloName);
      // In TLS 1.3 the server's last word on the handshake comes after ours.
      if (!greeted.ok) return { ...greeted, handshake: greeted.reply === undefined };
    }
  }
  const capabilities = greeted.value;

  if (options.auth !== undefined) {
    const authenticated = await authenticate(
      channel,
      options.auth,
      capabilities,
      tlsInUse !== '' || isLoopback(options.address),
    );
    if (!authenticated.ok) return authenticated;
  }
  if (channel.lost !== undefined) return lost('ehlo', channel.lost);
  const { localAddress = '', remoteAddress = options.address } = channel.socket;
  return {
    ok: true,
    value: {
      session: new ClientSession(channel, { tls: tlsInUse, localAddress, remoteAddress, capabilities }),
      tlsRefused,
    },
  };
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
  mode: TlsMode,
  capabilities: Capabilities,
): Promise<Step<{ tls: string; refused?: string }>> {
  const mayGoOn = mode === 'opportunistic';
  if (!capabilities.startTls) {
    if (mayGoOn) return { ok: true, value: { tls: '' } };
    channel.leave();
    return { ok: false, phase: 'starttls', error: 'STARTTLS is not offered and the route requires TLS' };
  }
  const answer = await channel.ask('starttls', 'STARTTLS');
  if (accepted(answer)?.code !== 220) {
    // A refusal leaves the session in clear and intact (RFC 3207 §4.1), unless it was the end.
    if (mayGoOn && answer.kind === 'reply' && channel.usable)
      return { ok: true, value: { tls: '', refused: answer.reply.text } };
    return { ...refused(channel, 'starttls', answer), handshake: answer.kind === 'lost' };
  }
  const failed = await channel.startTls({
    // SNI is for names only (RFC 6066 §3).
    servername: isIP(options.host) === 0 ? options.host : '',
    secureContext: secureContext(options.tls.ca),
    rejectUnauthorized: mode === 'verified',
    checkServerIdentity: (_, certificate) =>
      mode === 'verified' ? tls.checkServerIdentity(options.host, certificate) : undefined,
  });
  if (failed !== undefined) return { ...lost('handshake', failed), handshake: true };
  const socket = channel.socket as tls.TLSSocket;
  return { ok: true, value: { tls: `${socket.getProtocol()} ${socket.getCipher().standardName}` } };
}

const contexts = new Map<string, tls.SecureContext>();

/** Made once for each set of trusted certificates: reading the built-in ones takes milliseconds. */
function secureContext(ca: string | undefined): tls.SecureContext {
  const key = ca ?? '';
  let context = contexts.get(key);
  if (context === undefined) {
    if (contexts.size >= 100) contexts.clear();
    context = tls.createSecureContext({ minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) });
    contexts.set(key, context);
  }
  return context;
}

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
