/** DANE: whether a host has TLSA records that count, and what they say of a server's certificates (case 38, RFC 7672). */
import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { daneProblem, lookUpDane } from '../routing/dane.ts';
import { createSecureResolver, type TlsaRecord } from '../routing/dns-secure.ts';
import { createTlsDiscovery } from '../routing/tls-discovery.ts';
import { type IssuedCertificate, issueCertificate } from '../sandbox/certificate.ts';
import { type DnsFailure, type DnsServer, startDnsServer, type Zone } from './dns-server.ts';

let dns: DnsServer | undefined;
afterEach(async () => {
  await dns?.stop();
  dns = undefined;
});

const HASH = Buffer.alloc(32, 1);
const EE: NonNullable<Zone[string]['TLSA']> = [[3, 1, 1, HASH]];
const A = { A: ['192.0.2.1'] };

interface Case {
  zone: Zone;
  failures?: Record<string, DnsFailure>;
  truncate?: boolean;
}

async function look({ zone, failures = {}, truncate = false }: Case) {
  dns = await startDnsServer(zone, { truncate });
  for (const [name, failure] of Object.entries(failures)) dns.failures.set(name, failure);
  return lookUpDane('mx.test', createSecureResolver({ servers: [dns.address], timeoutMs: 200, tries: 1 }));
}

describe('the TLSA records of a host', () => {
  const signed = { signed: true };
  const records = {
    kind: 'records',
    base: 'mx.test',
    records: [{ usage: 3, selector: 1, matchingType: 1, data: HASH }],
  };
  it.each<[string, Case, object]>([
    [
      'signed all the way',
      { zone: { test: signed, 'mx.test': A, '_25._tcp.mx.test': { TLSA: EE } } },
      records,
    ],
    [
      'too large for UDP',
      { zone: { test: signed, 'mx.test': A, '_25._tcp.mx.test': { TLSA: EE } }, truncate: true },
      records,
    ],
    [
      'an address by IPv6 only',
      { zone: { test: signed, 'mx.test': { AAAA: ['2001:db8::1'] }, '_25._tcp.mx.test': { TLSA: EE } } },
      records,
    ],
    ['none', { zone: { test: signed, 'mx.test': A } }, { kind: 'none' }],
    [
      'unsigned addresses',
      { zone: { 'mx.test': A, '_25._tcp.mx.test': { TLSA: EE, signed: true } } },
      { kind: 'none' },
    ],
    [
      'an unsigned host whose DNS knows no TLSA and fails',
      { zone: { 'mx.test': A }, failures: { '_25._tcp.mx.test': 'SERVFAIL' } },
      { kind: 'none' },
    ],
    [
      'unsigned records',
      { zone: { test: signed, 'mx.test': A, '_25._tcp.mx.test': { TLSA: EE, signed: false } } },
      { kind: 'none' },
    ],
    [
      'the look-up fails',
      { zone: { test: signed, 'mx.test': A }, failures: { '_25._tcp.mx.test': 'SERVFAIL' } },
      { kind: 'temporary', text: 'TLSA look-up of _25._tcp.mx.test failed: SERVFAIL' },
    ],
    [
      'no answer',
      { zone: { test: signed, 'mx.test': A }, failures: { '_25._tcp.mx.test': 'timeout' } },
      { kind: 'temporary', text: 'TLSA look-up of _25._tcp.mx.test failed: TIMEOUT' },
    ],
    [
      'the addresses cannot be validated',
      { zone: { test: signed, 'mx.test': A }, failures: { 'mx.test': 'SERVFAIL' } },
      { kind: 'temporary' },
    ],
    [
      'only AAAA fails',
      {
        zone: { test: signed, 'mx.test': A, '_25._tcp.mx.test': { TLSA: EE } },
        failures: { 'AAAA mx.test': 'SERVFAIL' },
      },
      records,
    ],
    [
      'records that SMTP cannot use',
      {
        zone: {
          test: signed,
          'mx.test': A,
          '_25._tcp.mx.test': {
            TLSA: [
              [1, 1, 1, HASH],
              [3, 1, 9, HASH],
              [3, 1, 1, Buffer.alloc(31)],
            ],
          },
        },
      },
      { kind: 'unusable', base: 'mx.test' },
    ],
    [
      'some that it can',
      { zone: { test: signed, 'mx.test': A, '_25._tcp.mx.test': { TLSA: [[0, 0, 1, HASH], ...EE] } } },
      records,
    ],
    [
      'an alias whose target has some',
      {
        zone: {
          test: signed,
          'mx.test': { CNAME: 'real.test' },
          'real.test': A,
          '_25._tcp.real.test': { TLSA: EE },
        },
      },
      { ...records, base: 'real.test' },
    ],
    [
      'an alias that has some itself',
      {
        zone: {
          test: signed,
          'mx.test': { CNAME: 'real.test' },
          'real.test': A,
          '_25._tcp.mx.test': { TLSA: EE },
        },
      },
      records,
    ],
    [
      'a signed alias out of the signed world',
      {
        zone: {
          test: signed,
          'mx.test': { CNAME: 'real.other' },
          'real.other': A,
          '_25._tcp.mx.test': { TLSA: EE },
        },
      },
      records,
    ],
    [
      'an unsigned alias',
      {
        zone: {
          test: signed,
          'mx.test': { CNAME: 'real.other', signed: false },
          'real.other': A,
          '_25._tcp.mx.test': { TLSA: EE, signed: true },
        },
      },
      { kind: 'none' },
    ],
    [
      'an unsigned host whose DNS fails for AAAA',
      { zone: { 'mx.test': A }, failures: { 'AAAA mx.test': 'SERVFAIL' } },
      { kind: 'none' },
    ],
    [
      'an alias for the records',
      {
        zone: {
          test: signed,
          'mx.test': A,
          '_25._tcp.mx.test': { CNAME: 'tlsa.test' },
          'tlsa.test': { TLSA: EE },
        },
      },
      records,
    ],
    [
      'an alias for the records that leads to unsigned ones',
      {
        zone: {
          test: signed,
          'mx.test': A,
          '_25._tcp.mx.test': { CNAME: 'tlsa.other' },
          'tlsa.other': { TLSA: EE },
        },
      },
      { kind: 'none' },
    ],
  ])('%s', async (_, given, expected) => {
    expect(await look(given)).toMatchObject(expected);
  });

  it('are asked for once', async () => {
    dns = await startDnsServer({ test: signed, 'mx.test': A, '_25._tcp.mx.test': { TLSA: EE } });
    const resolver = createSecureResolver({ servers: [dns.address] });
    await Promise.all([lookUpDane('mx.test', resolver), lookUpDane('mx.test', resolver)]);
    await lookUpDane('mx.test', resolver);
    expect(dns.queries.filter((query) => query.startsWith('TLSA'))).toHaveLength(1);
  });

  it('are asked of the next resolver when one is dead', async () => {
    dns = await startDnsServer({ test: signed, 'mx.test': A, '_25._tcp.mx.test': { TLSA: EE } });
    const dead = await startDnsServer({});
    await dead.stop();
    const resolver = createSecureResolver({ servers: [dead.address, dns.address], timeoutMs: 200, tries: 1 });
    expect(await lookUpDane('mx.test', resolver)).toMatchObject(records);
  });
});

