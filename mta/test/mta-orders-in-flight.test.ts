/** An order to bounce reaches mail that is on its way: what the server takes is delivered, what comes back is bounced. */
import { afterEach, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type Peer, type Step, startPeer } from './peer.ts';

let mta: MtaHarness;
let peer: Peer;
afterEach(async () => {
  await mta.close();
  await peer.stop();
});

/** Five mails over one connection, whose server holds its reply to the first. */
async function start(...answer: Step[]): Promise<{ job: number; release: () => void }> {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: reached, resolve: arrived } = Promise.withResolvers<void>();
  const hello: Step[] = ['S: 220 mx.test ESMTP', 'C: EHLO me.test', 'S: 250 mx.test'];
  const mail: Step[] = [
    'C: MAIL',
    'S: 250 Ok',
    'C: RCPT',
    'S: 250 Ok',
    'C: DATA',
    'S: 354 Go on',
    'C> message',
  ];
  const hold: Step = () => {
    arrived();
    return held;
  };
  peer = await startPeer([[...hello, ...mail, hold, ...answer]], {
    others: [...hello, ...mail, 'S: 250 Taken', '*** eof'],
  });
  mta = await startMta({
    routes: relayTo(peer.port, { connections: 1 }),
    retry: { first: 3600, cap: 3600, jitter: 0, giveUp: 86_400 },
  });
  const job = mta.send(Array.from({ length: 5 }, (_, n) => `p${n}@example.com`));
  await reached;
  // Those behind it are rendered, or only read.
  await mta.until(() => mta.status?.inFlight === 3);
  return { job, release };
}
const order = (job: number): number => {
  const id = mta.spool.addControl({
    action: 'bounce',
    scope: 'job',
    value: String(job),
    reason: 'wrong text',
    by: 'somebody',
  });
  mta.mta.send({ type: 'control' });
  return id;
};
const control = (id: number) => mta.spool.controls().find((each) => each.id === id)!;

it.each([
  ['taken', ['S: 250 Ok', 'C: QUIT', '*** close'], ['delivered'], 4],
  ['deferred', ['S: 451 4.3.0 Later', 'C: QUIT', '*** close'], ['deferred', 'bounced'], 5],
  ['lost', ['*** drop'], ['deferred', 'bounced'], 5],
] as const)('mail that is %s then', async (_, answer, kinds, affected) => {
  const { job, release } = await start(...(answer as readonly string[]));
  const id = order(job);
  // Those that were only read.
  await mta.until(() => mta.spool.job(job)!.bounced === 2);
  expect(control(id)).toMatchObject({ state: 'active' });
  const other = mta.send(['later@example.com']);
  release();
  expect(await mta.settled(job)).toMatchObject({ bounced: affected, delivered: 5 - affected });
  const first = mta.ledger(job).filter(({ recipient }) => recipient === 'p0@example.com');
  expect(first.map(({ kind }) => kind)).toEqual(kinds);
  await mta.until(() => control(id).state === 'done');
  expect(control(id)).toMatchObject({ affected });
  expect(await mta.settled(other)).toMatchObject({ delivered: 1 });
  expect(peer.messages).toHaveLength(2);
});

it('an order that is taken back before its reply lets it come back as ever', async () => {
  const { job, release } = await start('S: 451 4.3.0 Later', 'C: QUIT', '*** close');
  const id = order(job);
  await mta.until(() => mta.spool.job(job)!.bounced === 2);
  mta.spool.removeControl(id);
  mta.mta.send({ type: 'control' });
  // A later order is seen after it.
  const pause = mta.spool.addControl({
    action: 'pause',
    scope: 'all',
    value: '',
    reason: '',
    by: 'somebody',
  });
  mta.mta.send({ type: 'control' });
  await mta.until(() => mta.status?.lines.some(({ waiting }) => waiting === 'paused-by-operator'));
  release();
  await mta.until(() => mta.ledger(job).some(({ kind }) => kind === 'deferred'));
  mta.spool.removeControl(pause);
  expect(mta.spool.job(job)).toMatchObject({ bounced: 2, delivered: 0, settled: 2 });
});
