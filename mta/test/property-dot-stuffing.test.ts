/** Dot-stuffing: what a receiver makes of the wire is the message, whatever the message and the receiver's idea of a line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dotStuff, endOfData } from '../smtp/body.ts';

/**
 * An independent receiver that reads byte by byte. `lenient`: a bare LF ends a line, too. Answers the message and how many bytes
 * of the stream it took for it, or undefined when it still waits.
 */
function receive(wire: Iterable<number>, lenient: boolean): { message: Buffer; used: number } | undefined {
  const out: number[] = [];
  let used = 0;
  let line: number[] = [];
  for (const byte of wire) {
    used += 1;
    line.push(byte);
    if (byte !== 0x0a || !(lenient || line.at(-2) === 0x0d)) continue;
    const text = String.fromCharCode(...line);
    if (text === '.\r\n' || (lenient && text === '.\n')) return { message: Buffer.from(out), used };
    if (line[0] === 0x2e) line.shift();
    out.push(...line);
    line = [];
  }
  return undefined;
}

const piece = fc.constantFrom('.', '..', '\r\n', '\r\n.\r\n', '.\r\n', 'a', ' ', '\0', '\xe9', 'QUIT\r\n');
const crlfMessage = fc.array(piece, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''), 'latin1'));
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.constantFrom('.', '\r', '\n', 'a'), { maxLength: 80 })
    .map((parts) => Buffer.from(parts.join(''), 'latin1')),
);

function wireOf(message: Buffer): Buffer {
  const stuffed = dotStuff(message);
  return Buffer.concat([stuffed, endOfData(stuffed)]);
}

describe('unstuff ∘ stuff', () => {
  it('is the message with its last line ended, for messages of CRLF lines and any receiver', () => {
    fc.assert(
      fc.property(crlfMessage, fc.boolean(), (message, lenient) => {
        const wire = wireOf(message);
        const ended = message.subarray(-2).equals(Buffer.from('\r\n'))
          ? message
          : Buffer.concat([message, Buffer.from('\r\n')]);
        expect(receive(wire, lenient)).toEqual({ message: ended, used: wire.length });
      }),
      { numRuns: 1000 },
    );
  });

  it('is the identity for any bytes at a receiver that ends lines at LF: no message ends early there', () => {
    fc.assert(
      fc.property(anyBytes, (message) => {
        const wire = wireOf(message);
        const received = receive(wire, true);
        expect(received?.used).toBe(wire.length);
        expect(received!.message.subarray(0, message.length)).toEqual(message);
      }),
      { numRuns: 2000 },
    );
  });

  it('never ends early at a strict receiver either', () => {
    fc.assert(
      fc.property(anyBytes, (message) => {
        const wire = wireOf(message);
        expect(receive(wire, false)?.used).toBe(wire.length);
      }),
      { numRuns: 2000 },
    );
  });
});
