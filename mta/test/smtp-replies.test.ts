import { describe, expect, it } from 'vitest';
import { enhancedStatus, MAX_LINE, MAX_LINES, MAX_RAW_LINE, ReplyParser } from '../smtp/replies.ts';

function parse(chunks: (string | Buffer)[]) {
  const replies: { code: number; status: string; text: string }[] = [];
  const parser = new ReplyParser(({ code, status, text }) => replies.push({ code, status, text }));
  let problem: string | undefined;
  for (const chunk of chunks) {
    // A chunk is a window on a pool that is written over afterwards, as with a socket's.
    const window = Buffer.from(chunk as string);
    problem = parser.push(window);
    window.fill(0);
    if (problem !== undefined) break;
  }
  return { replies, problem };
}

function split(bytes: Buffer, cuts: number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
}

describe('replies', () => {
  const table: [string, string, { code: number; status: string; text: string }][] = [
    ['a code alone', '250\r\n', { code: 250, status: '', text: '250' }],
    ['an empty text', '250 \r\n', { code: 250, status: '', text: '250 ' }],
    ['bare LF', '250-a\n250 b\n', { code: 250, status: '', text: '250-a\n250 b' }],
    [
      'differing codes: the last counts',
      '250-a\r\n550 b\r\n',
      { code: 550, status: '', text: '250-a\n550 b' },
    ],
    [
      'a continuation without a code',
      '550-first\r\nsecond\r\n550 third\r\n',
      { code: 550, status: '', text: '550-first\nsecond\n550 third' },
    ],
    ['an enhanced status', '550 5.1.1 no\r\n', { code: 550, status: '5.1.1', text: '550 5.1.1 no' }],
    [
      'the first status of several lines',
      '550-5.7.1 a\r\n550 b\r\n',
      { code: 550, status: '5.7.1', text: '550-5.7.1 a\n550 b' },
    ],
    [
      'a status of another class does not count',
      '550 4.2.1 x\r\n',
      { code: 550, status: '', text: '550 4.2.1 x' },
    ],
    [
      'control characters are replaced',
      '250 a\x1b[31m\0b\r\n',
      { code: 250, status: '', text: '250 a?[31m?b' },
    ],
    ['bytes that are no UTF-8', '250 \x82\xa0\r\n', { code: 250, status: '', text: '250 ??' }],
  ];
  it.each(table)('%s', (_, bytes, reply) => {
    const { replies, problem } = parse([Buffer.from(bytes, 'latin1')]);
    expect(problem).toBeUndefined();
    expect(replies.map((got) => ({ ...got, text: got.text.replaceAll('\ufffd', '?') }))).toEqual([reply]);
  });

  it.each(['hello\r\n', '150 x\r\n', '600 x\r\n', '25\r\n', '2500 x\r\n', '\r\n', 'SSH-2.0-OpenSSH\r\n'])(
    '%j is no reply',
    (bytes) => {
      const { replies, problem } = parse([bytes]);
      expect(replies).toEqual([]);
      expect(problem).toMatch(/^not an SMTP reply/);
    },
  );

  it('keep the start of an overlong line and go on, so that a strange 250 still counts', () => {
    const long = `250 ${'x'.repeat(MAX_LINE * 3)}`;
    const expected = [
      { code: 250, status: '', text: long.slice(0, MAX_LINE) },
      { code: 354, status: '', text: '354 go' },
    ];
    const bytes = Buffer.from(`${long}\r\n354 go\r\n`);
    expect(parse([bytes])).toEqual({ replies: expected, problem: undefined });
    expect(parse(split(bytes, [3, 2000, 2047, 2048, 2049, 2050, 5000, 6148, 6149]))).toEqual({
      replies: expected,
      problem: undefined,
    });
  });

  it('are bounded: a line without an end and a reply without an end are refused', () => {
    const block = Buffer.alloc(1000, 'x');
    expect(parse([Buffer.from('250 '), ...Array(66).fill(block)]).problem).toBe('reply line too long');
    expect(parse([`250 ${'x'.repeat(MAX_RAW_LINE)}\r\n`]).problem).toBe('reply line too long');
    expect(parse(Array(MAX_LINES + 1).fill('250-x\r\n')).problem).toBe('reply has too many lines');
    expect(parse([...Array(MAX_LINES - 1).fill('250-x\r\n'), '250 x\r\n']).replies).toHaveLength(1);
  });

  it('a reset forgets the rest of the chunk being read and the line begun', () => {
    const seen: string[] = [];
    const parser = new ReplyParser(({ text }) => {
      seen.push(text);
      if (text === '220 go') parser.reset();
    });
    parser.push(Buffer.from('220 go\r\n250 injected\r\n250-half'));
    parser.push(Buffer.from('250 real\r\n'));
    expect(seen).toEqual(['220 go', '250 real']);
  });

  it('enhanced status ends with its three numbers', () => {
    expect(enhancedStatus(550, '5.7.515 Access denied')).toBe('5.7.515');
    expect(enhancedStatus(550, '5.1.1')).toBe('5.1.1');
    expect(enhancedStatus(550, '5.1.1.1 no status')).toBe('');
    expect(enhancedStatus(550, 'x 5.1.1')).toBe('');
    expect(enhancedStatus(250, '2.0.0 Ok')).toBe('2.0.0');
  });
});