describe('the MX records of a domain', () => {
  it.each<[string, Zone, DnsFailure | undefined, object]>([
    ['signed', { 'a.test': { MX: [[10, 'mx.test']], signed: true } }, undefined, { signedMx: true }],
    ['unsigned', { 'a.test': { MX: [[10, 'mx.test']] } }, undefined, { signedMx: false }],
    ['signed, that there are none', { 'a.test': { ...A, signed: true } }, undefined, { signedMx: true }],
    [
      'not to be validated',
      {},
      'SERVFAIL',
      { kind: 'temporary', text: 'MX look-up of a.test for DANE failed: SERVFAIL' },
    ],
  ])('%s', async (_, zone, failure, expected) => {
    dns = await startDnsServer(zone);
    if (failure) dns.failures.set('*', failure);
    const resolver = createSecureResolver({ servers: [dns.address], timeoutMs: 200, tries: 1 });
    expect(await createTlsDiscovery({ dns: resolver, sts: undefined })!('a.test', false)).toMatchObject(
      expected,
    );
  });

  it('are not asked for of an address', async () => {
    dns = await startDnsServer({ '': { signed: true } });
    const discover = createTlsDiscovery({
      dns: createSecureResolver({ servers: [dns.address] }),
      sts: undefined,
    })!;
    expect(await discover('[192.0.2.1]', false)).toEqual({ kind: 'found', signedMx: false, sts: undefined });
    expect(dns.queries).toEqual([]);
  });
});

describe('does the resolver validate?', () => {
  it.each<[string, Zone, DnsFailure | undefined, boolean | undefined]>([
    ['it does', { '': { NS: ['a.root.test'], signed: true } }, undefined, true],
    ['it does not', { '': { NS: ['a.root.test'] } }, undefined, false],
    ['nobody knows', {}, 'timeout', undefined],
  ])('%s', async (_, zone, failure, expected) => {
    dns = await startDnsServer(zone);
    if (failure) dns.failures.set('*', failure);
    const resolver = createSecureResolver({ servers: [dns.address], timeoutMs: 200, tries: 1 });
    expect(await resolver.validates()).toBe(expected);
  });
});

