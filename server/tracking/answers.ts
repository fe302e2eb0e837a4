/** What readers are answered: pages, the pixel, and what no route knows. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import { sendProblem, toProblem } from '../http/problem.ts';
import { readSettings } from '../settings/settings.ts';
import { pageLanguage } from './language.ts';
import { PAGE_CSP, type PageContext, simplePage } from './pages.ts';

/** The smallest GIF: 1×1, transparent. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

export function sendPixel(reply: FastifyReply): FastifyReply {
  return reply.type('image/gif').send(PIXEL);
}

export function sendPage(reply: FastifyReply, html: string): FastifyReply {
  return reply.header('content-security-policy', PAGE_CSP).type('text/html; charset=utf-8').send(html);
}

export function contextOf(deps: Pick<Deps, 'db' | 'config'>, request: FastifyRequest): PageContext {
  return {
    language: pageLanguage(request.headers['accept-language']),
    organisation: readSettings(deps.db, deps.config).organisation,
  };
}

/**
 * For addresses that match no route, or that the router refuses (a token of thousands of characters, broken percent
 * signs): a mail program that mangles a link must not show its reader JSON.
 */
export function sendLost(
  deps: Pick<Deps, 'db' | 'config'>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.header('cache-control', 'no-store').header('x-robots-tag', 'noindex, nofollow');
  if (/^\/o\/.+\.gif$/.test(request.url)) return sendPixel(reply);
  const isPage = /^\/[cu]\//.test(request.url) || request.headers.accept?.includes('text/html');
  if (!isPage) return sendProblem(reply, toProblem('not-found'));
  return sendPage(reply.code(404), simplePage(contextOf(deps, request), 'lost'));
}
