/** 31. Every mail is composed in 7 bits up front, so a server without 8BITMIME needs nothing special (RFC 6152 §3). */
import { simpleParser } from 'mailparser';
import { expect, it } from 'vitest';
import { relayTo, startMta } from '../mta-harness.ts';
import { type Step, startPeer } from '../peer.ts';
import { BYE, takes } from '../small-internet.ts';
import { COMMANDS, mail, open, PIPELINING, PLAIN, TAKEN } from '../smtp-helpers.ts';

it.each<[string, Step[]]>([
  ['without 8BITMIME', ['S: 220 mx', 'C: EHLO me.test', 'S: 250 mx']],
  ['with 8BITMIME', ['S: 220 mx', 'C: EHLO me.test', 'S: 250-mx', 'S: 250 8BITMIME']],
  ['with HELO only', ['S: 220 mx', 'C: EHLO', 'S: 500 What?', 'C: HELO', 'S: 250 mx']],
])('a Japanese mail goes to a server %s as the same ASCII', async (_, hello) => {
  const peer = await startPeer([[...hello, ...takes('taro@example.com'), ...BYE]]);
  const mta = await startMta({ routes: relayTo(peer.port) });
  const job = mta.send(['taro@example.com'], {
    from: { name: '届け運営事務局', address: 'news@example.jp' },
    subject: '髙島屋①～のお知らせ',
    text: '㈱届け 様\n\n半角ｶﾅと絵文字😀',
    html: '<p>㈱届け 様</p>',
    headers: { 'X-Campaign': '春の号' },
    list: { id: 'news', name: '春の便り' },
    attachments: [
      { filename: '案内.txt', contentType: 'text/plain', content: Buffer.from('案内').toString('base64') },
    ],
  });
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
  await mta.close();
  await peer.done;
  await peer.stop();
  const wire = peer.messages[0]!;
  expect(wire.every((byte) => byte < 128)).toBe(true);
  expect(peer.lines.join('\n')).not.toContain('BODY=8BITMIME');
  expect(await simpleParser(wire)).toMatchObject({
    subject: '髙島屋①～のお知らせ',
    from: { value: [{ name: '届け運営事務局' }] },
  });
});

it('a mail that is 8-bit all the same is refused with 5.6.3 where 8BITMIME is missing, else announced', async () => {
  const eightBit = mail({ message: Buffer.from('Subject: x\r\n\r\n届け\r\n'), eightBit: true });
  const without = await startPeer([[...PLAIN, 'C= QUIT', 'S: 221 Bye']]);
  const clear = await open(without.port);
  expect(await clear.send(eightBit)).toMatchObject({ kind: 'local', reply: { code: 554, status: '5.6.3' } });
  await clear.quit();
  await without.done;
  await without.stop();

  const announced = 'C: MAIL FROM:<bounce@example.test> BODY=8BITMIME';
  const peer = await startPeer([
    [...PIPELINING, announced, ...COMMANDS.slice(1), ...TAKEN, 'C> message', 'S: 250 ok', '*** eof'],
  ]);
  const session = await open(peer.port);
  expect(await session.send(eightBit)).toMatchObject({ kind: 'accepted' });
  session.destroy();
  await peer.done;
  await peer.stop();
});
