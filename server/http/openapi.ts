/** OpenAPI 3.1 from the routes' own schemas, and docs to browse that come from the image alone. */
import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { permissionOf } from '../auth/guard.ts';
import type { App } from '../deps.ts';
import { Problem } from '../schemas.ts';
import { VERSION } from '../version.ts';

/** First segment of the path → the chapter in the docs: decided here alone, whatever a feature says. */
const TAGS: Record<string, string> = {
  session: 'Login',
  users: 'Users and keys',
  'api-keys': 'Users and keys',
  'audit-log': 'Users and keys',
  settings: 'Settings',
  lists: 'Audience',
  subscribers: 'Audience',
  attributes: 'Audience',
  imports: 'Audience',
  suppressions: 'Audience',
  campaigns: 'Campaigns',
  deliveries: 'Delivery',
  queues: 'Delivery',
  'sandbox-messages': 'Delivery',
  'sending-domains': 'Delivery',
  routes: 'Delivery',
  'ip-pools': 'Delivery',
  shaping: 'Delivery',
  'tls-rules': 'Delivery',
  'tls-reports': 'Delivery',
  'tls-status': 'Delivery',
  webhooks: 'Webhooks',
  overview: 'Overview',
  search: 'Overview',
  events: 'Overview',
};

/** probes and this description */
const OTHER = 'Operation';

const INTRODUCTION = `Times are ISO 8601 in UTC. Lists are paged: \`?limit&cursor\` answers \`{items, nextCursor}\`.
Errors are RFC 9457 \`application/problem+json\`; \`code\` is stable, \`errors\` names each bad field.

**Idempotency-Key**: send one with every POST that creates or sends. A repeated request with the same key gets the
first one's answer (with \`Idempotency-Replayed: true\`) for 24 hours; the same key with another request is a 409.`;

/** Must be registered before the routes that it describes. */
export async function useOpenApi(app: App): Promise<void> {
  app.addSchema({ ...Problem, $id: 'Problem' });
  await app.register(swagger, {
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, i) => String(schema.$id ?? `schema-${i}`),
    },
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Todoke', version: VERSION, description: INTRODUCTION },
      servers: [{ url: '/' }],
      tags: [...new Set([...Object.values(TAGS), OTHER])].map((name) => ({ name })),
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'An API key, `tdk_…`' },
          session: { type: 'apiKey', in: 'cookie', name: 'todoke_session', description: 'A login of the UI' },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const method = Array.isArray(route.method) ? route.method[0]! : route.method;
      const permission = permissionOf(method, url);
      const described = { ...schema };
      described.tags = [TAGS[url.split('/')[3] ?? ''] ?? OTHER];
      described.description ??= needs(permission);
      described.security ??=
        permission === 'public'
          ? []
          : permission === 'session'
            ? [{ session: [] }]
            : [{ key: [] }, { session: [] }];
      described.response = {
        ...describeResponses(described.response as Record<string, object> | undefined),
        default: {
          description: 'An error',
          content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
        },
      };
      if (method === 'POST' && permission !== 'public') described.headers ??= IDEMPOTENCY_HEADER;
      return { schema: described, url };
    },
  });

  app.get('/api/v1/openapi.json', { schema: { summary: 'This description, as OpenAPI 3.1' } }, async () =>
    app.swagger(),
  );

  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    uiConfig: { deepLinking: true, docExpansion: 'none', validatorUrl: null },
    // The hash is of the one style attribute that Swagger UI writes.
    staticCSP:
      "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-hashes' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
  });
}

const IDEMPOTENCY_HEADER = {
  type: 'object',
  properties: {
    'Idempotency-Key': {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      description: 'Makes a repetition of this request safe',
    },
  },
};

function describeResponses(responses: Record<string, object> = { 200: {} }): Record<string, object> {
  return Object.fromEntries(
    Object.entries(responses).map(([status, schema]) => [
      status,
      { description: STATUS_CODES[status] ?? 'Done', ...schema },
    ]),
  );
}

function needs(permission: string | undefined): string {
  if (permission === 'public') return 'Needs no login.';
  if (permission === 'session') return 'Needs a login of the UI.';
  return permission === 'any' ? 'Needs a login or an API key.' : `Needs the scope \`${permission}\`.`;
}
