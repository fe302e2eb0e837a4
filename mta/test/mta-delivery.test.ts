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

it('gives each recipient its own verdict and tries the deferred one again with the same Message-ID', async () => {
  peer = await startPeer([
    [
      ...HELLO,
      ...MAIL,
      'C: RCPT TO:<nobody@example.com>',
      'S: 550 5.1.1 <nobody@example.com>: User unknown',
      'C: RSET',
      'S: 250 2.0.0 Ok',
      ...MAIL,
      'C: RCPT TO:<slow@example.com>',
      'S: 250 2.1.5 Ok',
      'C: DATA',
      'S: 354 Go on',
      'C> message',
      'S: 451 4.3.0 Try again later',
      ...MAIL,
      'C: RCPT TO:<fast@example.com>',
      'S: 250 2.1.5 Ok',
      ...TAKES,
      ...MAIL,
      'C: RCPT TO:<slow@example.com>',
      'S: 250 2.1.5 Ok',
      ...TAKES,
      ...BYE,
    ],
  ]);
  harness = await startMta({ routes: relayTo(peer.port, { connections: 1 }) });
  const job = harness.send(['nobody@example.com', 'slow@example.com', 'fast@example.com']);
  expect(await harness.settled(job)).toMatchObject({ delivered: 2, bounced: 1 });
  expect(
    harness
      .ledger(job)
      .map(({ kind, recipient, attempt, reason, phase }) => [kind, recipient, attempt, reason, phase]),
  ).toEqual([
    ['bounced', 'nobody@example.com', 1, 'unknown-user', 'rcpt'],
    ['deferred', 'slow@example.com', 1, expect.any(String), 'dot'],
    ['delivered', 'fast@example.com', 1, '', 'dot'],
    ['delivered', 'slow@example.com', 2, '', 'dot'],
  ]);
  const id = (message: Buffer): string => /^Message-ID: (.*)$/im.exec(message.toString())![1]!;
  expect(id(peer.messages[2]!)).toBe(id(peer.messages[0]!));
  expect(id(peer.messages[1]!)).not.toBe(id(peer.messages[0]!));
});

it('gives up when the time is over, and says what the last reply was', async () => {
  const refuse: Step[] = [
    ...MAIL,
    'C: RCPT TO:<taro@example.com>',
    'S: 450 4.2.0 Not now',
    'C: RSET',
    'S: 250 2.0.0 Ok',
  ];
  peer = await startPeer([[...HELLO, ...refuse, ...refuse, ...BYE]]);
  harness = await startMta({ routes: relayTo(peer.port), retry: { first: 1, cap: 1, jitter: 0, giveUp: 1 } });
  const job = harness.send(['taro@example.com']);
  expect(await harness.settled(job)).toMatchObject({ bounced: 1 });
  expect(harness.ledger(job)).toMatchObject([
    { kind: 'deferred', attempt: 1 },
    {
      kind: 'bounced',
      attempt: 2,
      reason: 'expired',
      status: '4.4.7',
      reply: expect.stringContaining('450 4.2.0 Not now'),
    },
  ]);
});

it('lets a dead relay cost one mail an attempt and the others none', async () => {
  // A port that nobody listens on: taken and given back.
  const gone = await startPeer([]);
  await gone.stop();
  harness = await startMta({ routes: relayTo(gone.port) });
  const job = harness.send(['a@example.com', 'b@example.com', 'c@example.com']);
  await harness.until(() => harness!.ledger(job).length >= 1);
  await harness.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'site-dead'));
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
