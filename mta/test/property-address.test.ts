/** Addresses: whatever is accepted goes out as one path that the RFC's grammar knows, and is the same person when it comes back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelopeAddress, parseAddress } from '../message/address.ts';
import { NO_CAPABILITIES } from '../smtp/capabilities.ts';
import { envelopeCommands } from '../smtp/envelope.ts';

const anything = fc
  .array(
    fc.constantFrom(
      'a',
      'Z',
      '.',
      '@',
      '"',
      '\\',
      ' ',
      '\r',
      '\n',
      '\0',
      'あ',
      '😀',
      '-',
      'example',
      '.jp',
      '<',
      '>',
      '\ud800',
      '\u200b',
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(''));
/** Local parts as people have them, and as docomo and au once gave them out. */
const local = fc
  .array(fc.constantFrom('a', 'Z', '0', '.', '..', '-', '_', '+', "'", '/', '='), {
    minLength: 1,
    maxLength: 20,
  })
  .map((parts) => parts.join('').slice(0, 64));
const quotedLocal = fc
  .array(fc.constantFrom('a', ' ', '@', '<', '>', ',', '.', '\\"', '\\\\', '\\ '), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) => `"${parts.join('')}"`);
const domain = fc.constantFrom('example.jp', 'DOCOMO.ne.jp', '例え.jp', 'a.b.c.d.example.co.jp');
const likely = fc.tuple(fc.oneof(local, quotedLocal), domain).map(([name, host]) => `${name}@${host}`);

// RFC 5321 §4.1.2 Mailbox, with RFC 6531 §3.3's characters in the local part
const MAILBOX =
  /^(?:[^\s()<>[\]:;@\\,."]+(?:\.[^\s()<>[\]:;@\\,."]+)*|"(?:[^"\\\p{Cc}]|\\[\x20-\x7e])*")@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/u;

describe('an accepted address', () => {
  it('has a path by the grammar, one line, and the same key when it is read again', () => {
    fc.assert(
      fc.property(fc.oneof(anything, likely), (input) => {
        const parsed = parseAddress(input);
        if (!parsed.ok) return;
        const { path, utf8 } = envelopeAddress(parsed);
        expect(path).toMatch(MAILBOX);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII from end to end
        expect(/^[\x00-\x7f]*$/.test(path)).toBe(!utf8);
        const again = parseAddress(path);
        expect(again).toMatchObject({ ok: true, key: parsed.key });
        // Quoting is undone to what was typed.
        expect(again.ok && again.local).toBe(parsed.local);
        expect(again.ok && envelopeAddress(again).path).toBe(path);
      }),
      { numRuns: 5000 },
    );
  });

  it('makes one RCPT command and nothing more', () => {
    fc.assert(
      fc.property(
        fc.oneof(anything, likely),
        fc.constantFrom('quoted' as const, 'raw' as const),
        (input, quoting) => {
          const parsed = parseAddress(input);
          if (!parsed.ok) return;
          const { path } = envelopeAddress(parsed, quoting);
          const mail = { mailFrom: '', rcptTo: path, message: Buffer.from('x\r\n') };
          const envelope = envelopeCommands(mail, { ...NO_CAPABILITIES, smtpUtf8: true });
          expect(envelope).toMatchObject({ ok: true, commands: { rcpt: `RCPT TO:<${path}>\r\n` } });
          if (envelope.ok) expect(envelope.commands.rcpt.slice(0, -2)).not.toMatch(/[\r\n]/);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('is most of what is likely: the generator is no straw man', () => {
    const accepted = fc.sample(likely, 1000).filter((input) => parseAddress(input).ok);
    expect(accepted.length).toBeGreaterThan(900);
  });
});

it('parsing never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), anything), (input) => {
      expect(typeof parseAddress(input).ok).toBe('boolean');
    }),
    { numRuns: 3000 },
  );
});
