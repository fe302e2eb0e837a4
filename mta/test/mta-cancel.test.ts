/** Cancelling and pausing reach every mail of a job, wherever it stands: read, rendered, in flight, deferred. */
import { afterEach, expect, it } from 'vitest';
import { startDnsServer } from './dns-server.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type Peer, type Step, startPeer } from './peer.ts';

let harness: MtaHarness | undefined;
let peer: Peer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

const HELLO: Step[] = ['S: 220 mx.test ESMTP', 'C: EHLO me.test', 'S: 250 mx.test'];
const one = { connections: 1 };

it.each([
  ['taken', 'S: 250 Ok', { delivered: 1, suppressed: 4 }],
  ['deferred', 'S: 451 Later', { delivered: 0, suppressed: 5 }],
])(
  'cancels mails that are rendered and waiting while one is in flight and then %s',
  async (_, answer, counts) => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { promise: reached, resolve: arrived } = Promise.withResolvers<void>();
    peer = await startPeer([
      [
        ...HELLO,
        'C: MAIL FROM:',
        'S: 250 Ok',
        'C: RCPT TO:<p0@example.com>',
        'S: 250 Ok',
        'C: DATA',
        'S: 354 Go on',
        'C> message',
        () => {
          arrived();
          return held;
        },
        answer,
        'C: QUIT',
        '*** close',
      ],
    ]);
    harness = await startMta({
      routes: relayTo(peer.port, one),
      retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 },
    });
    const job = harness.send(Array.from({ length: 5 }, (_, n) => `p${n}@example.com`));
    await reached;
    // The two behind it are rendered by now, the other two only read.
    await harness.until(() => harness!.status?.inFlight === 3);
    harness.spool.setJobState(job, 'cancelled');
    harness.mta.send({ type: 'job', jobId: job });
    await harness.until(() => harness!.spool.job(job)!.suppressed >= 2);
    release();
    expect(await harness.settled(job)).toMatchObject({ settled: 5, ...counts });
    expect(peer.messages).toHaveLength(1);
    expect(harness.spool.queueLines(10)).toEqual([]);
  },
);

it('still obeys a pause after another domain of the job was settled in one whole group commit', async () => {
  peer = await startPeer([]);
  const dns = await startDnsServer({});
  harness = await startMta(
    { routes: [{ id: 1, match: 'example.com', relay: relayTo(peer.port)[0]!.relay! }] },
    [dns.address],
  );
  // Domain that does not exist: 200 rows are one group commit, written while they are being settled.
  const job = harness.send(['a@example.com', ...Array.from({ length: 200 }, (_, n) => `p${n}@nowhere.test`)]);
  await harness.until(() => harness!.spool.job(job)!.bounced === 200);
  harness.spool.setJobState(job, 'paused');
  harness.mta.send({ type: 'job', jobId: job });
  await harness.until(() =>
    harness!.status?.lines.some(
      ({ domain, waiting }) => domain === 'example.com' && waiting === 'job-paused',
    ),
  );
  await dns.stop();
});
