/** Questions whose answers must be trusted: what is believed, and what is not. */
import dgram from 'node:dgram';
import * as packets from 'dns-packet';
import { afterEach, expect, it } from 'vitest';
import { exchange, parseServer } from '../routing/dns-exchange.ts';
import { createSecureResolver } from '../routing/dns-secure.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';

let dns: DnsServer | undefined;
afterEach(async () => {
  await dns?.stop();
  dns = undefined;
});
const resolve = (server: string) => createSecureResolver({ servers: [server], timeoutMs: 300, tries: 1 });

it.each([
  ['192.0.2.1', { host: '192.0.2.1', port: 53 }],
  ['192.0.2.1:5353', { host: '192.0.2.1', port: 5353 }],
  ['2001:db8::1', { host: '2001:db8::1', port: 53 }],
  ['[2001:db8::1]', { host: '2001:db8::1', port: 53 }],
  ['[2001:db8::1]:5353', { host: '2001:db8::1', port: 5353 }],
])('reads %s', (text, server) => {
  expect(parseServer(text)).toEqual(server);
});

it('believes the AD bit, and its absence', async () => {
  dns = await startDnsServer({
    test: { signed: true },
    'a.test': { A: ['192.0.2.1'] },
    'a.other': { A: ['192.0.2.2'] },
  });
  const resolver = resolve(dns.address);
  expect(await resolver.a('A.test')).toEqual({
    kind: 'records',
    records: ['192.0.2.1'],
    name: 'a.test',
    secure: true,
  });
  expect(await resolver.a('a.other')).toMatchObject({ records: ['192.0.2.2'], secure: false });
  expect(await resolver.aaaa('a.test')).toEqual({ kind: 'none', secure: true });
  expect(await resolver.mx('no.other')).toEqual({ kind: 'none', secure: false });
});

it.each(['SERVFAIL', 'REFUSED'] as const)('%s is no answer, and is not kept', async (failure) => {
  dns = await startDnsServer({ 'a.test': { A: ['192.0.2.1'] } });
  dns.failures.set('*', failure);
  const resolver = resolve(dns.address);
  expect(await resolver.a('a.test')).toEqual({ kind: 'temporary', error: failure });
  dns.failures.clear();
  expect(await resolver.a('a.test')).toMatchObject({ kind: 'records' });
});

it.each(['[2001:db8::1]:53', '127.0.0.1:9', '[::1]:9'])(
  'a resolver that cannot be reached (%s) is no answer',
  async (server) => {
    expect(await resolve(server).tlsa('_25._tcp.mx.test')).toMatchObject({ kind: 'temporary' });
  },
);

it('a name that no packet can hold is no answer either', async () => {
  expect(await resolve('127.0.0.1:9').a(`${'x'.repeat(300)}.test`)).toMatchObject({ kind: 'temporary' });
});

it('waits for the answer to its own question, whatever else comes', async () => {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, from) => {
    const { id, questions } = packets.decode(message);
    const say = (packet: Buffer): void => socket.send(packet, from.port, from.address);
    const response = (own: object): Buffer =>
      packets.encode({
        type: 'response',
        id: id!,
        flags: packets.AUTHENTIC_DATA,
        questions: questions!,
        answers: [{ type: 'A', name: 'a.test', ttl: 1, data: '203.0.113.66' }],
        ...own,
      });
    say(Buffer.from('no DNS'));
    say(response({ id: (id! + 1) & 0xffff }));
    say(response({ questions: [{ type: 'A', name: 'b.test' }] }));
    say(response({ type: 'query' }));
    say(response({ answers: [{ type: 'A', name: 'a.test', ttl: 1, data: '192.0.2.1' }] }));
  });
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  const answer = await exchange('A', 'a.test', { host: '127.0.0.1', port }, 5000);
  expect(answer.answers).toMatchObject([{ data: '192.0.2.1' }]);
  await new Promise<void>((closed) => socket.close(closed));
});
