/**
 * 46. kill -9 of the MTA at every phase: nothing is lost, every mail has one final row, and only what had got its 250, or was
 * wholly on its way, comes twice, as the same mail.
 */
import { expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from '../mta-harness.ts';
import { type PeerConnection, type Step, startPeer } from '../peer.ts';
import { takesAll } from '../small-internet.ts';

const ADDRESSES = ['a@example.com', 'b@example.com', 'c@example.com'];

const GREETED: Step[] = ['S: 220 mx', 'C: EHLO', 'S: 250 mx'];
const MAIL: Step[] = [...GREETED, 'C: MAIL FROM:<b-'];
const RCPT: Step[] = [...MAIL, 'S: 250 Ok', 'C: RCPT TO:<a@'];
const DATA: Step[] = [...RCPT, 'S: 250 Ok', 'C: DATA'];
const BODY: Step[] = [...DATA, 'S: 354 Go on', (connection: PeerConnection) => connection.anything()];
const DOT: Step[] = [...DATA, 'S: 354 Go on', 'C> message'];
const TAKEN: Step[] = [...DOT, 'S: 250 Taken'];

const PHASES: [string, Step[], { twice: string[] }][] = [
  ['while the connection is opened', [], { twice: [] }],
  ['after the banner', ['S: 220 mx', 'C: EHLO'], { twice: [] }],
  ['after EHLO, before MAIL was answered', MAIL, { twice: [] }],
  ['before RCPT was answered', RCPT, { twice: [] }],
  ['before DATA was answered', DATA, { twice: [] }],
  ['within the message', BODY, { twice: [] }],
  ['before the dot was answered', DOT, { twice: ['a@example.com'] }],
  ['when the dot has just been answered', TAKEN, { twice: ['a@example.com'] }],
  ['when the next mail has begun', [...TAKEN, 'C: MAIL'], { twice: ['a@example.com'] }],
];

it.each(PHASES)('%s', async (_, steps, { twice }) => {
  let mta: MtaHarness | undefined;
  let restarted: Promise<void> | undefined;
  const kill = (connection: PeerConnection): Promise<void> => {
    restarted = mta!.killAndRestart();
    return connection.play(['*** eof']);
  };
  const peer = await startPeer([[...steps, kill]], { others: [takesAll] });
  mta = await startMta({ routes: relayTo(peer.port, { connections: 1 }) });
  const job = mta.send(ADDRESSES);
  await mta.until(() => restarted);
  await restarted;
  expect(await mta.settled(job)).toMatchObject({ enqueued: 3, settled: 3, delivered: 3 });
  expect(
    mta
      .ledger(job)
      .map(({ recipient, kind, attempt }) => [recipient, kind, attempt])
      .sort(),
  ).toEqual(ADDRESSES.map((address) => [address, 'delivered', 1]));
  expect(mta.spool.queued()).toBe(0);
  await mta.close();
  await peer.stop();

  const idsOf = new Map<string, string[]>();
  for (const message of peer.messages) {
    const text = message.toString();
    const to = /^To: (.*)$/m.exec(text)![1]!.trim();
    idsOf.set(to, [...(idsOf.get(to) ?? []), /^Message-ID: (.*)$/m.exec(text)![1]!]);
  }
  expect([...idsOf.keys()].sort()).toEqual(ADDRESSES);
  for (const [address, ids] of idsOf) {
    // The answered dot may have been committed before the kill or not.
    if (!twice.includes(address)) expect(ids).toHaveLength(1);
    else expect(ids.length).toBeLessThanOrEqual(2);
    expect(new Set(ids).size).toBe(1);
  }
});

it('while a mail waits for its next attempt: it keeps its attempts and its turn', async () => {
  const peer = await startPeer(
    [[...GREETED, 'C: MAIL', 'S: 250 Ok', 'C: RCPT', 'S: 450 4.2.0 Later', '*** eof', '*** close']],
    { others: [takesAll] },
  );
  const mta = await startMta({
    routes: relayTo(peer.port),
    retry: { first: 1, cap: 1, jitter: 0, giveUp: 3600 },
  });
  const job = mta.send(['a@example.com']);
  await mta.until(() => mta.ledger(job).length === 1);
  await mta.killAndRestart();
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
  expect(mta.ledger(job)).toMatchObject([
    { kind: 'deferred', attempt: 1 },
    { kind: 'delivered', attempt: 2 },
  ]);
  await mta.close();
  await peer.stop();
});

it('before anything was told: what is in the spool is found at the start', async () => {
  const peer = await startPeer([], { others: [takesAll] });
  const mta = await startMta({ routes: relayTo(peer.port) });
  mta.spool.setStopped(true);
  const job = mta.send(ADDRESSES);
  await mta.killAndRestart();
  mta.spool.setStopped(false);
  expect(await mta.settled(job)).toMatchObject({ delivered: 3 });
  expect(mta.ledger(job)).toHaveLength(3);
  await mta.close();
  await peer.stop();
});
