/**
 * What readers reach from the internet: clicks, opens, unsubscribing. Signed tokens say who and what; there is no
 * login, no cookie and no data about others. Nothing changes by GET or HEAD but counters, as mail scanners follow links.
 */
import rateLimit from '@fastify/rate-limit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { LedgerEvent, Spool, TokenClaims, TokenPurpose } from '../../mta/index.ts';
import { publicPath, verifyClickUrl, verifyToken } from '../../mta/index.ts';
import type { Routes } from '../deps.ts';
import { AppError } from '../errors.ts';
import { contextOf, sendPage, sendPixel } from './answers.ts';
import { readForm } from './form.ts';
import { LinkTables, redirectTarget } from './links.ts';
import { alreadyPage, askPage, donePage, simplePage } from './pages.ts';
import { Recorder } from './recorder.ts';
import { Subscriptions } from './subscription.ts';

/** A form of ours or of RFC 8058 is a hundred bytes. */
const FORM_LIMIT = 8 * 1024;
/** Requests a minute from one address: a mobile carrier has thousands of readers behind it. */
const RATE = 6000;
const ADDRESSES_WATCHED = 20_000;

export const trackingRoutes: Routes = async (app, deps) => {
  const { spool } = deps;
  const recorder = new Recorder({ spool });
  const links = new LinkTables(deps.db, spool);
  const subscriptions = new Subscriptions(deps.db, spool);
  const tokenKey = cachedKey(spool);
  const claimsOf = (purpose: TokenPurpose, token: string): TokenClaims | null => {
    const key = tokenKey();
    return key === undefined ? null : verifyToken(key, purpose, token);
  };

  app.addHook('onClose', async () => recorder.flush());
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    reply.header('x-robots-tag', 'noindex, nofollow');
  });
  // A mail program sends the one-click form as it likes, some without a type: one parser takes all (form.ts).
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: FORM_LIMIT }, (_request, body, done) =>
    done(null, body),
  );
  await app.register(rateLimit, {
    global: false,
    max: RATE,
    timeWindow: '1 minute',
    cache: ADDRESSES_WATCHED,
    // Behind a proxy that is not trusted (TODOKE_TRUST_PROXY) every reader has the proxy's address.
    allowList: (request) => !isGlobal(request.ip),
    errorResponseBuilder: () => new AppError('too-many-requests'),
  });
  const limited = { config: { rateLimit: {} } };

  /** For opens and clicks: the reader gets what they asked for even if the disk is full. */
  async function count(
    request: FastifyRequest,
    claims: TokenClaims,
    kind: 'opened' | 'clicked',
  ): Promise<void> {
    if (!isReading(request)) return;
    try {
      await recorder.record(eventOf(request, claims, kind));
    } catch (error) {
      request.log.error({ err: error }, `${kind}: the event could not be recorded`);
    }
  }

  app.get<{ Params: { token: string } }>(publicPath.open(':token'), limited, async (request, reply) => {
    // Bad tokens get the same picture: nobody can try tokens out here.
    const claims = claimsOf('open', request.params.token);
    if (claims) await count(request, claims, 'opened');
    return sendPixel(reply);
  });

  app.get<{ Params: { token: string } }>(publicPath.click(':token'), limited, async (request, reply) => {
    const claims = claimsOf('click', request.params.token);
    const url = claims && links.find(claims.jobId, claims.link);
    return follow(request, reply, claims, url);
  });

  // Not a named parameter: those are at most 1,000 characters long, addresses are not.
  app.get<{ Params: { token: string; '*': string } }>(
    publicPath.clickUrl(':token', '*'),
    limited,
    async (request, reply) => {
      const key = spool.settings()?.tokenKey;
      const claims =
        key === undefined ? null : verifyClickUrl(key, request.params.token, request.params['*']);
      return follow(request, reply, claims, claims?.url);
    },
  );

  async function follow(
    request: FastifyRequest,
    reply: FastifyReply,
    claims: TokenClaims | null,
    url: string | null | undefined,
  ): Promise<FastifyReply> {
    const to = url ? redirectTarget(url) : undefined;
    if (!claims || to === undefined) {
      return sendPage(reply.code(404), simplePage(contextOf(deps, request), 'lost'));
    }
    await count(request, claims, 'clicked');
    return reply.redirect(to, 302);
  }

  // Unsubscribing has no limit: it must never be refused.
  const unsubscribePath = publicPath.unsubscribe(':token');
  app.get<{ Params: { token: string } }>(unsubscribePath, async (request, reply) => {
    const context = contextOf(deps, request);
    const claims = claimsOf('unsubscribe', request.params.token);
    if (!claims) return sendPage(reply.code(404), simplePage(context, 'lost'));
    const subscription = subscriptions.describe(claims);
    return sendPage(
      reply,
      subscription.left ? alreadyPage(context, subscription) : askPage(context, subscription),
    );
  });

  app.post<{ Params: { token: string } }>(unsubscribePath, async (request, reply) => {
    const context = contextOf(deps, request);
    const claims = claimsOf('unsubscribe', request.params.token);
    if (!claims) return sendPage(reply.code(404), simplePage(context, 'lost'));
    const form = await readForm(request.headers['content-type'], request.body);
    const now = Date.now();
    if (form.action === 'undo') {
      const undone = subscriptions.undo(claims, Number(form.at), now);
      if (undone) deps.mta.send({ type: 'stops' });
      return sendPage(reply, simplePage(context, undone ? 'undone' : 'notUndone'));
    }
    // Without a button of ours it is a mail program (RFC 8058 §3.2), however it may have spelled the form.
    const oneClick = form.action === undefined;
    const scope = form.action === 'all' || claims.listId === 0 ? 'all' : 'list';
    const subscription = subscriptions.describe(claims);
    try {
      if (subscriptions.leave(claims, scope, now)) {
        deps.mta.send({ type: 'stops' });
        await recorder.record({
          ...eventOf(request, claims, 'unsubscribed'),
          at: now,
          listId: scope === 'all' ? 0 : claims.listId,
        });
      }
    } catch (error) {
      request.log.error({ err: error }, 'unsubscribed: it could not be recorded');
      if (oneClick) return reply.code(500).type('text/plain; charset=utf-8').send('Try again later\n');
      return sendPage(reply.code(500), simplePage(context, 'failed'));
    }
    if (oneClick) return reply.type('text/plain; charset=utf-8').send('Unsubscribed\n');
    return sendPage(reply, donePage(context, subscription, scope, now));
  });
};

