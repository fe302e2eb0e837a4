/** The built UI. Its pages are one file: the path after `/` is the UI's own affair, so every page request gets it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../deps.ts';
import { sendProblem, toProblem } from './problem.ts';

export const UI_DIR = fileURLToPath(new URL('../../ui/dist', import.meta.url));

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Todoke</title>
<p>The screens are not built yet. Run <code>npm run build</code> and load this page again. The API works: see <a href="/api/docs">/api/docs</a>.
<p lang="ja">画面がまだ作られていません。<code>npm run build</code> を実行してから、もう一度読み込んでください。
`;

export interface Ui {
  /** registers the files */
  use(app: App): Promise<void>;
  /** what no route answers: a page of the UI for a browser, a problem for everybody else */
  notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply;
}

/** Serves `dir`; while it is missing, a page says what to do. */
export function openUi(dir = UI_DIR): Ui {
  const index = join(dir, 'index.html');
  const built = existsSync(index);
  const page = built ? readFileSync(index, 'utf8') : NOT_BUILT;

  const sendPage = (reply: FastifyReply): FastifyReply =>
    // The page names the hashed files of its own build: an old one must not be kept.
    reply
      .code(built ? 200 : 503)
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(page);

  return {
    async use(app) {
      app.get('/', { schema: { hide: true } }, (_request, reply) => sendPage(reply));
      if (!built) return;
      await app.register(fastifyStatic, {
        root: dir,
        index: false,
        schemaHide: true,
        cacheControl: false,
        setHeaders: (reply, path) => {
          // Vite's file names in assets/ contain a hash of what is in them.
          const hashed = path.startsWith(join(dir, 'assets'));
          reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
        },
      });
    },
    notFound(request, reply) {
      if (isPage(request)) return sendPage(reply);
      return sendProblem(
        reply,
        toProblem('not-found', `There is nothing at ${request.method} ${pathOf(request)}`),
      );
    },
  };
}

const pathOf = (request: FastifyRequest): string => request.url.split('?')[0] ?? '';

/** A browser that opens an address, as opposed to a program or a missing file. */
function isPage(request: FastifyRequest): boolean {
  const path = pathOf(request);
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  if (path.startsWith('/api/') || /\.[a-z0-9]+$/i.test(path)) return false;
  return (request.headers.accept ?? '').includes('text/html');
}
