/** 17. A 5xx banner speaks of this host, so the next MX is tried; when none is left the mail waits (RFC 5321 §3.1, RFC 7504). */
import { expect, it } from 'vitest';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';

const zone = {
  'two.test': {
    MX: [
      [10, 'a.two.test'],
      [20, 'b.two.test'],
    ] as [number, string][],
  },
  'a.two.test': { A: ['127.17.0.1'] },
  'b.two.test': { A: ['127.17.0.2'] },
};
const refusing = (banner: string) => [`S: ${banner}`, 'C: QUIT', 'S: 221 Bye', '*** eof'];

it.each(['554 5.7.1 No SMTP service here', '521 5.3.2 Does not accept mail', '554-not\r\n554 you'])(
  '%j: the next host takes the mail',
  async (banner) => {
    const net = await startSmallInternet({
      zone,
      servers: {
        '127.17.0.1': [refusing(banner)],
        '127.17.0.2': [[...HELLO, ...takes('taro@two.test'), ...BYE]],
      },
    });
    const job = net.mta.send(['taro@two.test']);
    await net.mta.settled(job);
    expect(net.mta.ledger(job)).toMatchObject([{ kind: 'delivered', mx: 'b.two.test', attempt: 1 }]);
    await net.finish();
  },
);

it('all of them: deferred, never bounced', async () => {
  const net = await startSmallInternet({
    zone,
    servers: {
      '127.17.0.1': [refusing('554 5.7.1 Go away')],
      '127.17.0.2': [refusing('554 5.7.1 You too')],
    },
    settings: { retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 } },
  });
  const job = net.mta.send(['taro@two.test']);
  expect(await net.mta.until(() => net.mta.ledger(job)[0])).toMatchObject({
    kind: 'deferred',
    phase: 'banner',
    code: 554,
    reply: expect.stringContaining('554 5.7.1 You too'),
  });
  await net.finish();
});
