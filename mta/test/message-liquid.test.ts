import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkTemplate,
  clickTag,
  openTag,
  parseProgram,
  renderByLiquid,
  renderProgram,
  type Scope,
  urlTag,
  variablesOf,
} from '../message/liquid.ts';
import type { MergeValues } from '../types.ts';

const scopeOf = (merge: MergeValues): Scope => ({
  merge,
  email: 'taro@example.jp',
  unsubscribeUrl: 'https://t.example/u/TOKEN',
  tracking: {
    click: (index) => `click:${index}`,
    clickUrl: (index, url) => `url:${index}:${url}`,
    open: () => 'open',
  },
});

const name = fc.constantFrom(
  'name',
  'city',
  'points',
  'vip',
  'tags',
  'email',
  'unsubscribe_url',
  'missing',
  'size',
  'first',
  'constructor',
  'toString',
  '__proto__',
);
const literal = fc.oneof(
  fc.string({ maxLength: 12 }).map((text) => text.replace(/[{}]/g, '')),
  fc.constantFrom(
    '届け',
    '\r\n',
    '  ',
    '<b>',
    '{',
    '}',
    '{}',
    '{% comment %}x {{ name }}{% endcomment %}',
    '{% # note %}',
  ),
);
const quoted = fc.string({ maxLength: 8 }).map((text) => `"${text.replace(/["\\{}%]/g, '')}"`);
const output = fc.oneof(
  name.map((variable) => `{{ ${variable} }}`),
  name.map((variable) => `{{${variable}}}`),
  name.map((variable) => `{{- ${variable} -}}`),
  fc.tuple(name, quoted).map(([variable, text]) => `{{ ${variable} | default: ${text} }}`),
  fc.tuple(name, name).map(([variable, other]) => `{{ ${variable} | default: ${other} }}`),
  fc.tuple(name, quoted).map(([variable, text]) => `{{ ${variable} | default: ${text} -}}`),
  name.map((variable) => `{{ ${variable} | default: 3 }}`),
  name.map((variable) => `{{ ${variable} | upcase }}`),
  name.map((variable) => `{{ ${variable} | raw }}`),
  name.map((variable) => `{{ ${variable} | default: "<i>" | raw }}`),
);
const template = fc.array(fc.oneof(literal, output), { maxLength: 10 }).map((parts) => parts.join(''));
const text = fc.oneof(fc.string({ maxLength: 10 }), fc.constantFrom('山田', '<script>', `"'&`, '', ' '));
const merge: fc.Arbitrary<MergeValues> = fc.record(
  {
    name: text,
    city: fc.oneof(text, fc.constant(null)),
    points: fc.oneof(fc.integer(), fc.double({ noNaN: true })),
    vip: fc.boolean(),
    tags: fc.array(text, { maxLength: 3 }),
    email: text,
    size: text,
  },
  { requiredKeys: [] },
);

describe('segments', () => {
  it.each(['html', 'plain'] as const)('give what liquidjs gives (%s)', (flavour) => {
    let filled = 0;
    fc.assert(
      fc.property(template, merge, (source, values) => {
        const { program } = checkTemplate(source, flavour);
        if (!program?.segments) return;
        filled++;
        const scope = scopeOf(values);
        expect(renderProgram(program, scope)).toBe(renderByLiquid(program, scope));
      }),
      { numRuns: 3000 },
    );
    expect(filled).toBeGreaterThan(500);
  });

  it('give what liquidjs gives for our own tags', () => {
    const source = `{{ name }}<a href="${clickTag(3)}"><a href="${urlTag(4, 'https://x/?n={{ name | default: "none" }}&v={{ vip }}')}">${openTag}`;
    const program = parseProgram(source, 'tracking');
    expect(program.segments).not.toBeNull();
    const rows: MergeValues[] = [{}, { name: '<山&田>', vip: true }];
    for (const values of rows) {
      const scope = scopeOf(values);
      expect(renderProgram(program, scope)).toBe(renderByLiquid(program, scope));
    }
    // the URL is not HTML-escaped before it is signed
    expect(renderProgram(program, scopeOf({ name: '<' }))).toBe(
      '&lt;<a href="click:3"><a href="url:4:https://x/?n=<&v=">open',
    );
  });

  it('cover plain outputs and leave everything else to liquidjs', () => {
    const hasSegments = (source: string) => checkTemplate(source, 'html').program?.segments !== null;
    expect(hasSegments('a {{ name }} b {{ city | default: "x" }}{% comment %}{% endcomment %}')).toBe(true);
    expect(hasSegments('{{ name | upcase }}')).toBe(false);
    expect(hasSegments('{% if vip %}a{% endif %}')).toBe(false);
    expect(hasSegments('{{ name | default: "x" | upcase }}')).toBe(false);
  });

  it('keep loop variables inside personalised links', () => {
    const program = parseProgram(
      `{% for tag in tags %}${urlTag(0, 'https://x/{{ tag | url_encode }}')} {% endfor %}`,
      'tracking',
    );
    expect(renderProgram(program, scopeOf({ tags: ['a b', '<'] }))).toBe(
      'url:0:https://x/a+b url:0:https://x/%3C ',
    );
  });
});

