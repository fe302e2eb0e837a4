/** The disk is full in the middle of a campaign: accepted mail stays, the queue screen says why nothing leaves, and it goes on by itself. */
import { afterEach, expect, it } from 'vitest';
import { type ObedientPeer, startObedientPeer } from '../../mta/test/obedient-peer.ts';
import { Api } from '../../scripts/api.ts';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';
import { prepareCampaign } from '../../scripts/storm/campaign.ts';
import { type SmallDisk, smallDisk } from './small-disk.ts';

const LOGIN = { email: 'admin@example.jp', password: 'a long enough password' };
const PEOPLE = Array.from({ length: 3000 }, (_, n) => ({
  email: `p${n}+${n % 10 === 0 ? 'slow-150' : 'take'}@d${n % 7}.example.com`,
}));

interface Queues {
  problems: { code: string; since: string }[];
  items: { waiting: string }[];
  queued: number;
  perSecond: number;
}
interface Campaign {
  state: string;
  counts: { recipients: number; delivered: number; queued: number };
}

let disk: SmallDisk | undefined;
let sink: ObedientPeer | undefined;
let appliance: Appliance | undefined;
afterEach(async () => {
  await appliance?.stop();
  await sink?.stop();
  disk?.close();
  appliance = sink = disk = undefined;
});

it('loses nothing, says so, and goes on', { timeout: 180_000 }, async () => {
  disk = smallDisk(64);
  sink = await startObedientPeer();
  appliance = await startAppliance({ dataDir: disk.dir, delivery: 'live', env: disk.env, ...LOGIN });
  const api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
  const campaignId = await prepareCampaign(api, sink.port, PEOPLE);
  await api.post(`/campaigns/${campaignId}/start`);
  const path = `/campaigns/${campaignId}`;
  await api.poll<Campaign>(
    path,
    ({ counts }) => counts.recipients === PEOPLE.length && counts.delivered > 0,
    {
      everyMs: 20,
    },
  );

  disk.fill();
  const told = await api.poll<Queues>('/queues', ({ problems }) =>
    problems.some(({ code }) => code === 'disk-full'),
  );
  expect(told.problems).toHaveLength(1);
  // What was on its way has come to its end by then: the rate of the last ten seconds is nought.
  const still = await api.poll<Queues>('/queues', ({ perSecond }) => perSecond === 0);
  expect(still.items.every(({ waiting }) => waiting === 'disk-full')).toBe(true);
  const taken = sink.accepted().length;
  expect(taken).toBeLessThan(PEOPLE.length);
  await api.poll<Queues>('/queues', () => true);
  expect(sink.accepted().length).toBe(taken);

  disk.free();
  const finished = await api.poll<Campaign>(path, ({ state }) => state === 'finished');
  expect(finished.counts).toMatchObject({ recipients: PEOPLE.length, delivered: PEOPLE.length, queued: 0 });
  // Outcomes that could not be written were kept: nobody got it twice.
  const recipients = sink.accepted().map(({ recipient }) => recipient);
  expect(recipients.sort()).toEqual(PEOPLE.map(({ email }) => email).sort());
  await api.poll<Queues>('/queues', ({ problems }) => problems.length === 0);
});
