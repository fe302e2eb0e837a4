/** Counters for TLS reports (case 40, RFC 8460): what is counted for a session, and what of it is kept. */

import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionOpener, tlsStatus } from '../queue/session-opener.ts';
import { createSecureResolver } from '../routing/dns-secure.ts';
import { decideTls, type TlsFacts } from '../routing/tls-policy.ts';
import type { HostTarget } from '../routing/types.ts';
import { issueCertificate } from '../sandbox/certificate.ts';
import type { OpenOutcome } from '../smtp/types.ts';
import { openSpool, openSpoolDb } from '../spool/open.ts';
import { TlsReports, type TlsSession } from '../spool/tls-reports.ts';
import type { TlsReportRow } from '../types.ts';
import { startDnsServer, type Zone } from './dns-server.ts';
import { type Peer, type PeerConnection, type Step, startPeer } from './peer.ts';
import { GREETING, PLAIN } from './smtp-helpers.ts';

describe('what is counted', () => {
  const certificate = issueCertificate({ commonName: 'mx.test', hosts: ['mx.test'] });
  const spki = new X509Certificate(certificate.cert).publicKey.export({ type: 'spki', format: 'der' });
  const OFFER: Step[] = [...GREETING, 'S: 250-mx.test', 'S: 250 STARTTLS', 'C= STARTTLS', 'S: 220 Go'];
  const SECURED: Step[] = [...OFFER, '*** starttls', 'C: EHLO me.test', 'S: 250 mx.test', '*** eof'];
  const REFUSED: Step[] = [
    ...OFFER,
    (connection: PeerConnection) => connection.play(['*** starttls', '*** eof']).catch(() => {}),
  ];
  const BROKEN: Step[] = [...OFFER, '*** drop'];
  const CLEAR: Step[] = [...PLAIN, '*** eof'];
  const sts = (mode: 'enforce' | 'testing', ...mx: string[]) => ({ mode, mx, maxAge: 60 });

  interface Case {
    facts?: Partial<TlsFacts>;
    dialogues: Step[][];
    zone?: Zone;
    target?: Partial<HostTarget>;
  }
  let peer: Peer;
  afterEach(() => peer.stop());

  /** Opens one session for each dialogue that is left; answers what was counted and the last outcome. */
  async function open({ facts = {}, dialogues, zone = {}, target = {} }: Case, times = 1) {
    peer = await startPeer(dialogues, { certificate });
    const dns = await startDnsServer(zone);
    const counted: TlsSession[] = [];
    const opener = new SessionOpener({
      dns: createSecureResolver({ servers: [dns.address], timeoutMs: 200, tries: 1 }),
      record: (session) => counted.push(session),
    });
    let outcome: OpenOutcome | undefined;
    for (let n = 0; n < times; n += 1) {
      outcome = await opener.open({
        target: { host: 'mx.test', address: '127.0.0.1', port: peer.port, ...target },
        tls: decideTls({ domain: 'a.test', mxHosts: ['mx.test'], rules: [], ...facts }),
        domain: 'a.test',
        ehloName: 'me.test',
      });
      if (outcome.ok) outcome.session.destroy();
    }
    await Promise.all([peer.done, dns.stop()]);
    return { counted, outcome: outcome! };
  }

  const plain = {
    policyDomain: 'a.test',
    policyType: 'no-policy-found',
    policyString: '',
    mxHost: 'mx.test',
  } as const;
  const signed = (TLSA: NonNullable<Zone[string]['TLSA']>): Zone => ({
    test: { signed: true },
    'mx.test': { A: ['127.0.0.1'] },
    '_25._tcp.mx.test': { TLSA },
  });
  const dane = { policyDomain: 'mx.test', policyType: 'tlsa', mxHost: 'mx.test' } as const;

  it.each<[string, Case, Partial<TlsSession>, Partial<OpenOutcome>]>([
    ['opportunistic, encrypted', { dialogues: [SECURED] }, { ...plain, result: '' }, { ok: true }],
    [
      'opportunistic, in clear',
      { dialogues: [CLEAR] },
      { ...plain, result: 'starttls-not-supported' },
      { ok: true },
    ],
    [
      'opportunistic, broken, then in clear',
      { dialogues: [BROKEN, CLEAR] },
      { ...plain, result: 'validation-failure' },
      { ok: true },
    ],
    [
      'MTA-STS enforce: another certificate than a trusted one',
      { facts: { sts: sts('enforce', 'mx.test') }, dialogues: [REFUSED] },
      {
        ...plain,
        policyType: 'sts',
        policyString: 'version: STSv1\nmode: enforce\nmx: mx.test\nmax_age: 60',
        result: 'certificate-not-trusted',
      },
      { ok: false, tlsUnmet: true },
    ],
    [
      'MTA-STS enforce: an MX that it does not name is not asked',
      { facts: { sts: sts('enforce', 'other.test') }, dialogues: [] },
      { policyType: 'sts', result: 'validation-failure' },
      { ok: false, tlsUnmet: true },
    ],
    [
      'MTA-STS testing: such a certificate',
      { facts: { sts: sts('testing', 'mx.test') }, dialogues: [SECURED] },
      { policyType: 'sts', result: 'certificate-not-trusted' },
      { ok: true },
    ],
    [
      'MTA-STS testing: such an MX',
      { facts: { sts: sts('testing', 'other.test') }, dialogues: [SECURED] },
      { policyType: 'sts', result: 'certificate-not-trusted' },
      { ok: true },
    ],
    [
      'MTA-STS testing: no TLS',
      { facts: { sts: sts('testing', 'mx.test') }, dialogues: [CLEAR] },
      { policyType: 'sts', result: 'starttls-not-supported' },
      { ok: true },
    ],
    [
      'DANE: a record that fits',
      { facts: { signedMx: true }, zone: signed([[3, 1, 0, spki]]), dialogues: [SECURED] },
      { ...dane, policyString: `3 1 0 ${spki.toString('hex')}`, result: '' },
      { ok: true },
    ],
    [
      'DANE: none that fits',
      { facts: { signedMx: true }, zone: signed([[3, 1, 1, Buffer.alloc(32)]]), dialogues: [REFUSED] },
      { ...dane, result: 'validation-failure' },
      { ok: false, tlsUnmet: true },
    ],
    [
      'DANE: no STARTTLS',
      {
        facts: { signedMx: true },
        zone: signed([[3, 1, 1, Buffer.alloc(32)]]),
        dialogues: [[...PLAIN, 'C: QUIT', '*** eof']],
      },
      { ...dane, result: 'starttls-not-supported' },
      { ok: false, tlsUnmet: true },
    ],
    [
      'DANE: unusable records, so any certificate, but encrypted',
      { facts: { signedMx: true }, zone: signed([[1, 1, 1, Buffer.alloc(32)]]), dialogues: [SECURED] },
      { ...dane, result: 'tlsa-invalid' },
      { ok: true },
    ],
    [
      'DANE: unusable records, and no encryption',
      {
        facts: { signedMx: true },
        zone: signed([[1, 1, 1, Buffer.alloc(32)]]),
        dialogues: [[...PLAIN, 'C: QUIT', '*** eof']],
      },
      { ...dane, result: 'starttls-not-supported' },
      { ok: false, tlsUnmet: true },
    ],
    [
      'DANE before MTA-STS',
      {
        facts: { signedMx: true, sts: sts('enforce', 'other.test') },
        zone: signed([[3, 1, 0, spki]]),
        dialogues: [SECURED],
      },
      { ...dane, result: '' },
      { ok: true },
    ],
    [
      'DANE: no records, so what else there is',
      {
        facts: { signedMx: true, sts: sts('testing', 'mx.test') },
        zone: { test: { signed: true }, 'mx.test': { A: ['127.0.0.1'] } },
        dialogues: [SECURED],
      },
      { policyType: 'sts' },
      { ok: true },
    ],
  ])('%s', async (_, given, expected, outcome) => {
    const found = await open(given);
    expect(found.counted).toMatchObject([expected]);
    expect(found.outcome).toMatchObject(outcome);
  });

  it('DANE: a look-up that fails keeps the host from being used', async () => {
    // A server that never answers: what the look-up cannot find out must not be taken for "no records".
    peer = await startPeer([]);
    const counted: TlsSession[] = [];
    const opener = new SessionOpener({
      dns: createSecureResolver({ servers: ['127.0.0.1:9'], timeoutMs: 200, tries: 1 }),
      record: (session) => counted.push(session),
    });
    const outcome = await opener.open({
      target: { host: 'mx.test', address: '127.0.0.1', port: peer.port },
      tls: decideTls({ domain: 'a.test', rules: [], signedMx: true }),
      domain: 'a.test',
      ehloName: 'me.test',
    });
    expect(outcome).toMatchObject({ ok: false, tlsUnmet: true, tlsProblem: { result: 'dnssec-invalid' } });
    expect(counted).toMatchObject([{ ...dane, result: 'dnssec-invalid' }]);
    expect(peer.connections).toBe(0);
  });

  it.each<[string, Case]>([
    [
      'a rule that switches TLS off',
      { facts: { rules: [{ match: '*', mode: 'none' }] }, dialogues: [CLEAR] },
    ],
    [
      'a relay',
      {
        facts: { relay: [{ host: 'mx.test', port: 1 }] },
        target: { relay: { host: 'mx.test', port: 1 } },
        dialogues: [CLEAR],
      },
    ],
    ['a server that does not even greet', { dialogues: [['S: 554 No', '*** eof']] }],
  ])('nothing is counted for %s', async (_, given) => {
    expect((await open(given)).counted).toEqual([]);
  });

  it("follows a relay's own word before a rule, and trusts what it says", async () => {
    const relay = { host: 'mx.test', port: 1, tls: 'verified', ca: certificate.cert } as const;
    const { outcome } = await open({
      facts: { relay: [relay], rules: [{ match: '*', mode: 'none' }] },
      target: { relay },
      dialogues: [SECURED],
    });
    expect(outcome).toMatchObject({ ok: true, session: { info: { tlsPolicy: 'verified' } } });
  });

  it('broken TLS is remembered: the next session is in clear at once, and counts as the first (case 36)', async () => {
    const { counted, outcome } = await open({ dialogues: [BROKEN, CLEAR, CLEAR] }, 2);
    expect(counted.map(({ result }) => result)).toEqual(['validation-failure', 'validation-failure']);
    expect(outcome).toMatchObject({ ok: true, session: { info: { tls: '', tlsPolicy: 'opportunistic' } } });
  });

  it('but not for a relay with a login, which must not be sent in clear', async () => {
    const relay = { host: 'mx.test', port: 1, user: 'u', password: 'p' };
    const login: Step[] = [
      ...OFFER,
      '*** starttls',
      'C: EHLO me.test',
      'S: 250-mx.test',
      'S: 250 AUTH PLAIN',
      'C: AUTH PLAIN',
      'S: 235 Welcome',
      '*** eof',
    ];
    const clear: Step[] = [
      ...GREETING,
      'S: 250-mx.test',
      'S: 250 AUTH PLAIN',
      'C: AUTH PLAIN',
      'S: 235 Welcome',
      '*** eof',
    ];
    // Loopback is the exception where a login goes in clear, so that the first session succeeds here.
    const { outcome } = await open(
      { facts: { relay: [relay] }, target: { relay }, dialogues: [BROKEN, clear, login] },
      2,
    );
    expect(outcome).toMatchObject({ ok: true, session: { info: { tls: expect.stringMatching(/^TLS/) } } });
  });

  it.each([
    ['starttls-not-supported', '4.7.4'],
    ['certificate-expired', '4.7.5'],
  ] as const)('%s has the status %s', (result, status) => {
    expect(tlsStatus({ result, text: '' })).toBe(status);
  });
});

