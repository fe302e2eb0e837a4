/**
 * The relay tier against two real Postfix: one lets in whoever logs in over TLS, the other whoever shows a certificate of our CA. Behind both is
 * a server that keeps every mail, and one that takes what comes back to the return path.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTokenKey } from '../../mta/index.ts';
import { parseVerp } from '../../mta/message/verp.ts';
import { issueCertificate } from '../../mta/sandbox/certificate.ts';
import { type MtaHarness, startMta } from '../../mta/test/mta-harness.ts';
import { type Postfix, startPostfix } from '../../mta/test/postfix.ts';
import { type SaslServer, startSaslServer } from '../../mta/test/sasl-server.ts';
import type { LedgerRow } from '../../mta/types.ts';
import { type KeepingSink, type KeptMail, startKeepingSink } from './keeping-sink.ts';

/** mails that each Postfix has on its way to the sink at a time */
const ONWARD = 10;
const CONNECTIONS = 10;
const tokenKey = createTokenKey();

let sink: KeepingSink;
let bounces: KeepingSink;
let sasl: SaslServer;
/** lets in who logs in; has three quarters of the mail, and dies */
let login: Postfix;
/** lets in who shows a certificate */
let certificate: Postfix;
let mta: MtaHarness;

beforeAll(async () => {
  const ca = issueCertificate({ commonName: 'Relay CA', ca: true });
  const client = issueCertificate({ commonName: 'todoke', issuer: ca });
  [sink, bounces, sasl] = await Promise.all([
    startKeepingSink(),
    startKeepingSink(),
    startSaslServer('todoke', 'correct horse'),
  ]);
  const relay = (name: string, main: Record<string, string>): Promise<Postfix> => {
    return startPostfix({
      name,
      nextHop: sink.port,
      files: (address) => {
        const { key, cert } = issueCertificate({ commonName: name, hosts: [address], issuer: ca });
        return { 'chain.pem': key + cert, 'ca.pem': ca.cert };
      },
      main: {
        mynetworks: '',
        smtpd_tls_security_level: 'encrypt',
        smtpd_tls_chain_files: 'HOME/chain.pem',
        smtpd_tls_loglevel: '1',
        // Bounces go back to the sender of each mail, whose domain's MX is ours.
        transport_maps: `inline:{bounce.example.jp=smtp:[127.0.0.1]:${bounces.port}}`,
        initial_destination_concurrency: String(ONWARD),
        default_destination_concurrency_limit: String(ONWARD),
        ...main,
      },
    });
  };
  [login, certificate] = await Promise.all([
    relay('login.test', {
      smtpd_sasl_auth_enable: 'yes',
      smtpd_sasl_type: 'dovecot',
      smtpd_sasl_path: sasl.path,
      smtpd_tls_auth_only: 'yes',
      smtpd_relay_restrictions: 'permit_sasl_authenticated, reject',
    }),
    relay('certificate.test', {
      smtpd_tls_CAfile: 'HOME/ca.pem',
      smtpd_tls_req_ccert: 'yes',
      smtpd_relay_restrictions: 'permit_tls_all_clientcerts, reject',
    }),
  ]);
  const common = { tls: 'verified' as const, ca: ca.cert, connections: CONNECTIONS };
  mta = await startMta({
    tokenKey,
    // Checks of a relay that is down are as frequent, or the test would take its half minute.
    retry: { first: 2, cap: 2, jitter: 0, giveUp: 3600 },
    routes: [
      {
        id: 1,
        match: '*',
        relay: [
          {
            ...common,
            host: login.address,
            port: login.port,
            weight: 3,
            user: 'todoke',
            password: 'correct horse',
          },
          { ...common, host: certificate.address, port: certificate.port, clientCertificate: client },
        ],
      },
    ],
  });
});

afterAll(async () => {
  await mta?.close();
  await Promise.all([login?.stop(), certificate?.stop()]);
  await Promise.all([sink?.stop(), bounces?.stop(), sasl?.stop()]);
});

