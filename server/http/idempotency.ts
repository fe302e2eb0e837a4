/**
 * `Idempotency-Key`: a POST that is repeated after a lost answer has its effect once.
 *
 * The key and what was answered are kept for 24 hours, the answer encrypted under the key itself: answers hold
 * readers' addresses and, once, an API key, and only whoever sent the request may ever read them again.
 * A row without answer means that the first request still runs in this process. One left by a crash is removed at
 * start (the folder's lock says that nobody else runs), so the request can be made again.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sha256 } from '../auth/secrets.ts';
import type { App, Db } from '../deps.ts';
import { AppError } from '../errors.ts';

const KEPT_MS = 24 * 3_600_000;

interface Answer {
  type: string;
  body: string;
}

interface Begun {
  key: string;
  keyHash: string;
  actor: string;
  route: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** set while this request is the first with its key */
    idempotency: Begun | null;
  }
}

/** Whether the same request will always get this answer: only then may it be replayed. */
export function isStorable(status: number, route: string): boolean {
  if (status >= 200 && status < 300) return true;
  if (status === 400 || status === 413 || status === 415) return true;
  // On something that exists (`/campaigns/:id/start`) it depends on that thing, which can be changed meanwhile.
  return status === 422 && !route.includes('/:');
}

/** Applies to every POST of an actor that sends the header. */
export function useIdempotency(app: App, db: Db): void {
  const insert = db.$client.prepare(
    'INSERT OR IGNORE INTO idempotency_keys (actor, key, route, request_hash, created_at) VALUES (?, ?, ?, ?, ?)',
  );
  const find = db.$client.prepare(
    'SELECT route, request_hash AS requestHash, status, body FROM idempotency_keys WHERE actor = ? AND key = ?',
  );
  const store = db.$client.prepare(
    'UPDATE idempotency_keys SET status = ?, body = ? WHERE actor = ? AND key = ?',
  );
  const release = db.$client.prepare(
    'DELETE FROM idempotency_keys WHERE actor = ? AND key = ? AND status IS NULL',
  );
  const purge = db.$client.prepare('DELETE FROM idempotency_keys WHERE created_at < ?');
  db.$client.prepare('DELETE FROM idempotency_keys WHERE status IS NULL').run();

  app.decorateRequest('idempotency', null);

  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || key === undefined || !request.actor) return;
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new AppError(
        'invalid-request',
        'Idempotency-Key: should be 1 to 255 printable ASCII characters',
        [
          {
            pointer: 'idempotency-key',
            code: 'pattern',
            message: 'should be 1 to 255 printable ASCII characters',
          },
        ],
      );
    }
    const now = Date.now();
    purge.run(now - KEPT_MS);
    const begun: Begun = {
      key,
      keyHash: sha256(key),
      actor: `${request.actor.kind}:${request.actor.id}`,
      route: request.routeOptions.url ?? '',
    };
    const hash = requestHash(request, key);
    if (insert.run(begun.actor, begun.keyHash, begun.route, hash, now).changes === 1) {
      request.idempotency = begun;
      return;
    }
    const first = find.get(begun.actor, begun.keyHash) as {
      requestHash: string;
      status: number | null;
      body: string | null;
    };
    if (first.requestHash !== hash) throw new AppError('idempotency-conflict');
    if (first.status === null || first.body === null) throw new AppError('idempotency-running');
    const answer = JSON.parse(decrypt(first.body, key)) as Answer;
    reply.code(first.status).header('idempotency-replayed', 'true');
    if (answer.type) reply.header('content-type', answer.type);
    // The text is as it was sent: it must not be serialised again.
    return reply.serializer((body: unknown) => body as string).send(answer.body);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const begun = request.idempotency;
    if (!begun) return payload;
    request.idempotency = null;
    if (isStorable(reply.statusCode, begun.route) && isText(payload)) {
      const answer: Answer = { type: String(reply.getHeader('content-type') ?? ''), body: payload ?? '' };
      store.run(reply.statusCode, encrypt(JSON.stringify(answer), begun.key), begun.actor, begun.keyHash);
    } else release.run(begun.actor, begun.keyHash);
    return payload;
  });

  // Whatever ended the request without an answer (a closed connection, an error in a hook) frees the key.
  const free = (request: FastifyRequest) => {
    if (request.idempotency) release.run(request.idempotency.actor, request.idempotency.keyHash);
    request.idempotency = null;
  };
  app.addHook('onResponse', async (request: FastifyRequest, _reply: FastifyReply) => free(request));
}

function isText(payload: unknown): payload is string | null | undefined {
  return typeof payload === 'string' || payload === null || payload === undefined;
}

/** A file that is uploaded is told apart by its key alone: it streams past, and nobody wants it hashed twice. */
function requestHash(request: FastifyRequest, key: string): string {
  const body = request.isMultipart() ? 'multipart' : canonical(request.body);
  return createHash('sha256')
    .update(JSON.stringify([key, request.method, request.url, body]))
    .digest('hex');
}

/** The same JSON whatever the order of its keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

const cipherKey = (key: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', 'todoke idempotency answer', 32));

function encrypt(text: string, key: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', cipherKey(key), iv);
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), data]).toString('base64');
}

function decrypt(stored: string, key: string): string {
  const bytes = Buffer.from(stored, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', cipherKey(key), bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
}
