import { expect, test } from 'vitest';
import { fallbackRange, insertion, liquidPlace } from './liquid.ts';

// `‸` is the cursor.
const cases: [text: string, expected: { kind: string; word: string; closed: boolean } | null][] = [
  ['こんにちは‸', null],
  ['<p>{{‸', { kind: 'variable', word: '', closed: false }],
  ['{{ na‸', { kind: 'variable', word: 'na', closed: false }],
  ['{{ na‸ }}', { kind: 'variable', word: 'na', closed: true }],
  ['{{ na‸ | default: "x" }}', { kind: 'variable', word: 'na', closed: true }],
  ['{{- na‸', { kind: 'variable', word: 'na', closed: false }],
  ['{{ name | def‸', { kind: 'filter', word: 'def', closed: false }],
  ['{{ name | ‸ }}', { kind: 'filter', word: '', closed: true }],
  ['{{ name ‸', null],
  ['{{ name | default: "お‸', null],
  ['{{ name | default: "お客様" | up‸', { kind: 'filter', word: 'up', closed: false }],
  ['{{ name }} 様‸', null],
  ['{{ name }} {{ com‸', { kind: 'variable', word: 'com', closed: false }],
  ['{% i‸', { kind: 'tag', word: 'i', closed: false }],
  ['{% if ra‸ %}', { kind: 'variable', word: 'ra', closed: true }],
  ['{% if rank == "go‸" %}', null],
  ['{% if rank == "gold" %}‸', null],
];

test.each(cases)('%s', (text, expected) => {
  const [before = '', after = ''] = text.split('‸');
  const place = liquidPlace(before, after);
  expect(place && { kind: place.kind, word: before.slice(place.from), closed: place.closed }).toEqual(
    expected,
  );
});

test('an insertion carries its fallback, and a quote in it cannot break the template', () => {
  expect(insertion({ key: 'name', label: 'お名前', fallback: 'お客様' })).toBe(
    '{{ name | default: "お客様" }}',
  );
  expect(insertion({ key: 'email', label: 'メール', fallback: null })).toBe('{{ email }}');
  expect(insertion({ key: 'x', label: 'x', fallback: 'a"b' })).toBe('{{ x | default: "ab" }}');
});

test('the fallback can be selected in what was inserted', () => {
  expect(fallbackRange('{{ name | default: "お客様" }}')).toEqual({ from: 20, to: 23 });
  expect(fallbackRange('{{ company | default: "" }}')).toEqual({ from: 23, to: 23 });
  expect(fallbackRange('{{ email }}')).toBeNull();
});
