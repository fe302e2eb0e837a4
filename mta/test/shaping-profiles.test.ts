import { describe, expect, it } from 'vitest';
import { createProfiles, PROFILES } from '../shaping/profiles.ts';
import type { ShapingOverride } from '../types.ts';

const built = createProfiles();
const at = (domain: string, mxHosts: string[] = []) => built.for({ domain, mxHosts });

describe('the profile of a domain', () => {
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
    ['ymail.ne.jp', [], 'yahoo-japan'],
    ['softbank.ne.jp', ['mx.softbank.ne.jp'], 'softbank'],
    ['i.softbank.jp', [], 'softbank'],
    ['d.vodafone.ne.jp', [], 'softbank'],
    ['vodafone.ne.jp', [], 'generic'],
    ['disney.ne.jp', [], 'softbank'],
    ['docomo.ne.jp', [], 'docomo'],
    ['example.jp', ['mfsmax.docomo.ne.jp'], 'docomo'],
    ['ezweb.ne.jp', [], 'au'],
    ['ido.ezweb.ne.jp', [], 'au'],
    ['au.com', ['msmx.au.com'], 'au'],
    ['example.jp', ['mx.ezweb.ne.jp'], 'au'],
    ['icloud.com', [], 'icloud'],
    ['example.jp', ['mx01.mail.icloud.com'], 'icloud'],
    ['example.jp', [], 'generic'],
  ];
  it.each(table)('%s with %j is %s', (domain, mxHosts, provider) => {
    expect(at(domain, mxHosts).provider).toBe(provider);
  });
});

describe('the numbers of DELIVERY.md', () => {
  // connections, messages per connection, rate, and whatever else the table says, each with F(ound) or J(udged)
  const table: [string, string][] = [
    ['gmail', '5F 50F 20/sJ providerWide=trueF tlsRequired=trueF'],
    ['outlook', '5F 50F 10/sJ'],
    ['microsoft365', '5F 50F 10/sJ'],
    ['yahoo', '10F 20F 10/sJ'],
    ['yahoo-japan', '2F 20F 10/sF'],
    ['docomo', '2J 20J 2/sJ recipientsPerConnection=100F avoidTopOfHour=trueF unknownUserShare=0.03J'],
    ['au', '2J 10J 1/sJ maxMessageBytes=3145728F suspendOnFailedConnection=3600J'],
    ['softbank', '2J 20J 2/sJ recipientsPerConnection=100F unknownUserShare=0.03J'],
    ['icloud', '10F 5F 5/sJ'],
    ['generic', '10F 100F 10/sJ newConnectionsPerMinute=100F'],
  ];
  it.each(table)('%s: %s', (provider, expected) => {
    const { limits } = built.list().find((each) => each.provider === provider)!;
    const said = Object.entries(limits).flatMap(([name, { builtIn, basis, effective, override }]) => {
      if (builtIn === null) return [];
      expect([override, effective]).toEqual([null, builtIn]);
      const source = basis === 'found' ? 'F' : 'J';
      if (name === 'connections' || name === 'messagesPerConnection') return [`${builtIn}${source}`];
      return [name === 'ratePerSecond' ? `${builtIn}/s${source}` : `${name}=${builtIn}${source}`];
    });
    expect(said.sort()).toEqual(expected.split(' ').sort());
  });

  it('are there for every provider and no other', () => {
    expect(
      built
        .list()
        .map(({ provider }) => provider)
        .sort(),
    ).toEqual(table.map(([name]) => name).sort());
    expect(built.problems).toEqual([]);
  });

  it('reach the profile, with undefined for what has no limit', () => {
    expect(at('ezweb.ne.jp')).toMatchObject({
      connections: 2,
      messagesPerConnection: 10,
      ratePerSecond: 1,
      newConnectionsPerMinute: undefined,
      recipientsPerConnection: undefined,
      providerWide: false,
      tlsRequired: false,
      maxMessageBytes: 3_145_728,
      avoidTopOfHour: false,
      unknownUserShare: undefined,
      suspendOnFailedConnection: 3600,
    });
    expect(at('docomo.ne.jp')).toMatchObject({
      recipientsPerConnection: 100,
      avoidTopOfHour: true,
      unknownUserShare: 0.03,
    });
  });

  it('say for every trigger where it comes from, and every trigger can be used', () => {
    const triggers = PROFILES.flatMap(({ backoff }) => backoff);
    expect(triggers.filter(({ basis }) => basis !== 'found' && basis !== 'judged')).toEqual([]);
    expect(PROFILES.map(({ provider, backoff }) => [provider, backoff.length])).toEqual(
      PROFILES.map(({ provider }) => [provider, built.named(provider)!.triggers.all.length]),
    );
  });

  it('name no domain twice', () => {
    const domains = PROFILES.flatMap((profile) => profile.domains);
    expect(new Set(domains).size).toBe(domains.length);
  });
});

