import { describe, expect, it } from 'vitest';
import { PROFILES, profileFor } from '../shaping/profiles.ts';

describe('provider profiles', () => {
  const table: [string, string[], string][] = [
    ['gmail.com', [], 'gmail'],
    ['example.jp', ['aspmx.l.google.com', 'alt1.aspmx.l.google.com'], 'gmail'],
    ['example.jp', ['ASPMX.L.GOOGLE.COM.', 'aspmx2.googlemail.com'], 'gmail'],
    ['example.jp', ['aspmx.l.google.com', 'mx.example.jp'], 'generic'],
    ['example.jp', ['google.com.evil.example'], 'generic'],
    ['example.jp', ['notgoogle.com'], 'generic'],
    ['example.jp', ['outlook-com.olc.protection.outlook.com'], 'outlook'],
    ['example.jp', ['example-jp.mail.protection.outlook.com'], 'microsoft365'],
    ['example.jp', ['example-jp.o-v1.mx.microsoft'], 'microsoft365'],
    ['example.com', ['mta5.am0.yahoodns.net'], 'yahoo'],
    // Yahoo Japan and SoftBank are known by their domains, whatever their MX
    ['yahoo.co.jp', ['mx1.mail.yahoo.co.jp'], 'yahoo-japan'],
    ['softbank.ne.jp', ['mx.softbank.ne.jp'], 'softbank'],
    ['i.softbank.jp', [], 'softbank'],
    ['d.vodafone.ne.jp', [], 'softbank'],
    ['vodafone.ne.jp', [], 'generic'],
    ['docomo.ne.jp', [], 'docomo'],
    ['example.jp', ['mfsmax.docomo.ne.jp'], 'docomo'],
    ['ezweb.ne.jp', [], 'au'],
    ['au.com', ['msmx.au.com'], 'au'],
    ['icloud.com', [], 'icloud'],
    ['example.jp', [], 'generic'],
  ];
  it.each(table)('%s with %j is %s', (domain, mxHosts, provider) => {
    expect(profileFor({ domain, mxHosts }).provider).toBe(provider);
  });

  it('give the limits of DELIVERY.md', () => {
    expect(profileFor({ domain: 'gmail.com', mxHosts: [] })).toMatchObject({
      connections: 5,
      messagesPerConnection: 50,
      ratePerSecond: 20,
      newConnectionsPerMinute: undefined,
      providerWide: true,
      tlsRequired: true,
    });
    expect(profileFor({ domain: 'au.com', mxHosts: [] })).toMatchObject({
      connections: 2,
      messagesPerConnection: 10,
      ratePerSecond: 1,
    });
    expect(profileFor({ domain: 'example.jp', mxHosts: [] })).toMatchObject({
      connections: 10,
      messagesPerConnection: 100,
      newConnectionsPerMinute: 100,
    });
  });

  it('have a source for every number, unique domains, and triggers that compile', () => {
    const sourced = PROFILES.flatMap((profile) =>
      Object.values(profile).filter(
        (value): value is { value: unknown; basis: string } =>
          typeof value === 'object' && !Array.isArray(value),
      ),
    );
    expect(sourced.length).toBeGreaterThan(30);
    expect(sourced.filter(({ basis }) => basis !== 'found' && basis !== 'judged')).toEqual([]);
    const domains = PROFILES.flatMap((profile) => profile.domains);
    expect(new Set(domains).size).toBe(domains.length);
    for (const { match } of PROFILES.flatMap((profile) => profile.backoff))
      expect(new RegExp(match).source).toBe(match);
  });
});
