/**
 * Reply → verdict. rules.json knows the habits of servers, each rule with a real reply that a test runs against it; the
 * first rule that matches wins, so providers' own rules stand first, and what is temporary even at 5xx before the rest.
 */
import type { Reply } from '../smtp/types.ts';
import type { Phase, Reason } from '../types.ts';
import rulesData from './rules.json' with { type: 'json' };
import { reasonOfStatus } from './status.ts';

/** A rule as it stands in rules.json; every condition that is given must hold. */
export interface VerdictRule {
  /** unique, for people */
  name: string;
  providers?: string[];
  phases?: Phase[];
  /** regular expression on the code */
  code?: string;
  /** the enhanced status, or 'none' */
  status?: string;
  /** regular expression, without regard to case, on the text without codes and statuses, lines joined with a space */
  match?: string;
  /** absent: 4xx deferred, 5xx bounced */
  verdict?: 'deferred' | 'bounced';
  reason: Reason;
  example: { phase: Phase; reply: string; verdict: 'deferred' | 'bounced' };
}

export interface VerdictInput {
  phase: Phase;
  reply: Pick<Reply, 'code' | 'status' | 'text'>;
  /** the provider profile's name */
  provider: string;
}

export type Verdict =
  | { verdict: 'delivered'; reason: '' }
  | { verdict: 'deferred' | 'bounced'; reason: Reason };

interface CompiledRule {
  rule: VerdictRule;
  code: RegExp | undefined;
  match: RegExp | undefined;
}

export const RULES = rulesData as VerdictRule[];

const compiled: CompiledRule[] = RULES.map((rule) => ({
  rule,
  code: rule.code === undefined ? undefined : new RegExp(rule.code),
  match: rule.match === undefined ? undefined : new RegExp(rule.match, 'i'),
}));

/** Before MAIL nothing was said about this mail: whatever the server says, another time or host may take it. */
const BEFORE_MAIL: ReadonlySet<Phase> = new Set([
  'none',
  'dns',
  'connect',
  'banner',
  'ehlo',
  'starttls',
  'auth',
  'rset',
]);

/** What the sender's pace or the server's state causes passes, whatever class the server gave it. */
const ALWAYS_TEMPORARY: ReadonlySet<Reason> = new Set([
  'too-fast',
  'too-many-connections',
  'network',
  'system-full',
]);

/** Reasons that speak of the recipient and may lead to suppression: a reply to MAIL cannot know them. */
const OF_RECIPIENT: ReadonlySet<Reason> = new Set([
  'unknown-user',
  'moved',
  'unknown-host',
  'null-mx',
  'filtered',
  'suspended',
  'mailbox-full',
]);

/** Pure. Only a 2xx to the final dot is delivered. */
export function classify({ phase, reply, provider }: VerdictInput): Verdict {
  const kind = Math.floor(reply.code / 100);
  if (kind === 2 && phase === 'dot') return { verdict: 'delivered', reason: '' };
  const found = findRule({ phase, reply, provider });
  const reason = heldTo(phase, found?.reason ?? reasonOfStatus(reply.code, reply.status, phase));
  if (kind !== 5 || BEFORE_MAIL.has(phase) || ALWAYS_TEMPORARY.has(reason))
    return { verdict: 'deferred', reason };
  return { verdict: found?.verdict ?? 'bounced', reason };
}

/** What a rule says of the words alone, for those that come without a session of ours; undefined: none does. Pure. */
export function reasonByRule(input: VerdictInput): Reason | undefined {
  const rule = findRule(input);
  return rule && heldTo(input.phase, rule.reason);
}

const heldTo = (phase: Phase, reason: Reason): Reason =>
  phase === 'mail' && OF_RECIPIENT.has(reason) ? 'policy' : reason;

/** The rule that decides, for tests and for explaining a verdict; undefined: the enhanced status or the code decides. */
export function findRule({ phase, reply, provider }: VerdictInput): VerdictRule | undefined {
  const code = String(reply.code);
  const text = plainText(reply.text);
  return compiled.find(
    ({ rule, code: codePattern, match }) =>
      (rule.providers === undefined || rule.providers.includes(provider)) &&
      (rule.phases === undefined || rule.phases.includes(phase)) &&
      (codePattern === undefined || codePattern.test(code)) &&
      (rule.status === undefined || rule.status === (reply.status || 'none')) &&
      (match === undefined || match.test(text)),
  )?.rule;
}

/** Lines often break within a sentence: without codes and statuses, joined with spaces. */
function plainText(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/^\d{3}(?:[ -]|$)(?:[245]\.\d{1,3}\.\d{1,3}(?:[ -]|$))?/, '').trim())
    .join(' ');
}
