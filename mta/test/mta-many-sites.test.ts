/** A list whose domains all have servers of their own: more than there may be connections. */
import { afterEach, expect, it } from 'vitest';
import { startDnsServer, type Zone } from './dns-server.ts';
import { withEnv } from './faketime.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';
import { type PeerConnection, startPeer } from './peer.ts';

const SITES = 30;
/** TODOKE_CONNECTIONS, and how many of them bulk mail may have */
const CONNECTIONS = 20;
const BULK = 19;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface World {
  mta: MtaHarness;
  /** the most connections that were open at a time */
  most: number;
  /** servers answer the dot of bulk mail */
  release(): void;
}

/** Servers that keep bulk mail waiting for the last reply. */
async function start(): Promise<World> {
  const released = Promise.withResolvers<void>();
  const world = { most: 0, release: () => released.resolve() } as World;
  let open = 0;
  const serve = async (connection: PeerConnection): Promise<void> => {
    open += 1;
    world.most = Math.max(world.most, open);
    connection.socket.on('close', () => {
      open -= 1;
    });
    let holds = false;
    await connection.say('220 mx.test ESMTP\r\n');
    for (;;) {
      const line = await connection.line();
      if (line.startsWith('RCPT')) holds = line.includes('bulk');
      if (line === 'DATA') {
        await connection.play(['S: 354 Go on', 'C> message']);
        if (holds) await released.promise;
        await connection.say('250 2.0.0 Taken\r\n');
      } else if (line === 'QUIT') {
        await connection.say('221 2.0.0 Bye\r\n');
        connection.socket.end();
        return;
      } else await connection.say('250 Ok\r\n');
    }
  };
  const zone: Zone = {};
  for (let n = 0; n < SITES; n += 1) {
    const host = `127.88.0.${n + 1}`;
    zone[`d${n}.test`] = { MX: [[10, `mx${n}.test`]] };
    zone[`mx${n}.test`] = { A: [host] };
    const peer = await startPeer([], { host, port: 25, others: [serve] });
    ends.push(() => peer.stop());
  }
  const dns = await startDnsServer(zone);
  ends.push(() => dns.stop());
  world.mta = await withEnv({ TODOKE_CONNECTIONS: String(CONNECTIONS) }, () =>
    startMta({ routes: [{ id: 1, match: '*.test' }] }, [dns.address]),
  );
  ends.push(() => world.mta.close());
  return world;
}

it('opens no more connections than it may, keeps one for single mail, and serves every site in its turn', async () => {
  const world = await start();
  const { mta } = world;
  const bulk = mta.send(Array.from({ length: SITES * 3 }, (_, n) => `bulk${n}@d${n % SITES}.test`));
  const waiting = await mta.until(() => {
    const lines = mta.status?.lines.filter((line) => line.waiting === 'machine-limit');
    return lines?.length === SITES - BULK && lines;
  });
  expect(mta.status).toMatchObject({ connections: BULK });

  const single = mta.send([`one@${waiting[0]!.domain}`], {}, { class: 'transactional' });
  expect(await mta.settled(single)).toMatchObject({ delivered: 1 });
  // What was opened for it takes no bulk mail.
  expect(mta.spool.job(bulk)).toMatchObject({ settled: 0 });

  world.release();
  expect(await mta.settled(bulk)).toMatchObject({ delivered: SITES * 3 });
  expect(world.most).toBeLessThanOrEqual(CONNECTIONS);
});
