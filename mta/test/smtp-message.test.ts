import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { dotStuff, endOfData, hasLongLine } from '../smtp/body.ts';
import { NO_CAPABILITIES } from '../smtp/capabilities.ts';
import { envelopeCommands } from '../smtp/envelope.ts';
import type { Capabilities, Mail } from '../smtp/types.ts';
import { type Peer, startPeer } from './peer.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from './smtp-helpers.ts';

/** What a server makes of it (RFC 5321 §4.5.2): the first dot of a line that begins with one is removed. */
function unstuff(wire: Buffer): string {
  return wire.toString('latin1').replace(/(^|\r\n)\./g, '$1');
}

describe('dot-stuffing (case 28)', () => {
  const table: [string, string, string][] = [
    ['nothing to do', 'a\r\nb.c\r\n', 'a\r\nb.c\r\n'],
    ['the first line', '.a\r\n', '..a\r\n'],
    ['a lone dot first', '.\r\n', '..\r\n'],
    ['a lone dot within', 'a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n'],
    ['the last line without CRLF', 'a\r\n.', 'a\r\n..'],
    ['dots in a row', '.\r\n.\r\n..\r\n', '..\r\n..\r\n...\r\n'],
    ['behind a bare LF, for servers that end lines there', 'a\n.\r\nb\r\n', 'a\n..\r\nb\r\n'],
    ['empty', '', ''],
  ];
  it.each(table)('%s', (_, message, wire) => {
    expect(dotStuff(Buffer.from(message)).toString()).toBe(wire);
  });

  it('is undone by the receiver, whatever the message, and never holds the end of data', () => {
    const pieces = fc.array(fc.constantFrom('.', '..', '\r\n', 'a', ' ', '\r\n.\r\n', '\u00e9'), {
      maxLength: 50,
    });
    fc.assert(
      fc.property(pieces, (parts) => {
        const message = Buffer.from(parts.join(''), 'latin1');
        const stuffed = dotStuff(message);
        const wire = Buffer.concat([stuffed, endOfData(stuffed)]).toString('latin1');
        // The end of data is where the wire ends, and nowhere before.
        const end = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2;
        expect(end).toBe(wire.length - 3);
        const got = unstuff(Buffer.from(wire.slice(0, end), 'latin1'));
        const sent = message.toString('latin1');
        expect(got).toBe(sent === '' || sent.endsWith('\r\n') ? sent || '\r\n' : `${sent}\r\n`);
      }),
    );
  });

  it('gives back the same buffer when there is nothing to do', () => {
    const message = Buffer.from('a\r\nb\r\n');
    expect(dotStuff(message)).toBe(message);
  });
});

describe('lines over 998 octets (case 30)', () => {
  const x = (count: number): string => 'x'.repeat(count);
  const table: [string, string, boolean][] = [
    ['998 octets', `${x(998)}\r\n`, false],
    ['999 octets', `${x(999)}\r\n`, true],
    ['998 at the end without CRLF', `a\r\n${x(998)}`, false],
    ['999 at the end without CRLF', `a\r\n${x(999)}`, true],
    ['a long line after short ones', `${`${x(70)}\r\n`.repeat(100)}${x(999)}\r\n`, true],
    ['a long line before short ones', `${x(999)}\r\n${`${x(70)}\r\n`.repeat(100)}`, true],
    ['lines of 998 one after another', `${x(998)}\r\n`.repeat(50), false],
    ['empty', '', false],
  ];
  it.each(table)('%s', (_, message, long) => {
    expect(hasLongLine(Buffer.from(message))).toBe(long);
  });

  it('are found as by walking every line', () => {
    const lengths = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 990, max: 1005 })),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(lengths, fc.boolean(), (lines, ended) => {
        const message = lines.map(x).join('\r\n') + (ended ? '\r\n' : '');
        expect(hasLongLine(Buffer.from(message))).toBe(lines.some((length) => length > 998));
      }),
    );
  });
});

