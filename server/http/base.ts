/** What both apps have in common: request ids, limits, problem+json, security headers, careful validation and logging. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import fastify, {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Config } from '../config.ts';
import type { App } from '../deps.ts';
import { AppError } from '../errors.ts';
import { handleError, sendProblem, toProblem } from './problem.ts';
import { coerceJson, coerceText, defaultBody, strict } from './strict.ts';

export interface BaseOptions {
  config: Pick<Config, 'trustProxy'>;
  log: FastifyBaseLogger;
  /** bytes of a JSON or form body */
  bodyLimit: number;
  headers: FastifyHelmetOptions;
  /** level of the line that each finished request leaves; the public app serves millions */
  accessLevel: 'info' | 'debug';
  /** ms that a whole request may take to arrive, 0 for no limit */
  requestTimeout: number;
  /** default: a 404 problem */
  notFound?: (request: FastifyRequest, reply: FastifyReply) => FastifyReply;
  /** for addresses that the router refuses; default: a 400 problem */
  badUrl?: (request: FastifyRequest, reply: FastifyReply) => FastifyReply;
}

export async function createBase(options: BaseOptions): Promise<App> {
  const app: App = fastify({
    loggerInstance: options.log,
    // Its lines carry whole URLs, and so readers' addresses: onResponse below writes ours.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimit,
    trustProxy: options.config.trustProxy.length > 0 ? options.config.trustProxy : false,
    requestIdHeader: false,
    genReqId: () => randomBytes(9).toString('base64url'),
    // Idle keep-alive connections are closed at once on shutdown, running requests are finished.
    forceCloseConnections: 'idle',
    // A client that falls silent must not hold a connection for ever.
    connectionTimeout: 120_000,
    requestTimeout: options.requestTimeout,
    routerOptions: { maxParamLength: 1000 },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: true,
        allErrors: true,
        verbose: true,
      },
    },
    frameworkErrors: (error, request, reply) => {
      const isUrl = error.code === 'FST_ERR_BAD_URL' || error.code === 'FST_ERR_MAX_PARAM_LENGTH';
      if (isUrl && options.badUrl) options.badUrl(request, reply as FastifyReply);
      else handleError(error, request, reply as FastifyReply);
    },
    clientErrorHandler: (error, socket) => refuseMalformed(error, socket),
  });
  app.setErrorHandler((error: Parameters<typeof handleError>[0], request, reply) =>
    handleError(error, request, reply),
  );
  app.setNotFoundHandler(
    options.notFound ?? ((_request, reply) => sendProblem(reply, toProblem('not-found'))),
  );
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  await app.register(helmet, options.headers);

  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser(['application/json'], { parseAs: 'string' }, (request, body, done) => {
    const text = body as string;
    if (text.trim() === '') return done(null, undefined);
    parseJson(request, text, (error, value) => (error ? done(malformedJson(text)) : done(null, value)));
  });
  app.addHook('onRoute', (route) => {
    if (!route.schema) return;
    const schema = { ...route.schema };
    for (const part of ['body', 'querystring', 'params'] as const)
      if (schema[part]) schema[part] = strict(schema[part]);
    route.schema = schema;
  });
  app.addHook('preValidation', async (request) => {
    const { schema } = request.routeOptions;
    if (schema?.params) request.params = coerceText(schema.params, request.params);
    if (schema?.querystring) request.query = coerceText(schema.querystring, request.query);
    if (schema?.body) request.body = coerceJson(schema.body, defaultBody(schema.body, request.body));
  });
  app.addHook('onResponse', async (request, reply) => {
    // Probes and the UI's files say nothing of what people and programs do.
    const level = request.url.startsWith('/api/') ? options.accessLevel : 'debug';
    request.log[level](
      {
        method: request.method,
        route: request.routeOptions.url ?? '',
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        actor: request.actor ? `${request.actor.kind}:${request.actor.id}` : undefined,
      },
      'request',
    );
  });
  app.decorateRequest('actor', null);
  return app;
}

/** V8's own message quotes the text, which may hold a password: only the place or the character is told. */
function malformedJson(text: string): AppError {
  return new AppError('invalid-request', `The body is not valid JSON: ${whatIsWrong(text)}`);
}

function whatIsWrong(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const place = /\(line (\d+) column (\d+)\)/.exec(message);
    if (place) return `line ${place[1]}, column ${place[2]}`;
    const token = /^Unexpected token '(.)'/u.exec(message)?.[1];
    return token ? `unexpected ${token}` : 'it ends too early';
  }
  return 'the keys __proto__ and constructor are not allowed';
}

/** Bytes that are no HTTP never reach a route: answered here, on the bare socket. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy(error);
    return;
  }
  // A response may be under way already on this socket: then the connection can only be cut.
  const underWay = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage;
  if (underWay?.headersSent) {
    socket.destroy(error);
    return;
  }
  const body = JSON.stringify(toProblem('invalid-request', 'The bytes received are not an HTTP request'));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
