import { describe, expect, it } from 'vitest';
import { mappingErrors, unreadable } from './mapping.ts';

describe('mappingErrors', () => {
  it.each([
    [['email', 'name', null], 1, { list: false, mapping: null }],
    [['name', null], 1, { list: false, mapping: 'no-email' }],
    [['email', 'company', 'company'], 1, { list: false, mapping: 'duplicate' }],
    [['email', 'email'], 1, { list: false, mapping: 'duplicate' }],
    [[null, null], 0, { list: true, mapping: 'no-email' }],
  ] as const)('%j into list %i', (mapping, listId, expected) => {
    expect(mappingErrors(mapping, listId)).toEqual(expected);
  });
});

describe('unreadable', () => {
  const head = (text: string) => new TextEncoder().encode(text);
  it.each([
    ['an empty file', 0, head(''), 'empty-file'],
    ['xlsx', 9, new Uint8Array([0x50, 0x4b, 3, 4, 0x14]), 'excel-file'],
    ['xls', 9, new Uint8Array([0xd0, 0xcf, 0x11, 0xe0, 0xa1]), 'excel-file'],
    ['a PDF', 9, head('%PDF-1.7'), 'binary-file'],
    ['a CSV', 9, head('PK,name\n'), null],
  ] as const)('%s', (_, size, bytes, expected) => {
    expect(unreadable(size, bytes)).toBe(expected);
  });
});
