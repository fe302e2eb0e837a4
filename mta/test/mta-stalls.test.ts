/** What once made mail wait for nothing, or connections come without end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createTokenKey } from '../index.ts';
import { Dispatcher } from '../queue/dispatcher.ts';
import { createResolver } from '../routing/dns.ts';
import { createSecureResolver } from '../routing/dns-secure.ts';
import { openSpool, openSpoolDb } from '../spool/open.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type ObedientPeer, startObedientPeer } from './obedient-peer.ts';
import { type Peer, type Step, startPeer } from './peer.ts';

let harness: MtaHarness | undefined;
let peer: Peer | ObedientPeer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

const HELLO: Step[] = ['S: 220 mx.test ESMTP', 'C: EHLO me.test', 'S: 250 mx.test'];
const TAKES: Step[] = [
  'C: MAIL FROM:',
  'S: 250 Ok',
  'C: RCPT TO:',
  'S: 250 Ok',
  'C: DATA',
  'S: 354 Go on',
  'C> message',
];

it('tries deferred mail again while one of the same domain still awaits its reply', async () => {
  const held = Promise.withResolvers<void>();
  /** The MTA tells of itself once a second. */
  const twoSeconds = async (): Promise<void> => {
    const { at } = harness!.status!;
    await harness!.until(() => harness!.status!.at >= at + 1500);
  };
  const refused: Step[] = [
    'C: MAIL FROM:',
    'S: 250 Ok',
    'C: RCPT TO:',
    'S: 450 4.2.0 Not now',
    'C: RSET',
    'S: 250 Ok',
  ];
  peer = await startPeer([
    // Holds one mail back, and with it the two that are rendered behind it.
    [...HELLO, ...TAKES, () => held.promise, 'S: 250 Ok', ...TAKES, 'S: 250 Ok', ...TAKES, 'S: 250 Ok'],
    [
      ...HELLO,
      ...refused,
      // The next one is deferred later, so that it comes due later.
      twoSeconds,
      ...refused,
      ...TAKES,
      'S: 250 Ok',
      ...TAKES,
      'S: 250 Ok',
    ],
  ]);
  harness = await startMta({
    routes: relayTo(peer.port, { connections: 3 }),
    retry: { first: 4, cap: 4, jitter: 0, giveUp: 3600 },
  });
  await harness.until(() => harness!.status !== undefined);
  const job = harness.send(Array.from({ length: 5 }, (_, n) => `p${n}@example.com`));
  await harness.until(() => harness!.spool.job(job)!.delivered === 2);
  held.resolve();
  expect(await harness.settled(job)).toMatchObject({ delivered: 5 });
});

it('comes back slower and slower to a server that ends every connection', async () => {
  const ends: Step[] = [...HELLO, 'C: MAIL FROM:', 'S: 421 4.7.0 Not you'];
  const server = await startPeer(Array.from({ length: 50 }, () => ends));
  peer = server;
  harness = await startMta({
    routes: relayTo(server.port),
    retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 },
  });
  const job = harness.send(Array.from({ length: 50 }, (_, n) => `p${n}@example.com`));
  await harness.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'site-dead'));
  const { at } = harness.status!;
  await harness.until(() => harness!.status!.at > at);
  expect(server.connections).toBeLessThan(6);
  // Each connection has cost one mail an attempt; the others have lost nothing.
  expect(harness.ledger(job).length).toBeLessThan(6);
  expect(harness.status!.lines[0]).toMatchObject({ lastReply: '421 4.7.0 Not you' });
});

it('keeps outcomes while the disk is full, takes nothing more, and goes on with sending and cancelling afterwards', async () => {
  const obedient = await startObedientPeer();
  peer = obedient;
  const dataDir = mkdtempSync(join(tmpdir(), 'todoke-full-'));
  const spool = openSpool(dataDir);
  spool.publishSettings({
    mode: 'live',
    publicUrl: 'http://127.0.0.1:8081',
    tokenKey: createTokenKey(),
    ehloName: 'me.test',
    domains: [],
    routes: relayTo(obedient.port),
    retry: { first: 1, cap: 1, jitter: 0, giveUp: 3600 },
  });
  const content = {
    from: { name: '', address: 'news@example.jp' },
    subject: 'Hello',
    text: 'Hello',
    track: { opens: false, clicks: false },
  };
  const addresses = Array.from({ length: 600 }, (_, n) => `p${n}@example.com`);
  const [send, cancel] = ['send', 'cancel'].map((ref) => {
    const id = spool.createJob({ ref, class: 'bulk', content });
    const rows = addresses.map((address) => ({ address, subscriberId: 0, listId: 0, merge: {} }));
    spool.enqueue(id, { from: 0, to: 1, rows });
    spool.seal(id);
    return id;
  }) as [number, number];
  spool.setJobState(cancel, 'paused');

  const db = openSpoolDb(dataDir);
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`);
  let errors = 0;
  let changed = Promise.withResolvers<void>();
  const told = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const dispatcher = new Dispatcher({
    db,
    resolver: createResolver({ servers: ['127.0.0.1:9'] }),
    secureResolver: createSecureResolver({ servers: ['127.0.0.1:9'] }),
    sandboxPort: 9,
    socketLimits: { open: 100, opening: 25 },
    onSettled: told,
    onError: () => {
      errors += 1;
      told();
    },
  });
  dispatcher.start();
  while (errors === 0) await changed.promise;
  // The cancel finds the disk full.
  spool.setJobState(cancel, 'cancelled');
  while (errors < 3) await changed.promise;
  const taken = obedient.accepted().length;
  while (errors < 4) await changed.promise;
  expect(obedient.accepted().length).toBe(taken);
  expect(dispatcher.status().problems).toMatchObject([{ code: 'disk-full', value: 'SQLITE_FULL' }]);
  expect(dispatcher.lines(['example.com'])).toMatchObject([{ domain: 'example.com', waiting: 'disk-full' }]);

  db.pragma('max_page_count = 1000000');
  const done = (id: number): boolean => spool.job(id)!.settled === addresses.length;
  while (!done(send) || !done(cancel)) await changed.promise;
  expect(spool.job(send)).toMatchObject({ delivered: 600, bounced: 0, suppressed: 0 });
  expect(spool.job(cancel)).toMatchObject({ delivered: 0, bounced: 0, suppressed: 600 });
  // Nothing was lost and nothing sent twice.
  expect(obedient.accepted().length).toBe(600);
  expect(new Set(obedient.accepted().map(({ recipient }) => recipient)).size).toBe(600);
  expect(dispatcher.status().inFlight).toBe(0);
  expect(dispatcher.status().problems).toEqual([]);
  await dispatcher.drain(1000);
  db.close();
  spool.close();
  rmSync(dataDir, { recursive: true });
});
