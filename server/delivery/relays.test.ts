import { createPrivateKey } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { issueCertificate } from '../../mta/sandbox/certificate.ts';
import { routes } from '../db/schema.ts';
import { type DeliveryHarness, startDelivery, statusWith } from '../test/delivery-fixtures.ts';
import { startHarness } from '../testing/harness.ts';
import { deliveryRoutes } from './routes.ts';

const lines: string[] = [];
let d: DeliveryHarness;
beforeAll(async () => {
  d = await startDelivery();
});
afterAll(() => d.h.close());
beforeEach(() => {
  d.h.db.delete(routes).run();
});

const ca = issueCertificate({ commonName: 'Company CA', ca: true });
const client = issueCertificate({ commonName: 'todoke', issuer: ca, to: Date.UTC(2030, 0, 1) });
const other = issueCertificate({ commonName: 'other' });
const bare = { host: 'relay.corp.example', port: 25 };
const withCertificate = { ...bare, clientCertificate: { cert: client.cert, key: client.key } };

const make = (relay: object[]) => d.post('/routes', { match: '*', relay });
const stored = () => d.h.db.select().from(routes).get()!.relay;
const published = () => d.h.deps.spool.settings()!.routes[0]!.relay!;

describe('a relay', () => {
  it('has limits and a spare, as published', async () => {
    const relay = [
      { ...bare, weight: 3, ratePerSecond: 12.5, messagesPerConnection: 50, connections: 4, tls: 'required' },
      { ...bare, port: 26, weight: 0 },
    ];
    const made = await make(relay);
    expect(made).toMatchObject({ status: 201, body: { relay } });
    expect(published()).toEqual(relay);
  });

  it('is named once', async () => {
    expect(await make([bare, { ...bare, port: 26 }, { ...bare, host: 'RELAY.corp.example' }])).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/relay/2/host', code: 'already-exists', value: 'RELAY.corp.example' }] },
    });
    expect(stored).toThrow();
  });

  it('shows its live health, found by route, host and port', async () => {
    const { body } = await make([bare, { ...bare, port: 26 }]);
    const health = {
      routeId: body.id,
      ...bare,
      state: 'down' as const,
      since: 1000,
      error: 'connect ECONNREFUSED',
      checkedAt: null,
      connections: 0,
      perSecond: 0,
    };
    d.h.mtaStatus = statusWith({ relays: [{ ...health, routeId: body.id + 1, state: 'up' }, health] });
    const shown = (await d.get('/routes')).body.items[0].relay;
    d.h.mtaStatus = undefined;
    expect(shown.map((each: { health: unknown }) => each.health)).toEqual([
      {
        state: 'down',
        since: '1970-01-01T00:00:01.000Z',
        error: 'connect ECONNREFUSED',
        checkedAt: null,
        connections: 0,
        perSecond: 0,
      },
      null,
    ]);
  });
});

describe('certificates of a relay', () => {
  it('are kept with the key, and shown without it', async () => {
    const made = await make([{ ...withCertificate, tls: 'verified', ca: ca.cert }]);
    expect(made.status).toBe(201);
    expect(made.body.relay[0]).toMatchObject({
      ca: ca.cert,
      caCertificates: [{ subject: 'CN=Company CA', issuer: 'CN=Company CA' }],
      clientCertificate: {
        pem: client.cert,
        subject: 'CN=todoke',
        issuer: 'CN=Company CA',
        validTo: '2030-01-01T00:00:00.000Z',
        fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      },
    });
    expect(published()[0]).toMatchObject({
      ca: ca.cert,
      clientCertificate: { cert: client.cert, key: client.key },
    });
    const everywhere = made.text + (await d.get('/routes')).text + JSON.stringify(d.audited());
    expect(everywhere).not.toContain(client.key.split('\n')[1]);
    expect(everywhere).not.toContain('PRIVATE KEY');
  });

  it.each([
    ['stay when nothing is said of them', bare, { cert: client.cert, key: client.key }],
    [
      'keep the key when the same one comes without',
      { ...bare, clientCertificate: { cert: client.cert } },
      { cert: client.cert, key: client.key },
    ],
    [
      'are replaced',
      { ...bare, clientCertificate: { cert: other.cert, key: other.key } },
      { cert: other.cert, key: other.key },
    ],
    ['are removed by null', { ...bare, clientCertificate: null }, undefined],
    ['are not those of another host', { ...bare, host: 'b.example' }, undefined],
  ])('%s', async (_name, relay, kept) => {
    const { body } = await make([withCertificate]);
    expect((await d.patch(`/routes/${body.id}`, { relay: [relay] })).status).toBe(200);
    expect(stored()[0]!.clientCertificate).toEqual(kept);
  });

  const locked = createPrivateKey(client.key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();
  it.each<[string, () => object, string, string]>([
    [
      'a certificate without a key',
      () => ({ clientCertificate: { cert: client.cert } }),
      '/relay/0/clientCertificate/key',
      'required',
    ],
    [
      "another certificate's key",
      () => ({ clientCertificate: { cert: client.cert, key: other.key } }),
      '/relay/0/clientCertificate/key',
      'key-mismatch',
    ],
    [
      'a key that is none',
      () => ({ clientCertificate: { cert: client.cert, key: 'secret' } }),
      '/relay/0/clientCertificate/key',
      'private-key',
    ],
    [
      'a key under a passphrase',
      () => ({ clientCertificate: { cert: client.cert, key: locked } }),
      '/relay/0/clientCertificate/key',
      'private-key',
    ],
    [
      'a certificate that is none',
      () => ({ clientCertificate: { cert: 'x', key: client.key } }),
      '/relay/0/clientCertificate/cert',
      'certificate',
    ],
    ['a CA that is none', () => ({ ca: client.key }), '/relay/0/ca', 'certificate'],
    ['a CA that is broken', () => ({ ca: ca.cert.replace(/M/g, 'N') }), '/relay/0/ca', 'certificate'],
    [
      'a certificate without TLS',
      () => ({ tls: 'none', clientCertificate: { cert: client.cert, key: client.key } }),
      '/relay/0/tls',
      'value-invalid',
    ],
  ])('are refused: %s', async (_name, parts, pointer, code) => {
    const refused = await make([{ ...bare, ...parts() }]);
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ pointer, code }] } });
    expect(refused.text).not.toContain('PRIVATE KEY-----\\n');
    expect(refused.text).not.toContain('secret');
    expect(stored).toThrow();
  });

  it('are in no log and in no answer to a request of the wrong form', async () => {
    const logged = await startHarness({ features: [deliveryRoutes], log: (line) => lines.push(line) });
    try {
      const { headers } = await logged.login('administrator');
      for (const clientCertificate of [
        { cert: 5, key: client.key },
        { cert: client.cert, key: client.key, extra: 1 },
      ]) {
        const answer = await logged.admin.inject({
          method: 'POST',
          url: '/api/v1/routes',
          headers,
          payload: {
            match: '*',
            relay: [{ ...bare, password: 'open sesame', user: 'u', clientCertificate }],
          },
        });
        expect(answer.statusCode).toBe(400);
        const everywhere = answer.body + lines.join('');
        expect(everywhere).not.toContain(client.key.split('\n')[1]);
        expect(everywhere).not.toContain('sesame');
      }
      expect(lines.length).toBeGreaterThan(0);
    } finally {
      await logged.close();
    }
  });
});
