/** 16. A 421 anywhere closes the connection and defers this one mail; the others go on over another (RFC 5321 §3.8). */
import { describe, expect, it } from 'vitest';
import { type Step, startPeer } from '../peer.ts';
import { BYE, HELLO, startSmallInternet, takes, takesAll } from '../small-internet.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

const MAIL: Step[] = ['C: MAIL FROM:<b-'];
const RCPT: Step[] = [...MAIL, 'S: 250 Ok', 'C: RCPT TO:'];
const DATA: Step[] = [...RCPT, 'S: 250 Ok', 'C: DATA'];
const DOT: Step[] = [...DATA, 'S: 354 Go on', 'C> message'];

it.each([
  ['mail', MAIL],
  ['rcpt', RCPT],
  ['data', DATA],
  ['dot', DOT],
] as [string, Step[]][])('at %s: one mail waits, two are delivered elsewhere', async (phase, until) => {
  const net = await startSmallInternet({
    zone: { 'busy.test': { MX: [[10, 'mx.busy.test']] }, 'mx.busy.test': { A: ['127.16.0.1'] } },
    servers: { '127.16.0.1': [[...HELLO, ...until, 'S: 421 4.3.2 Closing', '*** eof']] },
    settings: { retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 } },
    peer: { others: [takesAll] },
  });
  const { mta } = net;
  const job = mta.send(['a@busy.test', 'b@busy.test', 'c@busy.test']);
  await mta.until(() => mta.spool.job(job)!.delivered === 2);
  const rows = mta.ledger(job);
  expect(rows.filter(({ kind }) => kind === 'deferred')).toMatchObject([
    { phase, code: 421, status: '4.3.2', reply: '421 4.3.2 Closing', attempt: 1 },
  ]);
  expect(rows.filter(({ kind }) => kind === 'delivered')).toMatchObject([{ attempt: 1 }, { attempt: 1 }]);
  expect(net.servers['127.16.0.1']!.connections).toBeGreaterThan(1);
  await net.finish();
});

it('in place of the banner and after EHLO: the next host', async () => {
  const net = await startSmallInternet({
    zone: {
      'busy.test': {
        MX: [
          [10, 'a.busy.test'],
          [20, 'b.busy.test'],
          [30, 'c.busy.test'],
        ],
      },
      'a.busy.test': { A: ['127.16.0.1'] },
      'b.busy.test': { A: ['127.16.0.2'] },
      'c.busy.test': { A: ['127.16.0.3'] },
    },
    servers: {
      '127.16.0.1': [['S: 421 4.3.2 Busy', '*** eof']],
      '127.16.0.2': [['S: 220 b', 'C: EHLO', 'S: 421 4.3.2 Busy', '*** eof']],
      '127.16.0.3': [[...HELLO, ...takes('a@busy.test'), ...BYE]],
    },
  });
  const job = net.mta.send(['a@busy.test']);
  await net.mta.settled(job);
  expect(net.mta.ledger(job)).toMatchObject([{ kind: 'delivered', mx: 'c.busy.test', attempt: 1 }]);
  await net.finish();
});

it('while the connection is idle: no mail hears of it', async () => {
  let farewell = (): void => {};
  const said = new Promise<void>((resolve) => {
    farewell = resolve;
  });
  const net = await startSmallInternet({
    zone: { 'idle.test': { A: ['127.16.0.4'] } },
    servers: {
      '127.16.0.4': [
        [...HELLO, ...takes('a@idle.test'), () => said, 'S: 421 4.4.2 Idle for too long', '*** eof'],
        [...HELLO, ...takes('b@idle.test'), ...BYE],
      ],
    },
  });
  const first = net.mta.send(['a@idle.test']);
  await net.mta.settled(first);
  farewell();
  await net.mta.until(() => net.mta.status?.connections === 0);
  const second = net.mta.send(['b@idle.test']);
  await net.mta.settled(second);
  expect(net.mta.ledger(second)).toMatchObject([{ kind: 'delivered', attempt: 1 }]);
  await net.finish();
});

describe('with PIPELINING', () => {
  it.each([
    ['rcpt', ['S: 250 ok', 'S: 421 4.7.0 Bye', '*** eof'], 0],
    ['data', ['S: 250 ok', 'S: 250 ok', 'S: 421 4.7.0 Bye', '*** eof'], 0],
    // once, when the dot was written
    ['dot', [...TAKEN, 'C> message', 'S: 421 4.7.0 Bye', '*** eof'], 1],
  ] as [string, Step[], number][])('at %s: no more is asked for', async (phase, steps, readyTimes) => {
    const peer = await startPeer([[...PIPELINING, ...COMMANDS, ...steps]]);
    const session = await open(peer.port);
    let ready = 0;
    session.onReady = () => {
      ready += 1;
    };
    expect(await session.send(mail())).toMatchObject({ kind: 'refused', phase, reply: { code: 421 } });
    expect(await session.closed).toMatchObject({ reply: { code: 421 } });
    expect(session.canSend).toBe(false);
    expect(ready).toBe(readyTimes);
    await peer.done;
    await peer.stop();
  });

  it('to a dot while the next mail is begun: the first has its reply, the other lost nothing', async () => {
    const peer = await startPeer([
      [
        ...PIPELINING,
        ...COMMANDS,
        ...TAKEN,
        'C> message',
        ...COMMANDS,
        'S: 421 4.3.2 Shutting down',
        '*** eof',
      ],
    ]);
    const session = await open(peer.port);
    const first = session.send(mail());
    await new Promise<void>((resolve) => {
      session.onReady = resolve;
    });
    const second = session.send(mail());
    let ready = 0;
    session.onReady = () => {
      ready += 1;
    };
    expect(await first).toMatchObject({ kind: 'refused', phase: 'dot', reply: { code: 421 } });
    expect(await second).toMatchObject({ kind: 'lost', phase: 'mail', free: true, duplicateRisk: false });
    await session.closed;
    expect(session.canSend).toBe(false);
    expect(ready).toBe(0);
    await peer.done;
    await peer.stop();
  });
});
