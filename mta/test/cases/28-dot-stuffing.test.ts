/** 28. Every line that begins with a dot gets one more, the first line and block edges included (RFC 5321 §4.5.2). */
import { describe, expect, it } from 'vitest';
import { dotStuff } from '../../smtp/body.ts';
import { type Step, startPeer } from '../peer.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

/** What a server makes of it: the first dot of a line that begins with one is removed. */
const unstuff = (wire: Buffer): string => wire.toString('latin1').replace(/(^|\r\n)\./g, '$1');

describe('on the wire', () => {
  const block = 256 * 1024;
  const large = Buffer.alloc(3 * block + 17, `${'x'.repeat(76)}\r\n`);
  // Lines that are a lone dot, across each edge of the blocks in which a large message is written.
  for (let edge = block; edge < large.length; edge += block) large.write('\r\n.\r\n', edge - 3);
  const messages: [string, Buffer, string][] = [
    ['the first line', Buffer.from('.a\r\n'), '..a\r\n'],
    ['a lone dot as the first line', Buffer.from('.\r\nb\r\n'), '..\r\nb\r\n'],
    ['lone dots within', Buffer.from('a\r\n.\r\n..\r\nb\r\n'), 'a\r\n..\r\n...\r\nb\r\n'],
    ['a last line without its end', Buffer.from('a\r\n.end'), 'a\r\n..end\r\n'],
    ['a lone dot as the last line, without its end', Buffer.from('a\r\n.'), 'a\r\n..\r\n'],
    ['an empty message', Buffer.from(''), '\r\n'],
  ];
  it.each(messages)('%s', async (_, message, wire) => {
    const peer = await startPeer([
      [...PIPELINING, ...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok', 'C: QUIT', 'S: 221 Bye'],
    ]);
    const session = await open(peer.port);
    expect(await session.send(mail({ message }))).toMatchObject({ kind: 'accepted' });
    await session.quit();
    await peer.done;
    expect(peer.messages.map(String)).toEqual([wire]);
    await peer.stop();
  });

  it('a large message with dots at the edges of its blocks, and one behind it', async () => {
    const one: Step[] = [...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok'];
    const peer = await startPeer([[...PIPELINING, ...one, ...one, 'C: QUIT', 'S: 221 Bye']]);
    const session = await open(peer.port);
    for (const message of [large, Buffer.from('.after\r\n')])
      expect(await session.send(mail({ message }))).toMatchObject({ kind: 'accepted' });
    await session.quit();
    await peer.done;
    expect(peer.messages.map(unstuff)).toEqual([`${large.toString('latin1')}\r\n`, '.after\r\n']);
    await peer.stop();
  });
});

it('a dot behind a bare LF is doubled as well, for servers that end lines there', () => {
  expect(dotStuff(Buffer.from('a\n.\r\nb\r\n')).toString()).toBe('a\n..\r\nb\r\n');
});

it('nothing to do costs no copy', () => {
  const message = Buffer.from('a\r\nb.c\r\n');
  expect(dotStuff(message)).toBe(message);
});
