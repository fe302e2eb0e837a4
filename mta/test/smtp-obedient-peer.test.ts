import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type ObedientPeer, startObedientPeer } from './obedient-peer.ts';
import { mail, open } from './smtp-helpers.ts';

let peer: ObedientPeer;
afterEach(() => peer.stop());

const message = Buffer.from('Message-ID: <1@example.test>\r\nSubject: x\r\n\r\nHello\r\n');

async function send(rcptTo: string) {
  const session = await open(peer.port);
  const outcome = await session.send(mail({ rcptTo, message }));
  await session.quit();
  return outcome;
}

describe('the obedient peer', () => {
  it('takes mail and remembers recipient and Message-ID', async () => {
    peer = await startObedientPeer();
    expect(await send('neko@example.test')).toMatchObject({ kind: 'accepted' });
    expect(peer.accepted()).toEqual([{ recipient: 'neko@example.test', messageId: '<1@example.test>' }]);
  });

  const orders: [string, object, number][] = [
    [
      '550-5.1.1+7@example.test',
      { kind: 'refused', phase: 'rcpt', reply: { code: 550, status: '5.1.1' } },
      0,
    ],
    ['451@example.test', { kind: 'refused', phase: 'rcpt', reply: { code: 451, status: '4.0.0' } }, 0],
    ['421@example.test', { kind: 'refused', phase: 'rcpt', reply: { code: 421 } }, 0],
    ['data-451@example.test', { kind: 'refused', phase: 'data', reply: { code: 451 } }, 0],
    [
      'dot-554-5.7.1@example.test',
      { kind: 'refused', phase: 'dot', reply: { code: 554, status: '5.7.1' } },
      0,
    ],
    ['drop-at-rcpt@example.test', { kind: 'lost', phase: 'rcpt', duplicateRisk: false }, 0],
    ['drop-after-dot@example.test', { kind: 'lost', phase: 'dot', duplicateRisk: true }, 0],
    ['take-and-drop@example.test', { kind: 'lost', phase: 'dot', duplicateRisk: true }, 1],
  ];
  it.each(orders)('%s', async (rcptTo, expected, kept) => {
    peer = await startObedientPeer();
    expect(await send(rcptTo)).toMatchObject(expected);
    expect(peer.accepted()).toHaveLength(kept);
  });

  it('keeps at once what it answers late, and takes nothing from who is gone', async () => {
    peer = await startObedientPeer();
    expect(await send('a+slow-20@example.test')).toMatchObject({ kind: 'accepted' });
    const session = await open(peer.port);
    const lost = session.send(mail({ rcptTo: 'slow-60000@example.test', message }));
    while (peer.accepted().length < 2) await new Promise((resolve) => setImmediate(resolve));
    session.destroy();
    await lost;
    // No answer is awaited any more: otherwise a minute would pass here.
    await peer.idle();
  });

  it.each(['once-451+a@example.test', 'once-dot-451@example.test', 'once-drop-after-dot@example.test'])(
    '%s',
    async (rcptTo) => {
      peer = await startObedientPeer();
      expect((await send(rcptTo)).kind).not.toBe('accepted');
      expect(await send(rcptTo)).toMatchObject({ kind: 'accepted' });
      expect(peer.accepted()).toHaveLength(1);
    },
  );

  it('speaks TLS, and its record outlives it where a file is named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'todoke-'));
    const logFile = join(folder, 'log.tsv');
    peer = await startObedientPeer({ tls: true, logFile });
    const session = await open(peer.port, { tls: { mode: 'required' } });
    expect(session.info.tls).toMatch(/^TLS/);
    const outcomes = await Promise.all(
      ['a', 'b'].map(async (name, i) => {
        if (i > 0) await new Promise<void>((resolve) => (session.onReady = resolve));
        return session.send(mail({ rcptTo: `${name}@example.test`, message }));
      }),
    );
    expect(outcomes).toMatchObject([{ kind: 'accepted' }, { kind: 'accepted' }]);
    await session.quit();
    await peer.stop();
    expect(existsSync(logFile)).toBe(true);
    expect(peer.accepted().map(({ recipient }) => recipient)).toEqual(['a@example.test', 'b@example.test']);
    rmSync(folder, { recursive: true });
  });
});
