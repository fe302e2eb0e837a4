/** What strangers may cost: sessions, time, memory, disk. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { clientOf, Gate } from '../inbound/gate.ts';
import { INBOUND_LIMITS, type InboundLimits } from '../inbound/limits.ts';
import { verpAddress } from '../message/verp.ts';
import {
  BOUNCE,
  Client,
  IDS,
  type Listener,
  type Step,
  startListener,
  storedMail,
  storedParts,
} from './inbound-client.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';

let listener: Listener | undefined;
let mta: MtaHarness | undefined;
afterEach(async () => {
  await listener?.stop();
  await mta?.close();
  listener = undefined;
  mta = undefined;
});
async function listen(limits: Partial<InboundLimits> = {}): Promise<Listener> {
  listener = await startListener(limits);
  return listener;
}

const HELLO: Step[] = ['S: 220', 'C: EHLO me.test', 'S: 250'];
const OPEN: Step[] = ['C: MAIL FROM:<>', 'S: 250', `C: RCPT TO:<${BOUNCE}>`, 'S: 250', 'C: DATA', 'S: 354'];
const MB = 1024 * 1024;
const line = Buffer.from(`${'x'.repeat(1022)}\r\n`);
const megabyte = Buffer.concat(Array.from({ length: 1024 }, () => line));

describe('a mail that is too big', () => {
  it('is refused at MAIL when its size is told', async () => {
    const { play } = await listen({ messageBytes: 1000 });
    await play([
      ...HELLO,
      'C: MAIL FROM:<> SIZE=1001',
      'S: 552 5.3.4',
      'C: MAIL FROM:<> SIZE=1000',
      'S: 250',
    ]);
  });

  it('is refused after its dot, and nothing of it stays', async () => {
    const { port, mail, dataDir } = await listen({ messageBytes: MB });
    const client = await Client.connect(port);
    await client.play([...HELLO, ...OPEN]);
    for (let n = 0; n < 3; n += 1) await client.send(megabyte);
    client.say('.\r\n');
    await client.play(['S: 552 5.3.4', ...OPEN, 'C: small', 'C: .', 'S: 250', 'C: QUIT', 'S: 221']);
    client.close();
    expect(mail().map(({ raw }) => raw)).toEqual(['small\r\n']);
    expect(storedParts(dataDir)).toBe(1);
  });

  it('ends the session when it does not end', async () => {
    const { port, mail } = await listen({ messageBytes: MB });
    const client = await Client.connect(port);
    await client.play([...HELLO, ...OPEN]);
    while (!client.ended) await client.send(megabyte);
    expect(client.unread).toMatch(/^552 5\.3\.4/);
    expect(mail()).toEqual([]);
  });

  it('is never in memory as a whole, nor are many that are just small enough', async () => {
    mta = await startMta({}, undefined, { inbound: true });
    const peak = (): number =>
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${mta!.mta.pid}/status`, 'utf8'))![1]) / 1024;
    const { tokenKey } = mta.spool.settings()!;
    const address = verpAddress(tokenKey, IDS, 'bounce.example.jp');
    const bring = async (megabytes: number): Promise<string> => {
      const client = await Client.connect(mta!.inboundPort);
      await client.play([...HELLO, ...OPEN.with(2, `C: RCPT TO:<${address}>`)]);
      for (let n = 0; n < megabytes; n += 1) await client.send(megabyte);
      client.say('.\r\n');
      const reply = await client.reply();
      client.close();
      return reply;
    };
    await bring(0);
    const before = peak();
    const replies = await Promise.all([50, 50, 50, 24, 24, 24].map(bring));
    expect(replies.map((reply) => reply.slice(0, 9))).toEqual([
      ...Array(3).fill('552 5.3.4'),
      ...Array(3).fill('250 2.6.0'),
    ]);
    // 222 MB went by
    expect(peak() - before).toBeLessThan(100);
    const whole = createHash('sha256');
    for (let n = 0; n < 24; n += 1) whole.update(megabyte);
    const digest = whole.digest('hex');
    const stored = storedMail(mta.dataDir).filter(({ size }) => size > MB);
    expect(stored.map(({ raw }) => createHash('sha256').update(raw, 'latin1').digest('hex'))).toEqual(
      Array(3).fill(digest),
    );
  });
});

it('of a client that goes away in the middle nothing stays, at the latest after the next start', async () => {
  const { port, dataDir, inbound, play } = await listen();
  const client = await Client.connect(port);
  await client.play([...HELLO, ...OPEN]);
  await client.send(megabyte);
  await client.send(megabyte);
  client.close();
  await play([...HELLO, ...OPEN, 'C: whole', 'C: .', 'S: 250']);
  await inbound.stop();
  listener = await startListener({}, { dataDir });
  expect(listener.mail().map(({ raw }) => raw)).toEqual(['whole\r\n']);
  expect(storedParts(dataDir)).toBe(1);
});

describe('sessions', () => {
  it('of one client are bounded, and another client gets in', async () => {
    const { port, play } = await listen({ connectionsPerClient: 3 });
    const open = await Promise.all([1, 2, 3].map(() => Client.connect(port)));
    for (const client of open) await client.play(HELLO);
    await play(['S: 421 4.7.0', '*** eof']);
    await play(HELLO, '127.0.0.2');
    open[0]!.close();
    for (const client of open) client.close();
  });

  const crowd = (port: number): Promise<Client[]> =>
    Promise.all(
      Array.from({ length: 300 }, (_, n) => Client.connect(port, `127.0.0.${10 + Math.floor(n / 10)}`)),
    );

  it('are no more than there may be, and the others are told so', async () => {
    const { port } = await listen({ connections: 30, connectionsPerClient: 10, shedAfter: 3_600_000 });
    const idle = await crowd(port);
    const greetings = await Promise.all(idle.map((client) => client.reply()));
    expect(greetings.filter((greeting) => greeting.startsWith('220'))).toHaveLength(30);
    expect(greetings.filter((greeting) => greeting.startsWith('421 4.3.2'))).toHaveLength(270);
    for (const client of idle) client.close();
  });

  it('that are all taken by idle clients make room for one that works', async () => {
    const { port, mail } = await listen({ connections: 30, connectionsPerClient: 10, shedAfter: 100 });
    const idle = await crowd(port);
    await Promise.all(idle.map((client) => client.reply()));
    // As a mail server does: it comes again.
    for (let taken = false; !taken; ) {
      const client = await Client.connect(port, '127.0.0.2');
      taken = (await client.reply()).startsWith('220');
      if (taken)
        await client.play([...HELLO.slice(1), ...OPEN, 'C: work', 'C: .', 'S: 250', 'C: QUIT', 'S: 221']);
      client.close();
    }
    expect(mail()).toHaveLength(1);
    for (const client of idle) client.close();
  });

  it('in which only bytes trickle in are idle', async () => {
    const { port } = await listen({ idle: 300 });
    const client = await Client.connect(port);
    await client.play(HELLO);
    const trickle = setInterval(() => client.say('N'), 20);
    expect(await client.reply()).toMatch(/^421 4\.4\.2/);
    clearInterval(trickle);
    await client.eof();
  });

  it('in which a mail trickles in end, too', async () => {
    const { port, mail } = await listen({ data: 300 });
    const client = await Client.connect(port);
    await client.play([...HELLO, ...OPEN]);
    const trickle = setInterval(() => client.say('x\r\n'), 20);
    expect(await client.reply()).toMatch(/^421 4\.4\.2/);
    clearInterval(trickle);
    await client.eof();
    expect(mail()).toEqual([]);
  });

  it('that guess addresses end, and their client is turned away for a while', async () => {
    const { play } = await listen({ errorRate: { perSecond: 0.001, burst: 40 } });
    const guess: Step[] = ['C: RCPT TO:<info@example.jp>', 'S: 550'];
    const guesses = Array.from({ length: 19 }, () => guess).flat();
    const session: Step[] = [
      ...HELLO,
      'C: MAIL FROM:<>',
      'S: 250',
      ...guesses,
      guess[0]!,
      'S: 421 4.7.0',
      '*** eof',
    ];
    await play(session);
    await play(session);
    await play(['S: 421 4.7.0', '*** eof']);
    await play(HELLO, '127.0.0.2');
  });

  it('without a mail end', async () => {
    const { play } = await listen({ commandsWithoutMail: 5 });
    const noop: Step[] = ['C: NOOP', 'S: 250'];
    await play([...HELLO, ...noop, ...noop, ...noop, ...noop, 'C: NOOP', 'S: 421 4.7.0', '*** eof']);
  });
});

it('mails of one client come at a rate', async () => {
  const { play } = await listen({ mailRate: { perSecond: 0.001, burst: 2 } });
  const mail: Step[] = [...OPEN, 'C: .', 'S: 250'];
  await play([...HELLO, ...mail, ...mail, 'C: MAIL FROM:<>', 'S: 451 4.7.1']);
  await play([...HELLO, ...mail], '127.0.0.2');
});

describe('mail is put off', () => {
  it('when the disk is nearly full', async () => {
    const { play } = await listen({ diskReserve: Number.MAX_SAFE_INTEGER });
    await play([...HELLO, 'C: MAIL FROM:<>', 'S: 452 4.3.1']);
  });

  it('when too much of it waits to be read', async () => {
    const { port } = await listen({
      unreadBytes: 5,
      commandsWithoutMail: Infinity,
      mailRate: { perSecond: 1e9, burst: 1e9 },
    });
    const client = await Client.connect(port);
    await client.play([...HELLO, ...OPEN, 'C: more than five bytes', 'C: .', 'S: 250']);
    // It looks once a second.
    for (let reply = ''; !reply.startsWith('452 4.3.1'); ) {
      client.say('MAIL FROM:<>\r\n');
      reply = await client.reply();
      if (reply.startsWith('250')) await client.play(['C: RSET', 'S: 250']);
    }
    client.close();
  });
});

describe('the gate', () => {
  const limits = { ...INBOUND_LIMITS, connections: 2, connectionRate: { perSecond: 1, burst: 2 } };

  it('lets in again as time goes by', () => {
    const gate = new Gate(limits);
    expect([gate.enter('a', 0), gate.enter('b', 0), gate.enter('c', 0)]).toEqual(['in', 'in', 'full']);
    gate.leave('a');
    expect([gate.enter('a', 0), gate.open]).toEqual(['in', 2]);
    gate.leave('a');
    expect([gate.enter('a', 900), gate.enter('a', 1100)]).toEqual(['too-fast', 'in']);
  });

  it('forgets who has gone and has nothing against them', () => {
    const gate = new Gate(limits);
    gate.enter('a', 0);
    gate.error('b', 0);
    gate.tidy(1);
    expect(gate.clients).toBe(2);
    gate.leave('a');
    gate.tidy(60_000);
    expect(gate.clients).toBe(0);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('takes %s for %s', (address, client) => {
    expect(clientOf(address)).toBe(client);
  });
});
