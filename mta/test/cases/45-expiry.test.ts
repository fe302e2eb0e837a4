/** 45. When a mail's time is over it is given up with 4.4.7, and the last reply is kept (RFC 3463 X.4.7). */
import { expect, it } from 'vitest';
import { DEFAULT_RETRY } from '../../queue/retry.ts';
import { openSpoolDb } from '../../spool/open.ts';
import { type MtaHarness, relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, RESET, refuses } from '../small-internet.ts';

/** Makes every queued mail 72 hours old. */
function age(mta: MtaHarness): void {
  const db = openSpoolDb(mta.dataDir);
  db.prepare('UPDATE queue SET created_at = created_at - ?').run(DEFAULT_RETRY.giveUp * 1000);
  db.close();
}

it('the refusal that comes after 72 hours is the last one', async () => {
  let mta: MtaHarness | undefined;
  const refusal = '450 4.2.0 Not now';
  const peer = await startPeer([
    [
      ...HELLO,
      'C: MAIL',
      'S: 250 Ok',
      'C: RCPT',
      // Between the first attempt and the second the mail grows old.
      () => age(mta!),
      `S: ${refusal}`,
      ...RESET,
      ...refuses('taro@example.com', refusal),
      ...BYE,
    ],
  ]);
  mta = await startMta({ routes: relayTo(peer.port), retry: { ...DEFAULT_RETRY, first: 0.2, jitter: 0 } });
  const job = mta.send(['taro@example.com']);
  expect(await mta.settled(job)).toMatchObject({ bounced: 1, delivered: 0 });
  expect(mta.ledger(job)).toMatchObject([
    { kind: 'deferred', attempt: 1, status: '4.2.0' },
    {
      kind: 'bounced',
      attempt: 2,
      reason: 'expired',
      status: '4.4.7',
      phase: 'rcpt',
      code: 450,
      reply: `Given up after 2 attempts; the last: ${refusal}`,
    },
  ]);
  expect(mta.spool.queued()).toBe(0);
  await mta.close();
  await peer.done;
  await peer.stop();
});

it('mail for a dead host ends by the same rule, all of it at one probe', async () => {
  const gone = await startPeer([]);
  await gone.stop();
  const mta = await startMta({
    routes: relayTo(gone.port),
    retry: { ...DEFAULT_RETRY, first: 0.5, cap: 0.5, jitter: 0 },
  });
  const job = mta.send(['a@example.com', 'b@example.com', 'c@example.com']);
  await mta.until(() => mta.ledger(job).length > 0);
  age(mta);
  expect(await mta.settled(job)).toMatchObject({ bounced: 3 });
  const bounced = mta.ledger(job).filter(({ kind }) => kind === 'bounced');
  for (const row of bounced)
    expect(row).toMatchObject({ reason: 'expired', status: '4.4.7', phase: 'connect' });
  await mta.close();
});
