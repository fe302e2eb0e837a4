import { describe, expect, it } from 'vitest';
import { blankHost, checkHost, type Host, hostOf, pemKind, relayOf } from './host.ts';

const CERT = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';
const KEY = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----';
const host = (patch: Partial<Host>): Host => ({ ...blankHost(), host: 'relay.example.jp', ...patch });

it.each([
  [CERT, 'certificate'],
  [`${CERT}\n${CERT}`, 'certificate'],
  [KEY, 'key'],
  [KEY.replaceAll('PRIVATE', 'RSA PRIVATE'), 'key'],
  [KEY.replaceAll('PRIVATE', 'PUBLIC'), undefined],
  [CERT.slice(0, 40), undefined],
  ['', undefined],
])('pemKind %#', (text, kind) => {
  expect(pemKind(text)).toBe(kind);
});

describe('checkHost', () => {
  it.each<[string, Partial<Host>, Record<string, string>]>([
    ['takes one with defaults', {}, {}],
    ['takes a spare', { weight: 0 }, {}],
    ['misses the name', { host: ' ' }, { host: 'host-missing' }],
    ['refuses port 0', { port: 0 }, { port: 'port-invalid' }],
    ['refuses half a connection', { connections: 1.5 }, { connections: 'number-invalid' }],
    ['refuses a rate of 0', { ratePerSecond: 0 }, { ratePerSecond: 'number-invalid' }],
    ['looks at the CA only where it is used', { ca: 'x', tls: 'required' }, {}],
    ['refuses what is no CA', { ca: KEY, tls: 'verified' }, { ca: 'ca-invalid' }],
    [
      'wants certificate and key',
      { certificate: 'new', cert: CERT },
      { 'clientCertificate.key': 'key-missing' },
    ],
    [
      'tells them apart',
      { certificate: 'new', cert: KEY, key: KEY },
      { 'clientCertificate.cert': 'certificate-missing' },
    ],
  ])('%s', (_, patch, expected) => {
    expect(checkHost(host(patch))).toEqual(expected);
  });
});

describe('relayOf', () => {
  const base = { host: 'relay.example.jp', port: 587, weight: 1, tls: 'opportunistic' };
  it.each<[string, Partial<Host>, object]>([
    [
      'leaves out what is empty and removes no stored secret',
      { certificate: 'keep', hasPassword: true },
      base,
    ],
    ['says that there is no certificate', {}, { ...base, clientCertificate: null }],
    ['keeps a weight of 0', { certificate: 'keep', weight: 0 }, { ...base, weight: 0 }],
    [
      'sends a new certificate',
      { certificate: 'new', cert: ` ${CERT} `, key: KEY },
      { ...base, clientCertificate: { cert: CERT, key: KEY } },
    ],
    ['sends the CA only with verified', { certificate: 'keep', ca: CERT }, base],
    [
      'sends the CA with verified',
      { certificate: 'keep', ca: CERT, tls: 'verified' },
      { ...base, tls: 'verified', ca: CERT },
    ],
  ])('%s', (_, patch, expected) => {
    expect(relayOf(host(patch))).toEqual(expected);
  });

  it('gives back what it was given', () => {
    const relay = {
      host: 'r.example.jp',
      port: 25,
      weight: 3,
      tls: 'required' as const,
      user: 'u',
      connections: 5,
      ratePerSecond: 2.5,
      messagesPerConnection: 9,
    };
    expect(
      relayOf(
        hostOf({ ...relay, hasPassword: true, caCertificates: [], clientCertificate: null, health: null }),
      ),
    ).toEqual({
      ...relay,
      clientCertificate: null,
    });
  });
});