describe('what is kept', () => {
  const DAY = 86_400_000;
  /** noon in Tokyo */
  const NOON = Date.parse('2026-11-25T03:00:00Z');
  let dataDir: string;
  let db: Database;
  let now: number;
  let reports: TlsReports;
  const errors: unknown[] = [];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'todoke-tls-'));
    db = openSpoolDb(dataDir);
    now = NOON;
    reports = new TlsReports(db, { now: () => now, onError: (error) => errors.push(error) });
    errors.length = 0;
  });
  afterEach(() => {
    db.close();
    rmSync(dataDir, { recursive: true });
  });

  const session = (more: Partial<TlsSession> = {}): TlsSession => ({
    policyDomain: 'a.test',
    policyType: 'sts',
    policyString: 'version: STSv1',
    mxHost: 'mx.test',
    result: '',
    ...more,
  });
  function rows(): TlsReportRow[] {
    const spool = openSpool(dataDir);
    const found = spool.tlsReport('2000-01-01', '2100-01-01');
    spool.close();
    return found;
  }

  it('counts add up, also over restarts', () => {
    reports.record(session());
    reports.record(session());
    reports.record(session({ result: 'certificate-expired' }));
    reports.flush();
    const restarted = new TlsReports(db, { now: () => now });
    restarted.record(session({ policyString: 'version: STSv1\nmode: none' }));
    restarted.flush();
    expect(rows()).toEqual([
      { ...session({ policyString: 'version: STSv1\nmode: none' }), day: '2026-11-25', sessions: 3 },
      { ...session({ result: 'certificate-expired' }), day: '2026-11-25', sessions: 1 },
    ]);
  });

  it("days are those of the settings' time zone", () => {
    reports.record(session());
    now += 12 * 3_600_000;
    reports.record(session());
    reports.useTimeZone('UTC');
    reports.record(session());
    reports.flush();
    expect(rows().map(({ day, sessions }) => [day, sessions])).toEqual([
      ['2026-11-25', 2],
      ['2026-11-26', 1],
    ]);
  });

  it('a month is kept', () => {
    for (const days of [0, 1, 31]) {
      now = NOON + days * DAY;
      reports.record(session());
      reports.flush();
    }
    expect(rows().map(({ day }) => day)).toEqual(['2026-11-26', '2026-12-26']);
  });

  it('what cannot be written is kept for the next time', () => {
    reports.record(session());
    db.pragma('query_only = ON');
    reports.flush();
    expect(errors).toHaveLength(1);
    expect(rows()).toEqual([]);
    db.pragma('query_only = OFF');
    reports.record(session());
    reports.flush();
    expect(rows()).toMatchObject([{ sessions: 2 }]);
  });

  it('a hundred thousand domains without a policy do not fill the disk; those with one are all kept', () => {
    for (let n = 0; n < 5100; n += 1) {
      const policyDomain = `d${n}.test`;
      reports.record(session({ policyDomain, policyType: 'no-policy-found', policyString: '' }));
      reports.record(session({ policyDomain }));
    }
    reports.flush();
    const kept = rows();
    expect(kept.filter(({ policyType }) => policyType === 'sts')).toHaveLength(5100);
    expect(kept.filter(({ policyType }) => policyType === 'no-policy-found')).toHaveLength(5001);
    expect(kept.find(({ policyDomain }) => policyDomain === '*')).toMatchObject({
      mxHost: '*',
      sessions: 100,
    });
  });
});
