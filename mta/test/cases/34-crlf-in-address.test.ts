/** 34. An address with a line break is refused wherever it comes from: nothing of it may reach a command or a header. */
import { describe, expect, it } from 'vitest';
import { compileContent } from '../../message/compile.ts';
import { relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO } from '../small-internet.ts';
import { mail, open, PIPELINING } from '../smtp-helpers.ts';

const HOSTILE = [
  'taro@example.com>\r\nRCPT TO:<victim@example.com',
  'taro@example.com\r\nDATA',
  'taro\r\n@example.com',
  'taro\n@example.com',
  'taro\r@example.com',
  '"taro\r\nDATA\r\n"@example.com',
  'taro@example.com\0',
  'taro@exam\u2028ple.com',
];

it('queued all the same, it bounces with 5.1.3 and no server hears of it', async () => {
  const peer = await startPeer([], { others: [...HELLO, ...BYE] });
  const mta = await startMta({ routes: relayTo(peer.port) });
  const job = mta.send(HOSTILE);
  expect(await mta.settled(job)).toMatchObject({ bounced: HOSTILE.length });
  for (const row of mta.ledger(job))
    expect(row).toMatchObject({ kind: 'bounced', reason: 'syntax', status: '5.1.3', phase: 'none' });
  await mta.close();
  expect(peer.lines.filter((line) => !/^(EHLO me\.test|QUIT)$/.test(line))).toEqual([]);
  await peer.stop();
});

describe('the session would refuse it, too', () => {
  it.each([
    [{ rcptTo: 'a@b.test>\r\nRCPT TO:<c@d.test' }, '5.1.3'],
    [{ rcptTo: '"a\nb"@c.test' }, '5.1.3'],
    [{ rcptTo: 'a@b.test> NOTIFY=NEVER <' }, '5.1.3'],
    [{ rcptTo: '"a"@b.test> X' }, '5.1.3'],
    [{ rcptTo: 'a b@c.test' }, '5.1.3'],
    [{ mailFrom: 'a@b.test\n' }, '5.1.7'],
    [{ mailFrom: 'a@b.test>\r\nRCPT TO:<c@d.test' }, '5.1.7'],
    [{ mailFrom: '\r\n' }, '5.1.7'],
  ])('%j', async (address, status) => {
    const peer = await startPeer([[...PIPELINING, 'C= QUIT', 'S: 221 Bye']]);
    const session = await open(peer.port);
    expect(await session.send(mail(address))).toMatchObject({ kind: 'local', reply: { code: 553, status } });
    await session.quit();
    await peer.done;
    await peer.stop();
  });
});

describe('a sender with one does not compile', () => {
  const content = {
    from: { name: '', address: 'news@example.jp' },
    subject: 'x',
    text: 'x',
    track: { opens: false, clicks: false },
  };
  it.each(['news@example.jp\r\nBcc: x@example.jp', 'ne\nws@example.jp'])('%j', (address) => {
    for (const source of [
      { ...content, from: { name: '', address } },
      { ...content, replyTo: address },
    ])
      expect(compileContent(source)).toMatchObject({
        ok: false,
        errors: [{ code: 'address-control-character' }],
      });
  });
});
