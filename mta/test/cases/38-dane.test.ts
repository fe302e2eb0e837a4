/** 38. DANE (RFC 7672): with signed TLSA records the server must meet one of them, and no other proof counts. */
import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueCertificate } from '../../sandbox/certificate.ts';
import type { Zone } from '../dns-server.ts';
import type { Step } from '../peer.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';
import { ONE_TRY, SECURE_HELLO, TURNED_AWAY } from '../tls-helpers.ts';

const certificate = issueCertificate({ commonName: 'no name that matters' });
const key = new X509Certificate(certificate.cert).publicKey.export({ type: 'spki', format: 'der' });
const digest = createHash('sha256').update(key).digest();
const OTHER = Buffer.alloc(32, 9);

const zone = (data: Buffer, signed = true): Zone => ({
  test: { signed },
  'a.test': { MX: [[10, 'mx.a.test']] },
  'mx.a.test': { A: ['127.38.0.1'] },
  '_25._tcp.mx.a.test': { TLSA: [[3, 1, 1, data]] },
});
const DELIVERED: Step[] = [...SECURE_HELLO, ...takes('taro@a.test'), ...BYE];

async function send(records: Zone, dialogues: Step[][], failing?: string, dane = true) {
  const net = await startSmallInternet({
    zone: records,
    servers: { '127.38.0.1': dialogues },
    peer: { certificate },
    settings: { tls: { rules: [], mtaSts: false, dane }, retry: ONE_TRY },
    prepare: (dns) => failing && dns.failures.set(failing, 'SERVFAIL'),
  });
  const job = net.mta.send(['taro@a.test']);
  const row = await net.mta.until(() => net.mta.ledger(job)[0]);
  await net.finish();
  return row;
}

it('delivers to the server that its record names, whoever signed its certificate', async () => {
  expect(await send(zone(digest), [DELIVERED])).toMatchObject({ kind: 'delivered', tlsPolicy: 'dane' });
});

describe('the mail waits', () => {
  it('when the server is another one', async () => {
    expect(await send(zone(OTHER), [TURNED_AWAY])).toMatchObject({
      kind: 'deferred',
      phase: 'starttls',
      status: '4.7.5',
      tlsPolicy: 'dane',
    });
  });

  it('when the server offers no TLS', async () => {
    expect(await send(zone(digest), [[...HELLO, ...BYE]])).toMatchObject({
      kind: 'deferred',
      status: '4.7.4',
      tlsPolicy: 'dane',
    });
  });

  it.each(['_25._tcp.mx.a.test', 'a.test'])(
    'when the resolver cannot validate the records of %s: no connection',
    async (failing) => {
      expect(await send(zone(digest), [], failing)).toMatchObject({ kind: 'deferred' });
    },
  );
});

describe('the records count for nothing', () => {
  it('when they are not signed', async () => {
    const row = await send(zone(OTHER, false), [DELIVERED]);
    expect(row).toMatchObject({ kind: 'delivered', tlsPolicy: 'opportunistic' });
  });
  it('when nobody asks for DANE', async () => {
    const row = await send(zone(OTHER), [DELIVERED], undefined, false);
    expect(row).toMatchObject({ kind: 'delivered', tlsPolicy: 'opportunistic' });
  });
});
