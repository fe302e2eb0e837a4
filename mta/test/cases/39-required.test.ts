/** 39. Where TLS is required, MAIL is never said in clear. */
import { expect, it } from 'vitest';
import type { Step } from '../peer.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';
import { OFFER, ONE_TRY, SECURE_HELLO, TURNED_AWAY } from '../tls-helpers.ts';

async function send(mode: 'required' | 'verified', dialogue: Step[]) {
  const net = await startSmallInternet({
    zone: { 'a.test': { MX: [[10, 'mx.a.test']] }, 'mx.a.test': { A: ['127.39.0.1'] } },
    servers: { '127.39.0.1': [dialogue] },
    settings: { tls: { rules: [{ match: '*.test', mode }], mtaSts: false, dane: false }, retry: ONE_TRY },
  });
  const job = net.mta.send(['taro@a.test']);
  const row = await net.mta.until(() => net.mta.ledger(job)[0]);
  await net.finish();
  return { row, mails: net.servers['127.39.0.1']!.lines.filter((line) => line.startsWith('MAIL')) };
}

it.each<[string, 'required' | 'verified', Step[], string]>([
  ['STARTTLS is not offered', 'required', [...HELLO, ...BYE], '4.7.4'],
  ['STARTTLS is refused', 'required', [...OFFER, 'S: 454 4.7.0 Not now', ...BYE], '4.7.4'],
  ['the handshake breaks', 'required', [...OFFER, 'S: 220 Go', '*** drop'], '4.7.5'],
  ['the certificate proves nothing', 'verified', TURNED_AWAY, '4.7.5'],
])('%s: the mail waits', async (_, mode, dialogue, status) => {
  const { row, mails } = await send(mode, dialogue);
  expect(row).toMatchObject({ kind: 'deferred', phase: 'starttls', status, tlsPolicy: mode });
  expect(mails).toEqual([]);
});

it('any certificate will do where only encryption is required', async () => {
  const { row } = await send('required', [...SECURE_HELLO, ...takes('taro@a.test'), ...BYE]);
  expect(row).toMatchObject({ kind: 'delivered', tls: expect.stringMatching(/^TLS/), tlsPolicy: 'required' });
});
