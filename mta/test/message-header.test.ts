import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import {
  dateValue,
  encodedWords,
  legacyParameter,
  mailboxField,
  oneLine,
  parameter,
  phraseOf,
  textField,
} from '../message/header.ts';

/** All that a hostile or ordinary value may hold. */
const character = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }) },
  { weight: 3, arbitrary: fc.constantFrom('届', 'け', '髙', '①', '～', '😀', '👨‍👩‍👧', 'é') },
  { weight: 2, arbitrary: fc.constantFrom(' ', ' ', '=?', '?=', '"', '\\', '<', '>', ',', ':') },
  { weight: 1, arbitrary: fc.constantFrom('\r', '\n', '\r\nBcc: x@example.jp', '\0', '\t', '\u2028') },
);
const value = fc.array(character, { maxLength: 120 }).map((parts) => parts.join(''));
const words = (text: string) => text.trim().split(/\s+/).filter(Boolean).join(' ');

function checkLines(field: string, limit = 998): void {
  expect(field).toMatch(/^[\x20-\x7e\r\n]*$/);
  expect(field.replaceAll('\r\n ', '')).not.toMatch(/[\r\n]/);
  for (const line of field.split('\r\n')) {
    expect(line.length).toBeLessThanOrEqual(limit);
    expect(line.trim()).not.toBe('');
    // RFC 2047 §2
    if (line.includes('=?UTF-8?B?')) expect(line.length).toBeLessThanOrEqual(76);
    for (const word of line.match(/=\?UTF-8\?B\?[^?]*\?=/g) ?? [])
      expect(word.length).toBeLessThanOrEqual(75);
  }
}

describe('unstructured fields', () => {
  it('are folded 7-bit lines that a mail parser reads back', async () => {
    await fc.assert(
      fc.asyncProperty(value, async (text) => {
        const field = textField('Subject', text);
        checkLines(field);
        const parsed = await simpleParser(`${field}\r\nX-After: here\r\n\r\n`);
        expect(words(parsed.subject ?? '')).toBe(words(oneLine(text)));
        expect(parsed.headers.get('x-after')).toBe('here');
        expect(parsed.headers.has('bcc')).toBe(false);
      }),
    );
  });

  it.each([
    ['short', 'Subject: short'],
    ['', 'Subject: '],
    ['  a\r\n b  ', 'Subject: a  b'],
    ['届けのお知らせ', 'Subject: =?UTF-8?B?5bGK44GR44Gu44GK55+l44KJ44Gb?='],
    // what looks like an encoded-word is encoded, or the reader would decode what was typed
    ['=?UTF-8?B?eA==?=', 'Subject: =?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?='],
    [
      'The quick brown fox jumps over the lazy dog and then it runs back over the hill again',
      'Subject: The quick brown fox jumps over the lazy dog and then it runs back\r\n over the hill again',
    ],
  ])('%j', (text, field) => {
    expect(textField('Subject', text)).toBe(field);
  });

  it('cut a word that no line can hold into encoded-words', () => {
    const field = textField('X-Long', 'a'.repeat(2000));
    checkLines(field);
    expect(field).toContain('=?UTF-8?B?');
    expect(textField('X-Long', 'a'.repeat(900))).toBe(`X-Long: ${'a'.repeat(900)}`);
  });

  it('never split a character between two encoded-words', () => {
    const text = '髙😀'.repeat(40);
    const decoded = encodedWords(text, 9)
      .split('\r\n')
      .map((line) => Buffer.from(line.trim().slice(10, -2), 'base64').toString());
    expect(decoded.length).toBeGreaterThan(3);
    expect(decoded.join('')).toBe(text);
    for (const part of decoded) expect(part).not.toContain('\ufffd');
  });
});

describe('mailbox fields', () => {
  it('give back name and address', async () => {
    await fc.assert(
      fc.asyncProperty(value, async (name) => {
        const field = mailboxField('From', name, 'news@example.jp');
        checkLines(field);
        const parsed = await simpleParser(`${field}\r\n\r\n`);
        expect(parsed.from?.value).toHaveLength(1);
        expect(parsed.from?.value[0]?.address).toBe('news@example.jp');
        expect(words(parsed.from?.value[0]?.name ?? '')).toBe(words(oneLine(name)));
      }),
    );
  });

  it.each([
    ['', 'From: news@example.jp'],
    ['Todoke News', 'From: Todoke News <news@example.jp>'],
    ['Todoke, Inc. "News"', 'From: "Todoke, Inc. \\"News\\"" <news@example.jp>'],
    ['届け', 'From: =?UTF-8?B?5bGK44GR?= <news@example.jp>'],
  ])('%j', (name, field) => {
    expect(mailboxField('From', name, 'news@example.jp')).toBe(field);
  });
});

it('a display name stays within a line when quoting doubles it', () => {
  for (const name of ['"'.repeat(600), '\\'.repeat(980), `a, ${'b'.repeat(984)}`])
    checkLines(mailboxField('From', name, 'news@example.jp'));
});

it('a phrase is always one field, whatever the list is called', () => {
  expect(phraseOf('News\r\nBcc: x@example.jp\r\n\r\nBody', 8)).toBe(' "News Bcc: x@example.jp Body"');
  fc.assert(
    fc.property(value, (name) => {
      fc.pre(oneLine(name).trim() !== '');
      checkLines(`List-Id:${phraseOf(name, 8)}`);
    }),
  );
});

describe('parameters', () => {
  it('carry file names in RFC 2231 form and in the form that old programs read', async () => {
    await fc.assert(
      fc.asyncProperty(value, async (text) => {
        const name = `x${oneLine(text).trim()}`.replace(/\s+/g, ' ');
        const disposition = `Content-Disposition: attachment${parameter('filename', name)}`;
        checkLines(disposition);
        checkLines(`Content-Type: application/pdf${legacyParameter('name', name)}`);
        const parsed = await simpleParser(`Content-Type: application/pdf\r\n${disposition}\r\n\r\nx\r\n`);
        expect(parsed.attachments[0]?.filename).toBe(name);
      }),
    );
  });

  it.each([
    ['a.pdf', ';\r\n filename="a.pdf"'],
    ['案内.pdf', ";\r\n filename*=utf-8''%E6%A1%88%E5%86%85.pdf"],
  ])('%s', (name, text) => {
    expect(parameter('filename', name)).toBe(text);
  });
});

it('dates have the form of RFC 5322', () => {
  expect(dateValue(Date.UTC(2026, 10, 4, 1, 2, 3))).toBe('Wed, 04 Nov 2026 01:02:03 +0000');
});
