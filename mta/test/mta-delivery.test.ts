/** A mail's way through the real MTA process: verdicts, retries, and what a server's refusal does to the others. */
import { afterEach, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type Peer, type Step, startPeer } from './peer.ts';

let harness: MtaHarness | undefined;
let peer: Peer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

const HELLO: Step[] = [
  'S: 220 mx.test ESMTP',
  'C: EHLO me.test',
  'S: 250-mx.test',
  'S: 250 ENHANCEDSTATUSCODES',
];
const MAIL: Step[] = ['C: MAIL FROM:<b-', 'S: 250 2.1.0 Ok'];
const TAKES: Step[] = ['C: DATA', 'S: 354 Go on', 'C> message', 'S: 250 2.0.0 Queued as 1'];
const BYE: Step[] = ['C: QUIT', 'S: 221 2.0.0 Bye', '*** eof'];

it('delivers, and the ledger knows how', async () => {
  peer = await startPeer([
    [...HELLO, ...MAIL, 'C: RCPT TO:<taro@example.com>', 'S: 250 2.1.5 Ok', ...TAKES, ...BYE],
  ]);
  harness = await startMta({ routes: relayTo(peer.port) });
  const job = harness.send(['taro@example.com']);
  expect(await harness.settled(job)).toMatchObject({ delivered: 1 });
  expect(harness.ledger(job)).toMatchObject([
    {
      kind: 'delivered',
      recipient: 'taro@example.com',
      domain: 'example.com',
      attempt: 1,
      code: 250,
      status: '2.0.0',
      phase: 'dot',
      reply: '250 2.0.0 Queued as 1',
      mx: '127.0.0.1',
      sourceIp: '127.0.0.1',
      tls: '',
    },
  ]);
  expect(peer.messages[0]!.toString()).toContain('DKIM-Signature: v=1; a=rsa-sha256');
  await peer.done;
});

it('lets a dead relay cost one mail an attempt and the others none', async () => {
  // A port that nobody listens on: taken and given back.
  const gone = await startPeer([]);
  await gone.stop();
  harness = await startMta({ routes: relayTo(gone.port) });
  const job = harness.send(['a@example.com', 'b@example.com', 'c@example.com']);
  await harness.until(() => harness!.ledger(job).length >= 1);
  await harness.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'relay-down'));
  peer = await startPeer([]);
  const probes = harness.ledger(job);
  expect(new Set(probes.map(({ kind, reason, phase }) => `${kind} ${reason} ${phase}`))).toEqual(
    new Set(['deferred network connect']),
  );
  expect(probes[0]!.reply).toContain('ECONNREFUSED');
  expect(harness.spool.job(job)).toMatchObject({ settled: 0 });
});

it('settles an address that is none, without a connection', async () => {
  peer = await startPeer([]);
  harness = await startMta({ routes: relayTo(peer.port) });
  const job = harness.send(['not an address']);
  expect(await harness.settled(job)).toMatchObject({ bounced: 1 });
  expect(harness.ledger(job)).toMatchObject([
    { kind: 'bounced', reason: 'syntax', status: '5.1.3', phase: 'none' },
  ]);
});

it('brings everything into the sandbox while delivery is not live, whatever routes there are', async () => {
  peer = await startPeer([]);
  harness = await startMta({ mode: 'sandbox', routes: relayTo(peer.port) });
  const job = harness.send(['taro@gmail.com', 'bounce@example.com']);
  expect(await harness.settled(job)).toMatchObject({ delivered: 1, bounced: 1 });
  expect(
    harness
      .ledger(job)
      .map(({ kind, provider }) => [kind, provider])
      .sort(),
  ).toEqual([
    ['bounced', 'generic'],
    ['delivered', 'gmail'],
  ]);
  expect(peer.connections).toBe(0);
});
