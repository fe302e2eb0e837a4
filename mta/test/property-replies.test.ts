/** Reply parsing: any cut of any valid replies gives the same replies; any other bytes give an error, never an exception. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LINE, MAX_LINES, ReplyParser } from '../smtp/replies.ts';

interface Parsed {
  replies: { code: number; status: string; text: string }[];
  problem: string | undefined;
}

function parse(chunks: readonly Buffer[]): Parsed {
  const replies: Parsed['replies'] = [];
  const parser = new ReplyParser(({ code, status, text }) => replies.push({ code, status, text }));
  for (const chunk of chunks) {
    // A chunk is a window on a pool that is written over afterwards, as with a socket's.
    const window = Buffer.from(chunk);
    const problem = parser.push(window);
    window.fill(0);
    if (problem !== undefined) return { replies, problem };
  }
  return { replies, problem: undefined };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
}

const cuts = fc.array(fc.nat(5000), { maxLength: 40 });
const text = fc.string({
  unit: fc.constantFrom('a', ' ', '-', '.', '5', '5.1.1 ', 'é', '送', '😀'),
  maxLength: 40,
});
const reply = fc.record({
  code: fc.integer({ min: 200, max: 599 }),
  lines: fc.array(text, { minLength: 1, maxLength: 5 }),
  eol: fc.constantFrom('\r\n', '\n'),
});
const linesOf = ({ code, lines }: { code: number; lines: string[] }): string[] =>
  lines.map((line, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${line}`);

describe('replies', () => {
  it('come out whole and in order, however their bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(reply, { minLength: 1, maxLength: 5 }), cuts, (sent, at) => {
        const bytes = Buffer.from(
          sent.flatMap((each) => linesOf(each).map((line) => line + each.eol)).join(''),
        );
        const { replies, problem } = parse(split(bytes, at));
        expect(problem).toBeUndefined();
        expect(replies.map(({ code, text: got }) => [code, got])).toEqual(
          sent.map((each) => [each.code, linesOf(each).join('\n')]),
        );
        // RFC 2034 §3: the status is one of the reply's own class
        for (const { code, status } of replies)
          if (status !== '') expect(status[0]).toBe(String(Math.floor(code / 100)));
      }),
      { numRuns: 500 },
    );
  });

  it('one byte at a time is no different', () => {
    fc.assert(
      fc.property(fc.array(reply, { minLength: 1, maxLength: 3 }), (sent) => {
        const bytes = Buffer.from(
          sent.flatMap((each) => linesOf(each).map((line) => line + each.eol)).join(''),
        );
        expect(parse([...bytes].map((byte) => Buffer.from([byte])))).toEqual(parse([bytes]));
      }),
    );
  });
});

describe('bytes that are no replies', () => {
  const smtpLike = fc
    .array(
      fc.constantFrom(
        '2',
        '5',
        '0',
        '-',
        ' ',
        '\r',
        '\n',
        '\r\n',
        'x',
        '\0',
        '\xff',
        '250 ok\r\n',
        '250-a\r\n',
      ),
      { maxLength: 60 },
    )
    .map((pieces) => Buffer.from(pieces.join(''), 'latin1'));
  const noise = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes));
  const long = fc.integer({ min: 1, max: 70_000 }).map((size) => Buffer.alloc(size, '250-x'));

  it('never throw, mean the same however they are cut, and leave nothing unbounded behind', () => {
    fc.assert(
      fc.property(fc.oneof(smtpLike, noise, long), cuts, (bytes, at) => {
        const whole = parse([bytes]);
        expect(parse(split(bytes, at))).toEqual(whole);
        for (const { code, text: got } of whole.replies) {
          expect(code).toBeGreaterThanOrEqual(200);
          expect(code).toBeLessThanOrEqual(599);
          expect(got.length).toBeLessThanOrEqual((MAX_LINE + 1) * MAX_LINES);
          // What a terminal or a page would obey is gone.
          // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
          expect(got).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
