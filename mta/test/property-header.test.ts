/** Header fields: unfolding and decoding give back what was typed, no line is too long, and no value starts a field of its own. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodedWords, mailboxField, oneLine, phraseOf, textField } from '../message/header.ts';

const value = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 3 }) },
      { weight: 3, arbitrary: fc.constantFrom('届', 'け', '髙', '①', '～', '😀', '👨‍👩‍👧', 'é', '\ud800') },
      {
        weight: 3,
        arbitrary: fc.constantFrom(' ', '  ', '\t', '=?', '?=', '"', '\\', '<', '>', ',', ':', ';'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('\r', '\n', '\r\nBcc: x@example.jp', '\r\n\r\nbody', '\0', '\u2028'),
      },
      { weight: 1, arbitrary: fc.nat(1200).map((size) => 'x'.repeat(size)) },
      { weight: 1, arbitrary: fc.nat(700).map((size) => '"'.repeat(size)) },
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

/** RFC 5322 §2.2.3, and nothing else. */
const unfold = (field: string): string => field.replace(/\r\n(?=[ \t])/g, '');

/** RFC 2047 §6.2: white space between two encoded-words is none; a reader that knows nothing of how they were made. */
const decode = (text: string): string =>
  text
    .replace(/(=\?UTF-8\?B\?[^?]*\?=)[ \t]+(?==\?UTF-8\?B\?)/g, '$1')
    .replace(/=\?UTF-8\?B\?([^?]*)\?=/g, (_, word: string) => Buffer.from(word, 'base64').toString());

function check(field: string): void {
  // One field: every CRLF is followed by white space and something that is not.
  expect(field).toMatch(/^[\x20-\x7e]*(?:\r\n[ \t][\x20-\x7e]*)*$/);
  for (const line of field.split('\r\n')) {
    expect(line.length).toBeLessThanOrEqual(998);
    expect(line.trim()).not.toBe('');
  }
}

const typed = (text: string): string => oneLine(text).trim().toWellFormed();
const plain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text) && !text.includes('=?');

describe('unstructured fields', () => {
  it('unfold to the text as it was typed', () => {
    fc.assert(
      fc.property(value, fc.constantFrom('Subject', 'X', `X-${'Long-'.repeat(13)}Name`), (text, name) => {
        const field = textField(name, text);
        check(field);
        const got = unfold(field);
        expect(got.startsWith(`${name}:`)).toBe(true);
        const content = got.slice(name.length + 1).trim();
        // A word that no line can hold is encoded although it is ASCII.
        expect(content.startsWith('=?UTF-8?B?') ? decode(content) : content).toBe(typed(text));
        if (!plain(typed(text))) expect(content).toMatch(/^=\?UTF-8\?B\?/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('encoded-words', () => {
  it('have at most 75 characters, lines with one 76, and each holds whole characters (RFC 2047 §2, §5)', () => {
    fc.assert(
      fc.property(value, fc.integer({ min: 3, max: 74 }), (text, column) => {
        fc.pre(typed(text) !== '');
        const lines = encodedWords(typed(text), column).split('\r\n');
        for (const [i, line] of lines.entries()) {
          expect(line.length + (i === 0 ? column : 0)).toBeLessThanOrEqual(76);
          if (i === 0 && line === '') continue;
          const word = /^ =\?UTF-8\?B\?([A-Za-z0-9+/=]+)\?=$/.exec(line)?.[1];
          expect(word).toBeDefined();
          // A character that was cut in two would not survive its own word.
          expect(Buffer.from(Buffer.from(word!, 'base64').toString()).toString('base64')).toBe(word);
        }
        expect(decode(unfold(lines.join('\r\n')).trim())).toBe(typed(text));
      }),
      { numRuns: 500 },
    );
  });
});

describe('display names', () => {
  it('come back, with the address behind them', () => {
    fc.assert(
      fc.property(value, (text) => {
        const field = mailboxField('From', text, 'news@example.jp');
        check(field);
        const content = unfold(field).slice('From:'.length).trim();
        if (typed(text) === '') {
          expect(content).toBe('news@example.jp');
          return;
        }
        const [, phrase = ''] = /^(.*?) ?<news@example\.jp>$/.exec(content)!;
        const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(phrase)?.[1];
        const name = quoted !== undefined ? quoted.replace(/\\(.)/g, '$1') : decode(phrase);
        expect(name).toBe(typed(text));
        // Outside quotes and encoded-words there are atoms alone (RFC 5322 §3.2.5).
        if (quoted === undefined) expect(phrase).toMatch(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*$/);
      }),
      { numRuns: 1000 },
    );
  });

  it('are one field, whatever a list is called', () => {
    fc.assert(
      fc.property(value, (text) => {
        fc.pre(typed(text) !== '');
        check(`List-Id:${phraseOf(text, 8)}`);
      }),
      { numRuns: 500 },
    );
  });
});
