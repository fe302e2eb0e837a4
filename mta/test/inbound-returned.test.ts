/** From the 250 of what comes back to the ledger, in the real MTA. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eraseInboundMail } from '../inbound/erase.ts';
import { inboundFile } from '../inbound/file.ts';
import type { LedgerRow } from '../types.ts';
import { Client, type Step, storedMail } from './inbound-client.ts';
import { dsn, feedback, type RemoteHost, type SentMail, startRemoteHost } from './inbound-samples.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';

let remote: RemoteHost;
let mta: MtaHarness;
beforeEach(async () => {
  remote = await startRemoteHost();
  mta = await startMta({ routes: relayTo(remote.port) }, undefined, { inbound: true });
});
afterEach(async () => {
  await mta.close();
  await remote.stop();
});

const LIST = { list: { id: 'news', name: 'News' } };

/** Sends one mail and answers what the remote host got, once its outcome is in the ledger. */
async function deliver(address = 'neko@remote.test'): Promise<{ jobId: number; sent: SentMail }> {
  const jobId = mta.send([address], LIST);
  await mta.settled(jobId);
  return { jobId, sent: await remote.mailTo(address) };
}

/** As a mail server does: answers when the 250 is there. */
async function bring(raw: string, ...recipients: string[]): Promise<void> {
  const client = await Client.connect(mta.inboundPort);
  await client.play([
    'S: 220',
    'C: EHLO mx.remote.test',
    'S: 250',
    'C: MAIL FROM:<>',
    'S: 250',
    ...recipients.flatMap((recipient): Step[] => [`C: RCPT TO:<${recipient}>`, 'S: 250']),
    'C: DATA',
    'S: 354',
  ]);
  client.say(`${raw.replace(/^\./gm, '..')}\r\n.\r\n`);
  await client.play(['S: 250', 'C: QUIT', 'S: 221']);
  client.close();
}

const rowsOf = (jobId: number, kind: LedgerRow['kind']): LedgerRow[] =>
  mta.ledger(jobId).filter((row) => row.kind === kind);
const returned = (jobId: number, kind: LedgerRow['kind'] = 'bounced'): Promise<LedgerRow> =>
  mta.until(() => rowsOf(jobId, kind)[0]);
/** Everything that came before it is read: mails have their effects in order. */
async function allRead(): Promise<void> {
  const { jobId, sent } = await deliver(`last${Math.random()}@remote.test`);
  await bring(dsn(sent), sent.mailFrom);
  await returned(jobId);
}

describe('a bounce', () => {
  it('to the return path is a bounce of that delivery, which counts as delivered no more', async () => {
    const { jobId, sent } = await deliver();
    const [delivered] = rowsOf(jobId, 'delivered');
    await bring(dsn(sent), sent.mailFrom.toUpperCase());
    const row = await returned(jobId);
    expect(row).toMatchObject({
      jobId,
      deliveryId: delivered!.deliveryId,
      subscriberId: 1,
      listId: 1,
      recipient: 'neko@remote.test',
      domain: 'remote.test',
      provider: delivered!.provider,
      attempt: 0,
      status: '5.1.1',
      code: 550,
      reason: 'unknown-user',
      phase: 'rcpt',
      mx: 'mx.remote.test',
    });
    expect(row.reply).toContain('User unknown');
    expect(row.at - row.ms).toBe(delivered!.at);
    expect(mta.spool.job(jobId)).toMatchObject({ settled: 1, delivered: 0, bounced: 1, suppressed: 0 });
  });

  it('that comes twice counts once', async () => {
    const { jobId, sent } = await deliver();
    await bring(dsn(sent), sent.mailFrom);
    await bring(dsn(sent, { status: '5.2.2', diagnostic: '552 5.2.2 Mailbox full' }), sent.mailFrom);
    await allRead();
    expect(rowsOf(jobId, 'bounced').map(({ reason }) => reason)).toEqual(['unknown-user']);
    expect(mta.spool.job(jobId)).toMatchObject({ delivered: 0, bounced: 1 });
  });

  it('that is faster than the 250 of the delivery waits for its outcome', async () => {
    remote.hold = (sent) => bring(dsn(sent), sent.mailFrom);
    const { jobId } = await deliver();
    expect(await returned(jobId)).toMatchObject({ attempt: 0, reason: 'unknown-user' });
    expect(rowsOf(jobId, 'delivered')).toHaveLength(1);
  });

  const withoutSigned = (raw: string): string =>
    raw.replace(/^(?:Return-Path|List-Unsubscribe|Feedback-ID):.*\r\n(?:[ \t].*\r\n)*/gim, '');
  const withForeignId = (raw: string): string =>
    raw.replace(/^(Message-ID: <[0-9a-z]+\.[0-9a-z]+\.)[^@]{11}/im, '$1AAAAAAAAAAA');

  for (const [name, returnedHead, found] of [
    ['by the signed addresses in the returned head', (raw: string) => withForeignId(raw), true],
    ['by the returned Message-ID', withoutSigned, true],
    ['by nothing that is not signed', (raw: string) => withForeignId(withoutSigned(raw)), false],
  ] as const) {
    it(`to the postmaster is found ${name}`, async () => {
      const { jobId, sent } = await deliver();
      const raw = returnedHead(sent.raw);
      await bring(dsn({ ...sent, raw }, { to: 'postmaster@example.jp' }), 'postmaster@example.jp');
      await allRead();
      expect(rowsOf(jobId, 'bounced').map(({ reason }) => reason)).toEqual(found ? ['unknown-user'] : []);
    });
  }

  it('about an erased person names nobody', async () => {
    const { jobId, sent } = await deliver();
    mta.spool.erase(1, ['neko@remote.test']);
    await bring(dsn(sent), sent.mailFrom);
    expect(await returned(jobId)).toMatchObject({ recipient: '', reply: '', reason: 'unknown-user' });
    await allRead();
    expect(storedMail(mta.dataDir).filter(({ raw }) => raw.includes('neko@'))).toEqual([]);
  });

  it('goes with the person, when they are erased', async () => {
    const { jobId, sent } = await deliver();
    await bring(dsn(sent), sent.mailFrom);
    await bring(dsn(sent), 'postmaster@example.jp');
    await bring('Subject: about somebody else\r\n\r\nHello\r\n', 'abuse@example.jp');
    await returned(jobId);
    await allRead();
    expect(await eraseInboundMail(mta.dataDir, 1, ['neko@remote.test'])).toBe(true);
    for (const suffix of ['', '-wal'])
      expect(readFileSync(inboundFile(mta.dataDir) + suffix).includes('neko@remote.test')).toBe(false);
    expect(storedMail(mta.dataDir).map(({ raw }) => raw.slice(0, 29))).toEqual([
      'Subject: about somebody else\r',
    ]);
  });
});

