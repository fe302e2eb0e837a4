import { describe, expect, it } from 'vitest';
import { enhancedStatus } from '../smtp/replies.ts';
import type { Phase } from '../types.ts';
import { classify, findRule, RULES } from '../verdict/verdict.ts';

function reply(text: string) {
  const code = Number(text.slice(0, 3));
  return { code, status: enhancedStatus(code, text.slice(4)), text };
}

describe('verdict rules', () => {
  it.each(RULES.map((rule) => [rule.name, rule] as const))('%s: its own example', (_, rule) => {
    const { example } = rule;
    const provider = rule.providers?.[0] ?? 'generic';
    const input = { phase: example.phase, reply: reply(example.reply), provider };
    expect(findRule(input)?.name).toBe(rule.name);
    const reason = classify(input);
    expect(reason).toEqual({ verdict: example.verdict, reason: rule.reason });
  });

  it('have unique names and at least one condition on the words or the status', () => {
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
    expect(RULES.filter(({ match, status }) => match === undefined && status === undefined)).toEqual([]);
  });
});

describe('verdict', () => {
  const table: [string, string, Phase, string, string, string][] = [
    // provider, reply, phase, verdict, reason, what it is about
    ['generic', '250 2.0.0 Ok: queued as 4XyZ', 'dot', 'delivered', '', 'only the dot delivers'],
    ['generic', '250 2.1.5 Ok', 'rcpt', 'deferred', 'other', 'a 250 to RCPT is no delivery'],
    ['docomo', '550 Unknown user neko@docomo.ne.jp', 'rcpt', 'bounced', 'unknown-user', 'docomo: dead'],
    ['docomo', '550 Unknown user neko@docomo.ne.jp', 'dot', 'bounced', 'filtered', 'docomo: filter'],
    ['docomo', '550 Unknown user neko@docomo.ne.jp', 'data', 'bounced', 'filtered', 'docomo: filter at DATA'],
    ['au', '550 : User unknown', 'rcpt', 'bounced', 'filtered', 'au: filter'],
    ['au', '550 : User unknown', 'dot', 'bounced', 'filtered', 'au: filter after the dot'],
    ['au', '550 <neko@au.com>: User unknown', 'rcpt', 'bounced', 'unknown-user', 'au: dead'],
    ['generic', '452 4.5.3 Too many recipients', 'rcpt', 'deferred', 'too-many-connections', 'case 24'],
    [
      'generic',
      '552 Too many recipients',
      'rcpt',
      'deferred',
      'too-many-connections',
      'case 24, RFC 5321 §4.5.3.1.10',
    ],
    ['generic', '552 5.5.3 nope', 'rcpt', 'deferred', 'too-many-connections', 'case 24 by status'],
    [
      'generic',
      '550 5.7.1 Greylisting in action, please come back in 5 minutes',
      'rcpt',
      'deferred',
      'too-fast',
      '5xx greylisting',
    ],
    [
      'generic',
      '554 5.7.1 Too many connections from your host',
      'rcpt',
      'deferred',
      'too-many-connections',
      '5xx, temporary',
    ],
    [
      'gmail',
      '550-5.2.1 The user you are trying to contact is receiving mail too quickly.',
      'rcpt',
      'deferred',
      'too-fast',
      '5xx, temporary',
    ],
    ['generic', '450 4.2.0 Mailbox busy', 'rcpt', 'deferred', 'filtered', '4xx is deferred'],
    ['generic', '451 Local error', 'dot', 'deferred', 'system', 'case 25, 4xx'],
    ['generic', '554 5.6.0 Nope', 'dot', 'bounced', 'content', 'case 25, 5xx by status'],
    ['generic', '550 5.1.1 nope', 'rcpt', 'bounced', 'unknown-user', 'status'],
    ['generic', '550 5.2.2 nope', 'rcpt', 'bounced', 'mailbox-full', 'status'],
    ['generic', '550 5.7.26 nope', 'dot', 'bounced', 'authentication', 'status'],
    ['generic', '550 5.7.999 nope', 'dot', 'bounced', 'policy', 'subject of the status'],
    ['generic', '550 nope', 'rcpt', 'bounced', 'other', 'a bare 550 says nothing'],
    ['generic', '552 nope', 'rcpt', 'bounced', 'mailbox-full', '552 while the recipient is named'],
    ['generic', '552 nope', 'dot', 'bounced', 'too-big', '552 after the message'],
    ['generic', '554 5.7.1 nope', 'banner', 'deferred', 'policy', 'before MAIL nothing bounces'],
    [
      'generic',
      '535 5.7.8 Authentication failed',
      'auth',
      'deferred',
      'authentication',
      'before MAIL nothing bounces',
    ],
    [
      'generic',
      '550 5.1.1 <bounce@example.jp>: user unknown',
      'mail',
      'bounced',
      'policy',
      'a reply to MAIL never speaks of the recipient',
    ],
    [
      'generic',
      '550-5.1.1 The email account that you tried to\n550-5.1.1 reach does not\n550 5.1.1 exist.',
      'rcpt',
      'bounced',
      'unknown-user',
      'a sentence over lines',
    ],
    [
      'gmail',
      '550-5.1.1 The email account that you tried to reach does not exist. Please try\n550 5.1.1 double-checking',
      'rcpt',
      'bounced',
      'unknown-user',
      'gmail',
    ],
    [
      'icloud',
      '552 5.2.2 <neko@icloud.com>: user is over quota',
      'rcpt',
      'bounced',
      'mailbox-full',
      'icloud',
    ],
    [
      'generic',
      '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found',
      'dot',
      'bounced',
      'unknown-user',
      'exchange',
    ],
    ['generic', '550 5.7.1 Unable to relay', 'rcpt', 'bounced', 'relaying', 'exchange'],
    ['generic', '550 relay not permitted', 'rcpt', 'bounced', 'relaying', 'exim'],
    ['generic', '550 Sender verify failed', 'rcpt', 'bounced', 'policy', 'exim: about the sender'],
    ['generic', '550 No such user here', 'rcpt', 'bounced', 'unknown-user', 'exim'],
    [
      'generic',
      '550 5.7.1 JunkMail rejected - [192.0.2.1] is in an RBL',
      'rcpt',
      'bounced',
      'blocked',
      'block list before spam',
    ],
    ['generic', '421 4.4.2 mx.example.jp Error: timeout exceeded', 'mail', 'deferred', 'network', '421'],
  ];
  it.each(table)('%s: %s (%s) is %s/%s: %s', (provider, text, phase, verdict, reason) => {
    expect(classify({ phase, reply: reply(text), provider })).toEqual({ verdict, reason });
  });
});
