import { Check } from 'typebox/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../auth/permissions.ts';
import { features } from '../features.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';

type Json = Record<string, unknown>;
interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  security: Record<string, unknown[]>[];
  parameters?: { name: string; in: string; required?: boolean; schema: unknown }[];
  requestBody?: { content: Record<string, { schema: unknown }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>;
}
interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

let h: Harness;
let document: OpenApi;
let operations: { key: string; path: string; operation: Operation }[];
beforeAll(async () => {
  h = await startHarness({ features });
  document = (await call(h.admin, 'GET', '/api/v1/openapi.json', h.key('reports:read'))).body;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      key: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );
});
afterAll(() => h.close());

/** Every object in a JSON value. */
function* objects(value: unknown): Generator<Json> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Json;
  for (const child of Object.values(value)) yield* objects(child);
}

test('it is OpenAPI 3.1 and covers every route of the API, and nothing else', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.info.title).toBe('Todoke');
  const expected = Object.keys(ROUTES)
    .filter((key) => !/ \/(\*)?$| \/api\/docs/.test(key))
    .map((key) => key.replace(/:(\w+)/g, '{$1}'));
  expect(operations.map(({ key }) => key).sort()).toEqual(expected.sort());
});

test('every operation says what it does, where it belongs, what it needs and how it fails', () => {
  const tags = document.tags.map(({ name }) => name);
  for (const { key, operation } of operations) {
    expect(operation.summary, key).toMatch(/^\S.{2,}/);
    expect(
      operation.tags?.every((tag) => tags.includes(tag)),
      key,
    ).toBe(true);
    expect(operation.description, key).toBeTruthy();
    expect(operation.responses.default?.content, key).toHaveProperty(['application/problem+json']);
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(status, key).toMatch(/^[1-5]\d\d$|^default$/);
      expect(response.description, key).toBeTruthy();
    }
    for (const scheme of operation.security.flatMap(Object.keys))
      expect(document.components.securitySchemes, key).toHaveProperty(scheme);
  }
});

test('path parameters are those of the path', () => {
  for (const { key, path, operation } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
    const described = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
    expect(described.map(({ name }) => name).sort(), key).toEqual(named);
    expect(
      described.every(({ required }) => required === true),
      key,
    ).toBe(true);
  }
});

test('schemas are JSON Schema that an engine takes, references lead somewhere, nothing is left of 3.0', () => {
  for (const object of objects(document)) {
    expect(object).not.toHaveProperty('nullable');
    if (typeof object.$ref !== 'string') continue;
    const target = object.$ref
      .slice(2)
      .split('/')
      .reduce<unknown>((value, segment) => (value as Json)?.[segment], document);
    expect(target, object.$ref).toBeTypeOf('object');
  }
  const resolve = (schema: unknown) => ({ ...(schema as Json), components: document.components });
  for (const { key, operation } of operations) {
    const contents = [operation.requestBody, ...Object.values(operation.responses)].flatMap((part) =>
      Object.values(part?.content ?? {}),
    );
    const schemas = [...contents, ...(operation.parameters ?? [])]
      .map(({ schema }) => schema)
      .filter((schema) => schema !== undefined);
    for (const schema of schemas) expect(() => Check(resolve(schema) as never, {}), key).not.toThrow();
  }
});

test('a problem document is of the form that is described', async () => {
  const { body } = await call(h.admin, 'GET', '/api/v1/users');
  expect(Check(document.components.schemas.Problem as never, body)).toBe(true);
});

test('the docs come from the image: no address of another host in page, script or policy', async () => {
  const { headers } = await h.login('viewer');
  const page = await call(h.admin, 'GET', '/api/docs/', headers);
  expect(page.status).toBe(200);
  expect(page.text).not.toMatch(/(src|href)="https?:/);
  const start = await call(h.admin, 'GET', '/api/docs/static/swagger-initializer.js', headers);
  expect(start.text).toContain('"validatorUrl":null');
  expect(start.headers['content-security-policy']).not.toMatch(/https?:|validator|script-src[^;]*unsafe/);
  for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css', 'swagger-ui-standalone-preset.js']) {
    expect((await call(h.admin, 'GET', `/api/docs/static/${name}`, headers)).status, name).toBe(200);
  }
});
