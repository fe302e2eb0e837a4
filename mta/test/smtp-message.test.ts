import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { hasLongLine } from '../message/long-line.ts';
import { NO_CAPABILITIES } from '../smtp/capabilities.ts';
import { envelopeCommands } from '../smtp/envelope.ts';
import type { Capabilities, Mail } from '../smtp/types.ts';
import { type Peer, startPeer } from './peer.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from './smtp-helpers.ts';

describe('lines over 998 octets', () => {
  const x = (count: number): string => 'x'.repeat(count);

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
    ['too big', {}, { size: 2 }, '552 5.3.4'],
    [
      '8-bit',
      { eightBit: true },
      {},
      'MAIL FROM:<bounce@example.test> SIZE=3 BODY=8BITMIME\r\nRCPT TO:<neko@example.test>\r\n',
    ],
    ['8-bit without 8BITMIME', { eightBit: true }, { eightBitMime: false }, '554 5.6.3'],
    [
      'SMTPUTF8',
      { rcptTo: '猫@例え.jp' },
      {},
      'MAIL FROM:<bounce@example.test> SIZE=3 SMTPUTF8\r\nRCPT TO:<猫@例え.jp>\r\n',
    ],
    [
      'an A-label where the local part is ASCII',
      { rcptTo: 'neko@例え.jp' },
      { smtpUtf8: false },
      'MAIL FROM:<bounce@example.test> SIZE=3\r\nRCPT TO:<neko@xn--r8jz45g.jp>\r\n',
    ],
    [
      'no SMTPUTF8 for a local part that needs it',
      { rcptTo: '猫@例え.jp' },
      { smtpUtf8: false },
      '553 5.6.7',
    ],
    ['a line of 999 octets', { message: Buffer.from(`${'x'.repeat(999)}\r\n`) }, {}, '554 5.6.0'],
    ['CR LF in the recipient', { rcptTo: 'a@b.test>\r\nRCPT TO:<c@d.test' }, {}, '553 5.1.3'],
    ['LF in the sender', { mailFrom: 'a@b.test\n' }, {}, '553 5.1.7'],
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
