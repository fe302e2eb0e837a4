/** A mail of another program, handed in as a whole: all of its recipients at once or none, now or later, and as it was written. */
import { afterEach, expect, it } from 'vitest';
import { openSandboxMail } from '../sandbox/mailbox.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';

let harness: MtaHarness | undefined;
afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

const raw =
  'From: Shop <shop@example.jp>\r\nTo: undisclosed:;\r\nBcc: c@example.org\r\nSubject: Order 7\r\n\r\nThank  you\r\n';
const content = {
  raw: Buffer.from(raw).toString('base64'),
  from: { name: '', address: 'shop@example.jp' },
  track: { opens: false, clicks: false },
};
const rows = ['a@example.com', 'b@example.com', 'c@example.org'].map((address) => ({
  address,
  subscriberId: 0,
  listId: 0,
  merge: {},
}));
const input = { ref: 'message:1', class: 'transactional' as const, content };

it('leaves for each recipient, signed, with its own envelope sender and without Bcc', async () => {
  harness = await startMta({ mode: 'sandbox' });
  const { jobId, deliveryIds } = harness.spool.submit(input, rows);
  harness.mta.send({ type: 'wake', jobId });
  expect(await harness.settled(jobId)).toMatchObject({ sealed: true, enqueued: 3, delivered: 3 });
  expect(
    harness
      .ledger(jobId)
      .map(({ deliveryId }) => deliveryId)
      .sort(),
  ).toEqual(deliveryIds);
  const mailbox = openSandboxMail(harness.dataDir);
  const mails = mailbox.list({ limit: 10 }).map(({ id }) => mailbox.get(id)!);
  mailbox.close();
  expect(mails.map(({ rcptTo }) => rcptTo).sort()).toEqual(rows.map(({ address }) => address));
  expect(new Set(mails.map(({ mailFrom }) => mailFrom)).size).toBe(3);
  for (const mail of mails) {
    const text = mail.raw.toString();
    expect(text).toContain('DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.jp;');
    expect(text).toContain('To: undisclosed:;\r\nSubject: Order 7\r\n');
    expect(text).toMatch(/\r\n\r\nThank {2}you\r\n$/);
    expect(text).not.toContain('Bcc');
  }
});

it('is taken once, however often it is handed in', async () => {
  harness = await startMta({ mode: 'sandbox' });
  const first = harness.spool.submit(input, rows);
  expect(harness.spool.submit(input, rows)).toEqual({ jobId: first.jobId, deliveryIds: [] });
  expect(harness.spool.queued()).toBe(3);
});

it('leaves nothing behind when the transaction around it fails', async () => {
  harness = await startMta({ mode: 'sandbox' });
  const { spool } = harness;
  expect(() =>
    spool.together(() => {
      spool.submit(input, rows);
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(spool.jobByRef('message:1')).toBeUndefined();
  expect(spool.queued()).toBe(0);
});

it('does not leave before its time, and not without being told either', async () => {
  harness = await startMta({ mode: 'sandbox' });
  const at = Date.now() + 1500;
  const { jobId } = harness.spool.submit(input, rows, at);
  harness.mta.send({ type: 'wake', jobId });
  expect(await harness.settled(jobId)).toMatchObject({ delivered: 3 });
  for (const row of harness.ledger(jobId)) expect(row.at).toBeGreaterThanOrEqual(at);
});

it('bounces with the reason when it cannot be sent at all', async () => {
  harness = await startMta({ mode: 'sandbox' });
  const broken = { ...content, raw: Buffer.from('Subject: no sender\r\n\r\nx').toString('base64') };
  const { jobId } = harness.spool.submit({ ...input, content: broken }, rows);
  harness.mta.send({ type: 'wake', jobId });
  expect(await harness.settled(jobId)).toMatchObject({ bounced: 3 });
  expect(harness.ledger(jobId)[0]).toMatchObject({
    reason: 'content',
    status: '5.6.0',
    reply: 'The mail has no From field',
  });
});