describe('what a server cannot take is not sent', () => {
  const all: Capabilities = {
    ...NO_CAPABILITIES,
    esmtp: true,
    pipelining: true,
    eightBitMime: true,
    smtpUtf8: true,
    sizeOffered: true,
    size: 0,
  };
  const commands = (overrides: Partial<Mail>, capabilities: Partial<Capabilities> = {}) => {
    const answer = envelopeCommands(mail({ message: Buffer.from('x\r\n'), ...overrides }), {
      ...all,
      ...capabilities,
    });
    return answer.ok ? `${answer.commands.mail}${answer.commands.rcpt}` : answer.reply.text.slice(0, 9);
  };
  const table: [string, Partial<Mail>, Partial<Capabilities>, string][] = [
    [
      'SIZE is announced',
      {},
      {},
      'MAIL FROM:<bounce@example.test> SIZE=3\r\nRCPT TO:<neko@example.test>\r\n',
    ],
    [
      'SIZE is not announced when not offered',
      {},
      { sizeOffered: false },
      'MAIL FROM:<bounce@example.test>\r\nRCPT TO:<neko@example.test>\r\n',
    ],
    [
      'the null sender',
      { mailFrom: '' },
      { sizeOffered: false },
      'MAIL FROM:<>\r\nRCPT TO:<neko@example.test>\r\n',
    ],
    [
      'as big as allowed',
      {},
      { size: 3 },
      'MAIL FROM:<bounce@example.test> SIZE=3\r\nRCPT TO:<neko@example.test>\r\n',
    ],
    ['too big (case 21)', {}, { size: 2 }, '552 5.3.4'],
    [
      '8-bit',
      { eightBit: true },
      {},
      'MAIL FROM:<bounce@example.test> SIZE=3 BODY=8BITMIME\r\nRCPT TO:<neko@example.test>\r\n',
    ],
    ['8-bit without 8BITMIME (case 31)', { eightBit: true }, { eightBitMime: false }, '554 5.6.3'],
    [
      'SMTPUTF8',
      { rcptTo: '猫@例え.jp' },
      {},
      'MAIL FROM:<bounce@example.test> SIZE=3 SMTPUTF8\r\nRCPT TO:<猫@例え.jp>\r\n',
    ],
    [
      'an A-label where the local part is ASCII (case 32)',
      { rcptTo: 'neko@例え.jp' },
      { smtpUtf8: false },
      'MAIL FROM:<bounce@example.test> SIZE=3\r\nRCPT TO:<neko@xn--r8jz45g.jp>\r\n',
    ],
    [
      'no SMTPUTF8 for a local part that needs it (case 32)',
      { rcptTo: '猫@例え.jp' },
      { smtpUtf8: false },
      '553 5.6.7',
    ],
    ['a line of 999 octets', { message: Buffer.from(`${'x'.repeat(999)}\r\n`) }, {}, '554 5.6.0'],
    ['CR LF in the recipient (case 34)', { rcptTo: 'a@b.test>\r\nRCPT TO:<c@d.test' }, {}, '553 5.1.3'],
    ['LF in the sender (case 34)', { mailFrom: 'a@b.test\n' }, {}, '553 5.1.7'],
    ['LF within quotes', { rcptTo: '"a\nb"@c.test' }, {}, '553 5.1.3'],
    ['a parameter smuggled in', { rcptTo: 'a@b.test> NOTIFY=NEVER <' }, {}, '553 5.1.3'],
    ['behind a quoted part', { rcptTo: '"a"@b.test> X' }, {}, '553 5.1.3'],
    [
      'quoted space and brackets are fine',
      { rcptTo: '"a <b> \\" c"@d.test' },
      { sizeOffered: false },
      'MAIL FROM:<bounce@example.test>\r\nRCPT TO:<"a <b> \\" c"@d.test>\r\n',
    ],
    [
      'dots of old docomo addresses, quoted',
      { rcptTo: '"a..b."@docomo.ne.jp' },
      { sizeOffered: false },
      'MAIL FROM:<bounce@example.test>\r\nRCPT TO:<"a..b."@docomo.ne.jp>\r\n',
    ],
  ];
  it.each(table)('%s', (_, overrides, capabilities, expected) => {
    expect(commands(overrides, capabilities)).toBe(expected);
  });
});

describe('messages on the wire', () => {
  let peer: Peer;
  afterEach(() => peer.stop());

  it('too big: nothing is sent, and the session takes the next mail (case 21)', async () => {
    peer = await startPeer([
      [
        ...PIPELINING.slice(0, -1),
        'S: 250 SIZE 100',
        ...COMMANDS,
        ...TAKEN,
        'C> message',
        'S: 250 ok',
        '*** eof',
      ],
    ]);
    const session = await open(peer.port);
    expect(await session.send(mail({ message: Buffer.alloc(101, 'a\r\n') }))).toMatchObject({
      kind: 'local',
      reply: { code: 552, status: '5.3.4' },
    });
    expect(session).toMatchObject({ canSend: true, messages: 0 });
    expect(await session.send(mail())).toMatchObject({ kind: 'accepted' });
    session.destroy();
    await peer.done;
  });

  it('arrive byte by byte as they were, large ones in blocks, with dots at the edges of blocks (case 28)', async () => {
    const block = 256 * 1024;
    const large = Buffer.alloc(3 * block + 17, `${'x'.repeat(76)}\r\n`);
    // "\r\n.\r\n" across each edge: lines that are a lone dot
    for (let edge = block; edge < large.length; edge += block) large.write('\r\n.\r\n', edge - 3);
    const messages = [Buffer.from('.a\r\n.\r\n..\r\nend'), large, Buffer.from('')];
    peer = await startPeer([
      [
        ...PIPELINING,
        ...messages.flatMap(() => [...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok']),
        '*** eof',
      ],
    ]);
    const session = await open(peer.port);
    for (const message of messages)
      expect(await session.send(mail({ message }))).toMatchObject({ kind: 'accepted' });
    session.destroy();
    await peer.done;
    expect(peer.messages.map(unstuff)).toEqual([
      '.a\r\n.\r\n..\r\nend\r\n',
      large.toString('latin1') + (large.subarray(-2).equals(Buffer.from('\r\n')) ? '' : '\r\n'),
      '\r\n',
    ]);
  });

  it('a verdict that comes before the end of a large message counts, and the connection ends', async () => {
    peer = await startPeer([
      [
        ...PIPELINING,
        ...COMMANDS,
        ...TAKEN,
        (connection) => connection.anything(),
        'S: 552 5.3.4 Enough',
        (connection) => connection.socket.resume(),
      ],
    ]);
    const session = await open(peer.port);
    const message = Buffer.alloc(64 * 1024 * 1024, `${'x'.repeat(76)}\r\n`);
    expect(await session.send(mail({ message }))).toMatchObject({
      kind: 'refused',
      phase: 'dot',
      reply: { code: 552 },
    });
    expect(await session.closed).toMatchObject({ error: 'reply before the end of the message' });
  });
});