describe('a server under its TLSA records', () => {
  const HOUR = 3_600_000;
  const past = { from: Date.now() - 2 * HOUR, to: Date.now() - HOUR };
  const root = issueCertificate({ commonName: 'Root', ca: true });
  const middle = issueCertificate({ commonName: 'Middle', ca: true, issuer: root });
  const leaf = issueCertificate({ commonName: 'mx', hosts: ['mx.test'], issuer: middle });
  const old = issueCertificate({ commonName: 'mx', hosts: ['mx.test'], issuer: middle, ...past });
  const foreign = issueCertificate({ commonName: 'x', hosts: ['else.test'], issuer: middle });
  const customer = issueCertificate({ commonName: 'x', hosts: ['a.test'], issuer: middle });
  const forged = issueCertificate({
    commonName: 'mx',
    hosts: ['mx.test'],
    issuer: issueCertificate({ commonName: 'Middle', ca: true }),
  });
  /** signed by a certificate that may sign nothing */
  const below = issueCertificate({ commonName: 'mx', hosts: ['mx.test'], issuer: leaf });

  const chainOf = (...certificates: IssuedCertificate[]) =>
    certificates.map(({ cert }) => new X509Certificate(cert));
  function record(usage: number, selector: number, matchingType: number, of: IssuedCertificate): TlsaRecord {
    const certificate = new X509Certificate(of.cert);
    const part =
      selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
    const hash = ['', 'sha256', 'sha512'][matchingType];
    return { usage, selector, matchingType, data: hash ? createHash(hash).update(part).digest() : part };
  }
  const fail = 'validation-failure';

  it.each<[string, IssuedCertificate[], TlsaRecord[], string | undefined]>([
    ...[0, 1].flatMap((selector) =>
      [0, 1, 2].flatMap((type): [string, IssuedCertificate[], TlsaRecord[], string | undefined][] => [
        [`3 ${selector} ${type} meets the certificate`, [leaf], [record(3, selector, type, leaf)], undefined],
        [`3 ${selector} ${type} of another one`, [leaf], [record(3, selector, type, foreign)], fail],
        [
          `2 ${selector} ${type} meets its issuer`,
          [leaf, middle],
          [record(2, selector, type, middle)],
          undefined,
        ],
      ]),
    ),
    ['3: the name does not matter', [foreign], [record(3, 1, 1, foreign)], undefined],
    ['3: nor does the date', [old], [record(3, 1, 1, old)], undefined],
    ['3: an issuer is not the server', [leaf, middle], [record(3, 1, 1, middle)], fail],
    ['2: the root, over all between', [leaf, middle, root], [record(2, 0, 1, root)], undefined],
    ['2: the root without what is between', [leaf, root], [record(2, 0, 1, root)], fail],
    ['2: the issuer is not sent, but is in the record', [leaf], [record(2, 0, 0, middle)], undefined],
    ['2: only its key is', [leaf], [record(2, 1, 0, middle)], undefined],
    ['2: the server itself is no anchor', [leaf, middle], [record(2, 1, 1, leaf)], fail],
    ['2: the name matters', [foreign, middle], [record(2, 1, 1, middle)], 'certificate-host-mismatch'],
    ["2: the domain's own name will do", [customer, middle], [record(2, 1, 1, middle)], undefined],
    ['2: the date matters', [old, middle], [record(2, 1, 1, middle)], 'certificate-expired'],
    ['2: a true anchor below a forged certificate', [forged, middle], [record(2, 1, 1, middle)], fail],
    ['2: an issuer that may sign nothing', [below, leaf, middle], [record(2, 1, 1, middle)], fail],
    ['2: nor when the record holds that issuer whole', [below], [record(2, 0, 0, leaf)], fail],
    [
      'one of several will do',
      [leaf, middle],
      [record(3, 1, 1, foreign), record(2, 1, 1, middle)],
      undefined,
    ],
    [
      'the weaker digest does not count beside the stronger',
      [leaf],
      [record(3, 1, 1, leaf), record(3, 1, 2, foreign)],
      fail,
    ],
    ['no certificate', [], [record(3, 1, 1, leaf)], fail],
  ])('%s', (_, chain, records, result) => {
    expect(daneProblem(chainOf(...chain), records, ['mx.test', 'a.test'])?.result).toBe(result);
  });
});
