import { describe, expect, it } from 'vitest';
import profiles from '../../../mta/shaping/profiles.json' with { type: 'json' };
import {
  CONTENT_ERRORS,
  CONTROL_ACTIONS,
  DELIVERY_CLASSES,
  LEDGER_KINDS,
  MTA_PROBLEMS,
  PHASES,
  REASONS,
  TLS_MODES,
  TLS_POLICY_NAMES,
  WAIT_REASONS,
} from '../../../mta/types.ts';
import { ImportState, TimelineEntry } from '../../../server/audience/schemas.ts';
import { ROLES, SCOPES } from '../../../server/auth/permissions.ts';
import { FINDINGS } from '../../../server/campaigns/preflight.ts';
import { Audience, CampaignState } from '../../../server/campaigns/schemas.ts';
import { DNS_ADVICE } from '../../../server/delivery/dns-advice.ts';
import {
  BIND_CODES,
  CONTROL_API_SCOPES,
  EHLO_CODES,
  PTR_CODES,
  QueueThrottle,
  RelayHealth,
  ShapingProvider,
  SourceLive,
  TlsReportDay,
} from '../../../server/delivery/schemas.ts';
import { DkimKey, DnsRecord } from '../../../server/delivery/sending-domain-schemas.ts';
import { ERRORS, FIELD_ERRORS, IMPORT_ERRORS } from '../../../server/errors.ts';
import { fill, flatten, placeholders } from '../lib/message.ts';
import en from './en.json' with { type: 'json' };
import ja from './ja.json' with { type: 'json' };

const texts = { ja: flatten(ja), en: flatten(en) };

describe('dictionary', () => {
  it('has every key in both languages', () => {
    expect([...texts.en.keys()].sort()).toEqual([...texts.ja.keys()].sort());
  });

  it('has no empty text', () => {
    for (const map of Object.values(texts)) {
      expect([...map].filter(([, text]) => text.trim() === '').map(([key]) => key)).toEqual([]);
    }
  });

  it('uses the same placeholders in both languages', () => {
    const differing = [...texts.ja].filter(
      ([key, text]) => placeholders(text).join() !== placeholders(texts.en.get(key) ?? '').join(),
    );
    expect(differing.map(([key]) => key)).toEqual([]);
  });

  it('has no broken placeholder', () => {
    for (const map of Object.values(texts)) {
      const broken = [...map].filter(([, text]) => {
        const params = Object.fromEntries(placeholders(text).map((name) => [name, 1]));
        return /[{}|]/.test(fill(text, params, 'en'));
      });
      expect(broken.map(([key]) => key)).toEqual([]);
    }
  });

  // What the server and the MTA can say, from where they say it: their English is for programs and logs.
  it.each<[area: string, codes: readonly string[]]>([
    ['error', Object.keys(ERRORS)],
    ['fieldError', FIELD_ERRORS],
    ['importError', IMPORT_ERRORS],
    ['contentError', CONTENT_ERRORS],
    ['campaigns.findings', FINDINGS],
    ['campaigns.excluded', Audience.properties.excluded.items.properties.reason.enum],
    ['campaignState', CampaignState.enum],
    ['importState', ImportState.enum],
    ['timeline', TimelineEntry.properties.kind.enum],
    ['deliveries.kind', LEDGER_KINDS],
    ['deliveries.reason', REASONS],
    ['deliveries.phase', PHASES],
    ['deliveries.provider', [...profiles.map(({ provider }) => provider), 'sandbox']],
    ['queues.waiting', WAIT_REASONS],
    ['queues.waitingHelp', WAIT_REASONS],
    ['queues.class', DELIVERY_CLASSES],
    ['queues.orders.action', CONTROL_ACTIONS],
    ['queues.orders.scope', CONTROL_API_SCOPES],
    ['queues.throttle.kind', QueueThrottle.properties.kind.enum],
    ['queues.problems', MTA_PROBLEMS.flatMap((code) => [`${code}.title`, `${code}.text`])],
    ['ipPools.state', SourceLive.properties.state.enum],
    ['ipPools.test', [...BIND_CODES, ...PTR_CODES, ...EHLO_CODES]],
    [
      'ipPools.test.todo',
      [...BIND_CODES, ...PTR_CODES, ...EHLO_CODES].filter((code) => !code.endsWith('-ok')),
    ],
    ['shaping.limit', Object.keys(ShapingProvider.properties.limits.properties)],
    ['shaping.limitHelp', Object.keys(ShapingProvider.properties.limits.properties)],
    ['routes.tls', TLS_MODES],
    ['routes.health', RelayHealth.properties.state.enum],
    ['deliveries.tlsPolicy', TLS_POLICY_NAMES],
    ['deliveries.tlsPolicyShort', TLS_POLICY_NAMES],
    ['tls.report.policy', TlsReportDay.properties.policies.items.properties.type.enum],
    ['domains.state', DnsRecord.properties.state.enum],
    ['domains.advice', DNS_ADVICE],
    ['domains.keys.state', DkimKey.properties.state.enum],
    ['role', ROLES],
    ['scope', SCOPES],
  ])('has a text for every code of %s', (area, codes) => {
    expect(codes.length).toBeGreaterThan(1);
    for (const map of Object.values(texts)) {
      expect(codes.filter((code) => !map.has(`${area}.${code}`))).toEqual([]);
    }
  });

  // A finding's and a field's code are looked up in one area after the other.
  it('means one thing by a code of the check before sending', () => {
    const contentErrors: readonly string[] = CONTENT_ERRORS;
    expect([...FINDINGS, ...FIELD_ERRORS].filter((code) => contentErrors.includes(code))).toEqual([]);
  });
});

describe('fill', () => {
  it.each([
    ['{n} 件', { n: 12345 }, 'ja', '12,345 件'],
    ['{n} {n|row|rows}', { n: 1 }, 'en', '1 row'],
    ['{n} {n|row|rows}', { n: 0 }, 'en', '0 rows'],
    ['Copy {what}', { what: 'a {n} b' }, 'en', 'Copy a {n} b'],
    ['{missing} stays', {}, 'en', '{missing} stays'],
  ] as const)('%s', (message, params, language, expected) => {
    expect(fill(message, params, language)).toBe(expected);
  });
});
