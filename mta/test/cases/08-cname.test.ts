/** 8. Aliases are followed, in bounds (RFC 5321 §5.1). */
import { expect, it } from 'vitest';
import { lookUp, targets } from '../mx-helpers.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';

it.each([true, false])('delivers to where an alias leads (the resolver follows it: %s)', async (chase) => {
  const net = await startSmallInternet({
    zone: {
      'alias.test': { CNAME: 'alias2.test' },
      'alias2.test': { CNAME: 'target.test' },
      'target.test': { MX: [[10, 'mx.target.test']] },
      'mx.target.test': { A: ['127.8.0.1'] },
    },
    servers: { '127.8.0.1': [[...HELLO, ...takes('taro@alias.test'), ...BYE]] },
    dns: { chase },
  });
  const job = net.mta.send(['taro@alias.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
  // The recipient keeps the name that was typed (RFC 5321 §2.3.5 would allow the other).
  expect(net.mta.ledger(job)).toMatchObject([{ domain: 'alias.test', mx: 'mx.target.test' }]);
  await net.finish();
});

it('follows an alias without MX to its address', async () => {
  const zone = { 'alias.test': { CNAME: 'host.test' }, 'host.test': { A: ['8.8.8.1'] } };
  expect(await targets(zone, 'alias.test', {}, { chase: false })).toEqual(['host.test 8.8.8.1']);
});

it('gives up on an endless alias for now', async () => {
  const zone = { 'a.test': { CNAME: 'b.test' }, 'b.test': { CNAME: 'a.test' } };
  const { outcome, queries } = await lookUp(zone, 'a.test', {}, { chase: false });
  expect(outcome).toMatchObject({ kind: 'temporary', text: expect.stringContaining('more than 8 CNAMEs') });
  expect(queries.length).toBeLessThanOrEqual(4);
});
