import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import { Id, Nullable } from '../schemas.ts';
import { coerceJson, coerceText, defaultBody, strict } from './strict.ts';

describe('JSON bodies', () => {
  const schema = Type.Object({
    id: Type.Optional(Id),
    listIds: Type.Optional(Type.Array(Id)),
    name: Type.Optional(Type.String()),
    nothing: Type.Optional(Nullable(Id)),
    value: Type.Optional(Nullable(Type.Union([Type.String(), Type.Integer()]))),
    ratio: Type.Optional(Type.Number()),
    flag: Type.Optional(Type.Boolean()),
    from: Type.Optional(Type.Object({ id: Id })),
  });
  test.each([
    [{ id: '12' }, { id: 12 }],
    [{ listIds: ['1', 2, 'x'] }, { listIds: [1, 2, 'x'] }],
    [{ from: { id: '3' } }, { from: { id: 3 } }],
    [{ nothing: '4' }, { nothing: 4 }],
    // what the caller meant as text stays text, and null stays null
    [{ name: '12' }, { name: '12' }],
    [{ value: '12' }, { value: '12' }],
    [
      { name: null, nothing: null },
      { name: null, nothing: null },
    ],
    [
      { flag: 'true', ratio: '0.5' },
      { flag: 'true', ratio: '0.5' },
    ],
    [{ id: '1.5' }, { id: '1.5' }],
    [{ id: '' }, { id: '' }],
    [{ id: '99999999999999999999' }, { id: '99999999999999999999' }],
    [{ unknown: '1' }, { unknown: '1' }],
  ])('%j becomes %j', (input, expected) => {
    expect(coerceJson(schema, input)).toEqual(expected);
  });

  test('the caller’s object is not changed', () => {
    const input = { id: '1' };
    coerceJson(schema, input);
    expect(input).toEqual({ id: '1' });
  });
});

describe('query strings and paths', () => {
  const schema = Type.Object({
    limit: Type.Optional(Type.Integer()),
    share: Type.Optional(Type.Number()),
    all: Type.Optional(Type.Boolean()),
    kinds: Type.Optional(Type.Array(Type.String())),
    ids: Type.Optional(Type.Array(Type.Integer())),
    q: Type.Optional(Type.String()),
  });
  test.each([
    [{ limit: '10' }, { limit: 10 }],
    [{ limit: 'ten' }, { limit: 'ten' }],
    [{ limit: '' }, { limit: '' }],
    [{ share: '-0.5' }, { share: -0.5 }],
    [{ all: 'true' }, { all: true }],
    [{ all: '1' }, { all: '1' }],
    [{ kinds: 'a' }, { kinds: ['a'] }],
    [{ ids: '1' }, { ids: [1] }],
    [{ ids: ['1', '2'] }, { ids: [1, 2] }],
    [{ q: '10' }, { q: '10' }],
  ])('%j becomes %j', (input, expected) => {
    expect(coerceText(schema, input)).toEqual(expected);
  });
});

test('no object takes what it does not name, a record takes any key', () => {
  const schema = Type.Object({
    one: Type.Object({ a: Type.String() }),
    many: Type.Array(Nullable(Type.Object({ b: Type.String() }))),
    record: Type.Record(Type.String(), Type.String()),
    open: Type.Object({}, { additionalProperties: true }),
  });
  const made = JSON.parse(JSON.stringify(strict(schema)));
  expect(made.additionalProperties).toBe(false);
  expect(made.properties.one.additionalProperties).toBe(false);
  expect(made.properties.many.items.anyOf[0].additionalProperties).toBe(false);
  expect(made.properties.record).not.toHaveProperty('additionalProperties', false);
  expect(made.properties.open.additionalProperties).toBe(true);
  expect(schema).not.toHaveProperty('additionalProperties');
});

test('a body may be missing when everything in it may', () => {
  const optional = Type.Object({ a: Type.Optional(Type.String()) });
  const needed = Type.Object({ a: Type.String() });
  expect([
    defaultBody(optional, undefined),
    defaultBody(optional, null),
    defaultBody(optional, { a: 'x' }),
  ]).toEqual([{}, {}, { a: 'x' }]);
  expect(defaultBody(needed, undefined)).toBeUndefined();
});
