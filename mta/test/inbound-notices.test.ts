import { describe, expect, it } from 'vitest';
import { REASONS } from '../types.ts';
import { ACTIONS, actionOf } from '../verdict/action.ts';
import { findNotice, NOTICES } from '../verdict/notices.ts';
import { providerOf } from '../verdict/provider.ts';

describe('notices of mail servers', () => {
  it.each(NOTICES.map((notice) => [notice.name, notice] as const))(
    '%s: its own example',
    (_, { example, reason }) => {
      expect(findNotice(example)).toBe(reason);
    },
  );

  it('have unique names', () => {
    expect(new Set(NOTICES.map(({ name }) => name)).size).toBe(NOTICES.length);
  });
});

describe('what a reason leads to', () => {
  it('is an action for every reason', () => {
    for (const reason of REASONS) expect(ACTIONS).toContain(actionOf(reason, true));
  });

  it.each([
    ['unknown-user', true, 'suppress'],
    ['unknown-user', false, 'count'],
    ['unknown-host', true, 'suppress'],
    ['moved', true, 'suppress'],
    ['null-mx', true, 'suppress'],
    ['mailbox-full', true, 'count'],
    ['filtered', true, 'count'],
    ['spam', true, 'sender'],
    ['spam', false, 'sender'],
    ['too-fast', true, 'shape'],
    ['other', true, 'none'],
  ] as const)('%s, permanent %s: %s', (reason, permanent, action) => {
    expect(actionOf(reason, permanent)).toBe(action);
  });
});

describe('the provider of a report', () => {
  it.each([
    ['docomo.ne.jp', '', 'docomo'],
    ['EZWEB.ne.jp', '', 'au'],
    ['x.vodafone.ne.jp', '', 'softbank'],
    ['kotatsu.example', 'aspmx.l.google.com', 'gmail'],
    ['kotatsu.example', 'kotatsu-example.mail.protection.outlook.com', 'microsoft365'],
    ['kotatsu.example', 'mx.kotatsu.example', 'generic'],
    ['', '', 'generic'],
    ['notdocomo.ne.jp', 'evildocomo.ne.jp', 'generic'],
  ])('%s %s: %s', (domain, host, provider) => {
    expect(providerOf(domain, host)).toBe(provider);
  });
});