describe('no bounce is', () => {
  for (const [name, make] of [
    [
      'a notice of delay',
      (sent: SentMail) => dsn(sent, { action: 'delayed', status: '4.4.1', diagnostic: '451 4.4.1 timeout' }),
    ],
    [
      'a notice of success',
      (sent: SentMail) => dsn(sent, { action: 'delivered', status: '2.0.0', diagnostic: '250 2.0.0 Ok' }),
    ],
    [
      'a vacation notice',
      (sent: SentMail) =>
        `From: ${sent.rcptTo}\r\nSubject: Auto: away\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n`,
    ],
  ] as const) {
    it(`${name}, and it changes nothing`, async () => {
      const { jobId, sent } = await deliver();
      await bring(make(sent), sent.mailFrom);
      await allRead();
      expect(mta.ledger(jobId).map(({ kind }) => kind)).toEqual(['delivered']);
    });
  }
});

it('is told in the status: what came, what was refused, what it was', async () => {
  const { sent } = await deliver();
  await bring(dsn(sent), sent.mailFrom);
  const client = await Client.connect(mta.inboundPort);
  await client.play(['S: 220', 'C: EHLO me.test', 'S: 250', 'C: MAIL FROM:<>', 'S: 250']);
  await client.play(['C: RCPT TO:<neko@example.com>', 'S: 550', 'C: QUIT', 'S: 221']);
  client.close();
  const inbound = await mta.until(() => {
    const told = mta.status?.inbound;
    return told?.read.bounce === 1 && told.counters.refusedRecipients === 1 && told;
  });
  expect(inbound).toMatchObject({
    port: mta.inboundPort,
    counters: { sessions: 2, mails: 1, refusedRecipients: 1, refusedSessions: 0, bareNewlines: 0 },
    read: { bounce: 1, complaint: 0, other: 0 },
  });
});

describe('a complaint', () => {
  it('to the feedback address is one of the returned mail’s reader, once', async () => {
    const { jobId, sent } = await deliver();
    await bring(feedback(sent), 'feedback@bounce.example.jp');
    await bring(feedback(sent), 'feedback@bounce.example.jp');
    expect(await returned(jobId, 'complained')).toMatchObject({ subscriberId: 1, listId: 1, recipient: '' });
    await allRead();
    expect(rowsOf(jobId, 'complained')).toHaveLength(1);
  });

  it('is not a report that says that the mail is wanted', async () => {
    const { jobId, sent } = await deliver();
    await bring(feedback(sent, 'not-spam'), 'feedback@bounce.example.jp');
    await allRead();
    expect(mta.ledger(jobId).map(({ kind }) => kind)).toEqual(['delivered']);
  });
});

describe('an unsubscribe mail', () => {
  const addressIn = (sent: SentMail): string => /<mailto:([^?>]+)/.exec(sent.raw)![1]!;

  it('unsubscribes whoever got the address, without a word in it', async () => {
    const { jobId, sent } = await deliver();
    await bring(`From: ${sent.rcptTo}\r\nSubject: \r\n\r\n\r\n`, addressIn(sent));
    expect(await returned(jobId, 'unsubscribed')).toMatchObject({ subscriberId: 1, listId: 1 });
  });

  it('is not what a machine answers to that address', async () => {
    const { jobId, sent } = await deliver();
    await bring(
      'Subject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n',
      addressIn(sent),
    );
    await allRead();
    expect(mta.ledger(jobId).map(({ kind }) => kind)).toEqual(['delivered']);
  });
});

it('each mail has its effect once, whenever the MTA is killed', async () => {
  const addresses = Array.from({ length: 40 }, (_, n) => `neko${n}@remote.test`);
  const jobId = mta.send(addresses, LIST);
  await mta.settled(jobId);
  for (const half of [addresses.slice(0, 20), addresses.slice(20)]) {
    await Promise.all(
      half.map(async (address) => {
        const sent = await remote.mailTo(address);
        await bring(dsn(sent), sent.mailFrom);
      }),
    );
    // Right after the last 250: some are read, some are not.
    await mta.killAndRestart();
  }
  await mta.until(() => rowsOf(jobId, 'bounced').length >= addresses.length);
  await allRead();
  expect(
    rowsOf(jobId, 'bounced')
      .map(({ recipient }) => recipient)
      .sort(),
  ).toEqual([...addresses].sort());
  expect(mta.spool.job(jobId)).toMatchObject({ delivered: 0, bounced: addresses.length });
});