/** Read at most once a second: the settings hold every DKIM key, too much to parse for each open. */
function cachedKey(spool: Pick<Spool, 'settings'>): () => string | undefined {
  let key: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (key === undefined || performance.now() - readAt > 1000) {
      key = spool.settings()?.tokenKey;
      readAt = performance.now();
    }
    return key;
  };
}

function eventOf(
  request: FastifyRequest,
  { jobId, deliveryId, subscriberId, listId, link }: TokenClaims,
  kind: 'opened' | 'clicked' | 'unsubscribed',
): LedgerEvent {
  const userAgent = (request.headers['user-agent'] ?? '').slice(0, 300);
  return { kind, at: Date.now(), jobId, deliveryId, subscriberId, listId, link, ip: request.ip, userAgent };
}

/** Not a look at the headers alone, and not a browser that fetches what might be wanted later. */
function isReading(request: FastifyRequest): boolean {
  if (request.method !== 'GET') return false;
  const purpose = request.headers['sec-purpose'] ?? request.headers.purpose ?? request.headers['x-moz'];
  return !/prefetch|preview|prerender/i.test(String(purpose ?? ''));
}

/** An address of the internet, not of this machine or network. */
function isGlobal(ip: string): boolean {
  return ipaddr.isValid(ip) && ipaddr.process(ip).range() === 'unicast';
}