const people = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${name}${n}@d${n % 7}.example.com`);

/** The whole ledger of a job, oldest first. */
function ledgerOf(jobId: number): LedgerRow[] {
  const rows: LedgerRow[] = [];
  for (;;) {
    const page = mta.spool.searchLedger({ jobId }, rows.at(-1)?.id, 1000);
    rows.push(...page);
    if (page.length < 1000) return rows.reverse();
  }
}
const sharesOf = (rows: LedgerRow[]): number =>
  rows.filter(({ kind, mx }) => kind === 'delivered' && mx === login.address).length /
  rows.filter(({ kind }) => kind === 'delivered').length;
const health = (host: string) => mta.status?.relays.find((relay) => relay.host === host);
const arrived = (addresses: string[]): string[] => {
  const there = new Set(sink.mails.map(({ recipient }) => recipient));
  return addresses.filter((address) => there.has(address));
};
const messageId = ({ raw }: KeptMail): string => /^message-id: *(.*)$/im.exec(raw.toString('latin1'))![1]!;

describe('two Postfix', () => {
  it('share a campaign by weight, over TLS that is verified both ways, after a login', async () => {
    const addresses = people('before', 1200);
    const rows = await mta.settled(mta.send(addresses)).then(({ id }) => ledgerOf(id));
    expect(rows.filter(({ kind }) => kind === 'delivered')).toHaveLength(1200);
    expect(sharesOf(rows)).toBeGreaterThan(0.7);
    expect(sharesOf(rows)).toBeLessThan(0.8);
    for (const { tls, tlsPolicy } of rows) {
      expect(tls).toMatch(/^TLSv1\.3 /);
      expect(tlsPolicy).toBe('verified');
    }
    await vi.waitFor(() => expect(arrived(addresses)).toHaveLength(1200), 30_000);
    expect(sasl.logins.length).toBeGreaterThan(0);
    // Postfix itself has checked who we are.
    expect(certificate.log()).toMatch(/Trusted TLS connection established from/);
    expect(mta.status!.relays.map(({ state }) => state)).toEqual(['up', 'up']);
  });

  it('lose nobody when one of them is killed amid a campaign, and both work again when it is back', async () => {
    const addresses = people('during', 2400);
    const job = mta.send(addresses);
    await mta.until(() => mta.spool.job(job)!.delivered >= 600);
    await login.kill();
    expect(mta.spool.job(job)!.settled).toBeLessThan(2400);
    expect(await mta.settled(job)).toMatchObject({ delivered: 2400, bounced: 0 });
    await mta.until(
      () => health(login.address)?.state === 'down' && mta.status?.problems[0]?.code === 'relay-down',
    );
    expect(health(certificate.address)!.state).toBe('up');
    await certificate.emptied();

    // What has not arrived lies in the dead one's queue, which has promised it.
    const stranded = login.queued();
    expect(2400 - arrived(addresses).length).toBeLessThanOrEqual(stranded);
    await login.start();
    await mta.until(() => health(login.address)?.state === 'up' && mta.status?.problems.length === 0);
    await login.emptied();
    await vi.waitFor(() => expect(arrived(addresses)).toHaveLength(2400), 30_000);

    // The ledger names what may come twice: mails whose dot was sent and not answered. And the dead one had some on their way.
    const rows = ledgerOf(job);
    const risked = rows.filter(({ kind, reply }) => kind === 'deferred' && reply.includes('twice'));
    expect(risked.length).toBeLessThanOrEqual(CONNECTIONS * 2);
    const copies = Map.groupBy(
      sink.mails.filter(({ recipient }) => recipient.startsWith('during')),
      ({ recipient }) => recipient,
    );
    const twice = [...copies.values()].filter(({ length }) => length > 1);
    expect(twice.length).toBeLessThanOrEqual(risked.length + ONWARD);
    for (const same of twice) expect(new Set(same.map(messageId)).size).toBe(1);
    // Others were deferred only when they had been on three dying connections.
    expect(rows.filter(({ kind }) => kind === 'deferred').length).toBeLessThanOrEqual(CONNECTIONS * 2);

    const again = await mta.settled(mta.send(people('after', 800))).then(({ id }) => ledgerOf(id));
    // The other one has its connections open already, and a little of the head start stays.
    expect(sharesOf(again)).toBeGreaterThan(0.65);
    expect(sharesOf(again)).toBeLessThan(0.8);
  });

  it('send their bounces to the return path of the very delivery', async () => {
    const gone = people('gone', 12);
    const job = mta.send([...people('there', 200), ...gone]);
    const deliveries = await mta.settled(job).then(() => ledgerOf(job));
    expect(new Set(deliveries.map(({ mx }) => mx))).toEqual(new Set([login.address, certificate.address]));
    await vi.waitFor(() => expect(bounces.mails).toHaveLength(12), 30_000);
    const told = bounces.mails.map(({ recipient, sender, raw }) => {
      // RFC 3461 §6: nobody bounces a bounce.
      expect(sender).toBe('');
      const ids = parseVerp(tokenKey, recipient.split('@')[0]!);
      const delivery = deliveries.find(({ deliveryId }) => deliveryId === ids?.deliveryId)!;
      expect(ids).toEqual({
        kind: 'bounce',
        jobId: job,
        deliveryId: delivery.deliveryId,
        subscriberId: delivery.subscriberId,
        listId: delivery.listId,
      });
      expect(raw.toString()).toMatch(new RegExp(`^Final-Recipient: rfc822; ${delivery.recipient}\\r?$`, 'm'));
      expect(raw.toString()).toMatch(/^Status: 5\.1\.1/m);
      return delivery.recipient;
    });
    expect(told.sort()).toEqual([...gone].sort());
  });
});