describe('errors name line and column, counted from 1', () => {
  it.each([
    ['{{ name | nope }}', 1, 11, 'undefined filter: nope'],
    ['あ\r\n  {{ name | upcase | nope }}', 2, 22, 'undefined filter: nope'],
    ['a\n{{ name\n  | nope }}', 3, 5, 'undefined filter: nope'],
    ['x\n {% if a %}', 2, 2, 'tag {% if a %} not closed'],
    ['a {{ name', 1, 3, 'output "{{ name" not closed'],
    ['{% endif %}', 1, 1, 'tag "endif" not found'],
    ['{% assign a = b | nope %}', 1, 19, 'undefined filter: nope'],
    ['{{ }}', 1, 4, 'invalid value expression: ""'],
    ['hi {{ first name }}', 1, 4, '{{ first name }} holds more than one value; names have no spaces'],
    // no files
    ['{% include "x" %}', 1, 1, 'tag "include" not found'],
    ['{% render "x" %}', 1, 1, 'tag "render" not found'],
    ['{% layout "x" %}', 1, 1, 'tag "layout" not found'],
    // our own tags are not for authors
    [`\n${clickTag(0)}`, 2, 1, 'tag "todoke_click" not found'],
    [urlTag(0, 'https://evil.example/'), 1, 1, 'tag "todoke_url" not found'],
  ])('%j', (source, line, column, message) => {
    expect(checkTemplate(source, 'html').problem).toMatchObject({ line, column, message });
  });

  it('comparisons and logic are one value', () => {
    for (const source of [
      '{{ a == b }}',
      '{{ a and b or c }}',
      '{{ not a }}',
      '{{ a contains "b" }}',
      '{{ "a" }}',
    ]) {
      expect(checkTemplate(source, 'plain').problem).toBeNull();
    }
  });
});

it('work is bounded: a loop over a billion ends with an error', () => {
  const { program } = checkTemplate('{% for i in (1..1000000000) %}x{% endfor %}', 'plain');
  expect(() => renderProgram(program!, scopeOf({}))).toThrow(/memory alloc limit exceeded/);
  const nested = checkTemplate(
    '{% for i in (1..9999) %}{% for j in (1..9999) %}{{ i }}{% endfor %}{% endfor %}',
    'plain',
  );
  expect(() => renderProgram(nested.program!, scopeOf({}))).toThrow(/limit exceeded/);
});

it('HTML is escaped unless the author says raw; plain text is not', () => {
  const values = scopeOf({ name: '<b>' });
  expect(renderProgram(checkTemplate('{{ name }}{{ name | raw }}', 'html').program!, values)).toBe(
    '&lt;b&gt;<b>',
  );
  expect(renderProgram(checkTemplate('{{ name }}', 'plain').program!, values)).toBe('<b>');
});

it('prototypes are out of reach', () => {
  const program = checkTemplate('[{{ constructor }}{{ name.constructor }}{{ __proto__ }}]', 'plain').program!;
  expect(renderProgram(program, scopeOf({ name: 'x' }))).toBe('[]');
});

it('names the variables that a template reads', () => {
  const source =
    '{{ name }}{{ a.b }}{% for t in tags %}{{ t }}{% endfor %}{% assign x = y %}{{ x }}{{ c | default: d }}{{ email }}';
  expect(variablesOf(checkTemplate(source, 'html').program!).sort()).toEqual([
    'a',
    'c',
    'd',
    'email',
    'name',
    'tags',
    'y',
  ]);
});
