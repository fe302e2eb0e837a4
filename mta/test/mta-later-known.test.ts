/** Whose hosts they are is known only when some domain is looked up: what is paused there then holds for the mail that is in line already. */
import { afterEach, expect, it } from 'vitest';
import type { ControlInput } from '../spool/api.ts';
import type { MtaStatus, ShapingOverride, WaitReason } from '../types.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';
import { type RecordingServer, startRecordingServer } from './recording-server.ts';

let mta: MtaHarness;
let dns: DnsServer;
let one: RecordingServer;
let two: RecordingServer;
afterEach(async () => {
  await mta.close();
  await Promise.all([one.stop(), two.stop(), dns.stop()]);
});

/** also.test is known as nobody's, but its hosts are those of two.test, which is `strict`. */
async function start(override: Partial<ShapingOverride> = {}): Promise<void> {
  dns = await startDnsServer({
    'one.test': { MX: [[10, 'mx.one.test']] },
    'two.test': { MX: [[10, 'mx.two.test']] },
    'also.test': { MX: [[10, 'mx.two.test']] },
    'mx.one.test': { A: ['127.73.0.1'] },
    'mx.two.test': { A: ['127.73.0.2'] },
  });
  one = await startRecordingServer({ host: '127.73.0.1', port: 25 });
  two = await startRecordingServer({ host: '127.73.0.2', port: 25 });
  const action = { type: 'pause-sending-domain' as const };
  mta = await startMta(
    {
      routes: [
        { id: 1, match: '*.test' },
        { id: 2, match: 'nowhere.invalid', relay: [{ host: '127.73.0.1', port: 25, tls: 'none' }] },
      ],
      shaping: [
        {
          provider: 'strict',
          domains: ['one.test', 'two.test'],
          values: {},
          backoff: [{ match: 'go away', times: 1, withinSeconds: 3600, action, forSeconds: 0 }],
          ...override,
        },
      ],
      retry: { first: 3600, cap: 3600, jitter: 0, giveUp: 86_400 },
    },
    [dns.address],
  );
}
const status = (look: (status: MtaStatus) => boolean): Promise<MtaStatus> =>
  mta.until(() => mta.status && look(mta.status) && mta.status);
const pause = (input: Partial<ControlInput>): void => {
  mta.spool.addControl({ scope: 'all', value: '', action: 'pause', reason: '', by: 'somebody', ...input });
  mta.mta.send({ type: 'control' });
};
const siteOf = (provider: string): Promise<MtaStatus> =>
  status(({ sites }) => sites.some((each) => each.provider === provider && each.site === 'mx:mx.two.test'));

/** Mail for also.test stands in line at its server, which takes its time with the first. */
async function inLine(): Promise<{ job: number; release: () => void }> {
  const gate = Promise.withResolvers<void>();
  two.hold = gate.promise;
  const job = mta.send(Array.from({ length: 30 }, (_, n) => `p${n}@also.test`));
  await siteOf('generic');
  await status(({ inFlight }) => inFlight > 0);
  return { job, release: () => gate.resolve() };
}
/** What was on the wire has gone, and nothing after it. */
async function stays(job: number, reason: WaitReason): Promise<void> {
  await status((now) => now.inFlight === 0 && heldBy(reason));
  expect(mta.spool.job(job)!.delivered).toBeLessThan(10);
}
const heldBy = (reason: WaitReason): boolean =>
  JSON.stringify(mta.status ?? '').includes(`"waiting":"${reason}"`);

it('a paused sending domain', async () => {
  await start();
  one.answer = () => '450 4.7.32 go away';
  mta.send(['a@one.test']);
  await mta.until(() => mta.spool.throttles().length === 1);
  const { job, release } = await inLine();
  mta.send(['b@two.test']);
  await siteOf('strict');
  release();
  await stays(job, 'sending-domain-paused');
});

it('a paused provider, whose own mail is held and never gets there', async () => {
  await start();
  pause({ scope: 'provider', value: 'strict' });
  const { job, release } = await inLine();
  mta.send(['b@two.test'], { from: { name: '', address: 'a@other.test' } });
  await siteOf('strict');
  release();
  await stays(job, 'paused-by-operator');
});

it('a paused provider, although another order has a way for the mail that needs no look-up', async () => {
  // By its hosts: its name tells nothing.
  await start({ domains: [], mx: ['mx.two.test'] });
  pause({ action: 'reroute', routeId: 2 });
  pause({ scope: 'provider', value: 'strict' });
  const held = mta.send(['a@two.test']);
  expect(await mta.settled(mta.send(['b@one.test']))).toMatchObject({ delivered: 1 });
  await mta.until(() => heldBy('paused-by-operator'));
  expect(mta.spool.job(held)).toMatchObject({ settled: 0 });
  expect(one.received.map(({ recipient }) => recipient)).toEqual(['b@one.test']);
});