describe('what the administrator changed', () => {
  it('comes before the built-in value, which is still shown', () => {
    const profiles = createProfiles([
      { provider: 'gmail', values: { ratePerSecond: 50, providerWide: false } },
    ]);
    expect(profiles.for({ domain: 'gmail.com', mxHosts: [] })).toMatchObject({
      connections: 5,
      ratePerSecond: 50,
      providerWide: false,
    });
    const { limits } = profiles.list().find(({ provider }) => provider === 'gmail')!;
    expect(limits.ratePerSecond).toEqual({ builtIn: 20, basis: 'judged', override: 50, effective: 50 });
    expect(limits.connections).toEqual({ builtIn: 5, basis: 'found', override: null, effective: 5 });
  });

  it('can be a provider of their own, which comes before built-in ones and else is like generic', () => {
    const profiles = createProfiles([
      { provider: 'generic', values: { connections: 4 } },
      {
        provider: 'partner',
        label: '取引先',
        mx: ['.partner.example', 'aspmx.l.google.com'],
        domains: ['yahoo.co.jp', '*.shop.example'],
        values: { ratePerSecond: 3 },
      },
    ]);
    const found = (domain: string, mxHosts: string[] = []) => profiles.for({ domain, mxHosts }).provider;
    expect([
      found('example.jp', ['mx1.partner.example']),
      found('yahoo.co.jp'),
      found('a.shop.example'),
      found('shop.example'),
      // its MX names are of a built-in provider, whose domain this is
      found('gmail.com', ['aspmx.l.google.com']),
      found('gmail.com'),
    ]).toEqual(['partner', 'partner', 'partner', 'generic', 'partner', 'gmail']);
    expect(profiles.named('partner')).toMatchObject({
      label: '取引先',
      connections: 4,
      ratePerSecond: 3,
      messagesPerConnection: 100,
      newConnectionsPerMinute: 100,
    });
    const [first] = profiles.list();
    expect(first).toMatchObject({ provider: 'partner', own: true, label: '取引先' });
    expect(first!.limits.connections).toEqual({ builtIn: 4, basis: 'found', override: null, effective: 4 });
    expect(first!.backoff.effective).toEqual(
      PROFILES.find(({ provider }) => provider === 'generic')!.backoff,
    );
  });

  it('adds domains to a built-in provider', () => {
    const profiles = createProfiles([{ provider: 'gmail', domains: ['ours.example'], values: {} }]);
    expect(profiles.for({ domain: 'ours.example', mxHosts: [] }).provider).toBe('gmail');
    expect(profiles.for({ domain: 'gmail.com', mxHosts: [] }).provider).toBe('gmail');
  });

  it('replaces all triggers, also with none', () => {
    const trigger = {
      match: 'slow down',
      times: 1,
      withinSeconds: 60,
      action: { type: 'suspend' as const },
      forSeconds: 60,
    };
    const profiles = createProfiles([
      { provider: 'gmail', values: {}, backoff: [trigger] },
      { provider: 'icloud', values: {}, backoff: [] },
    ]);
    expect(profiles.named('gmail')!.triggers.all.map((each) => each.trigger)).toEqual([trigger]);
    expect(profiles.named('icloud')!.triggers).toEqual({ all: [], any: undefined });
    const { backoff } = profiles.list().find(({ provider }) => provider === 'icloud')!;
    expect([backoff.builtIn.length, backoff.override, backoff.effective]).toEqual([2, [], []]);
  });

  it('switches the rest after failed connections off with 0', () => {
    const profiles = createProfiles([{ provider: 'au', values: { suspendOnFailedConnection: 0 } }]);
    expect(profiles.named('au')!.suspendOnFailedConnection).toBeUndefined();
  });

  it('never throws: what is wrong is left out and said', () => {
    const overrides = [
      null,
      { provider: 'NO SPACES', values: {} },
      { provider: 'nobody', values: { connections: 3 } },
      { provider: 'gmail', values: { connections: -1, ratePerSecond: 7, speed: 3 } },
      { provider: 'icloud', values: {}, backoff: [{ match: '(a+)+$', times: 1 }] },
    ] as unknown as ShapingOverride[];
    const profiles = createProfiles(overrides);
    expect(profiles.problems.map(({ provider, field }) => [provider, field])).toEqual([
      ['', ''],
      ['NO SPACES', 'provider'],
      ['nobody', 'domains'],
      ['gmail', 'values.connections'],
      ['gmail', 'values.speed'],
      ['icloud', 'backoff.0.match'],
    ]);
    expect(profiles.named('gmail')).toMatchObject({ connections: 5, ratePerSecond: 7 });
    expect(profiles.named('nobody')).toBeUndefined();
  });

  it('cannot be changed through the list', () => {
    const profiles = createProfiles();
    profiles.list()[0]!.limits.connections.effective = 999;
    expect(profiles.list()[0]!.limits.connections.effective).not.toBe(999);
  });
});
