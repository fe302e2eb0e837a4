/** 43. Each mail has an envelope sender of its own, which is signed and may change its case on the way (RFC 5321 §2.4). */
import { expect, it } from 'vitest';
import { createTokenKey } from '../../index.ts';
import { parseVerp, verpAddress } from '../../message/verp.ts';
import { relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, takes } from '../small-internet.ts';

const tokenKey = createTokenKey();

it('the sender at the wire leads back to the delivery, in any case, and nothing else does', async () => {
  const peer = await startPeer([[...HELLO, ...takes('a@example.com'), ...takes('b@example.com'), ...BYE]]);
  const mta = await startMta({ tokenKey, routes: relayTo(peer.port, { connections: 1 }) });
  const job = mta.send(['a@example.com', 'b@example.com']);
  await mta.settled(job);
  const rows = mta.ledger(job);
  await mta.close();
  await peer.done;
  await peer.stop();

  const senders = peer.lines.flatMap((line) => /^MAIL FROM:<([^>]*)>/.exec(line)?.[1] ?? []);
  expect(senders).toHaveLength(2);
  for (const [i, sender] of senders.entries()) {
    const [local = '', domain] = sender.split('@');
    expect(domain).toBe('bounce.example.jp');
    expect(local.length).toBeLessThanOrEqual(64);
    const expected = {
      kind: 'bounce',
      jobId: job,
      deliveryId: rows[i]!.deliveryId,
      subscriberId: i + 1,
      listId: 1,
    };
    const mixed = [...local].map((char, at) => (at % 2 ? char.toUpperCase() : char)).join('');
    for (const spelling of [local, local.toUpperCase(), mixed]) {
      expect(parseVerp(tokenKey, spelling)).toEqual(expected);
    }
    // Whoever changes one character, or holds another key, has nothing.
    for (let at = 2; at < local.length; at += 1) {
      if (local[at] === '-') continue;
      const forged = local.slice(0, at) + (local[at] === 'a' ? 'b' : 'a') + local.slice(at + 1);
      expect(parseVerp(tokenKey, forged)).toBeNull();
    }
    expect(parseVerp(createTokenKey(), local)).toBeNull();
    // An unsubscribe address cannot be made of a return path.
    expect(parseVerp(tokenKey, `u${local.slice(1)}`)).toBeNull();
  }
});

it('fits a local part with ids of 2^42', () => {
  const id = 2 ** 42;
  const ids = { jobId: id, deliveryId: id, subscriberId: id, listId: id };
  const [local = ''] = verpAddress(tokenKey, ids, 'bounce.example.jp').split('@');
  expect(local.length).toBeLessThanOrEqual(64);
  expect(parseVerp(tokenKey, local)).toEqual({ kind: 'bounce', ...ids });
});
