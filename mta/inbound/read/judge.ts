/** What was said of one recipient → code, status, phase, reason and action. In-session replies are judged by the same rules. */
import type { Phase, Reason } from '../../types.ts';
import { actionOf } from '../../verdict/action.ts';
import { findNotice } from '../../verdict/notices.ts';
import { providerOf } from '../../verdict/provider.ts';
import { classify, reasonByRule } from '../../verdict/verdict.ts';
import { LIMITS } from './limits.ts';
import { findPhase, findReply } from './reply.ts';
import type { Report } from './types.ts';

export interface Evidence {
  recipient: string;
  finalRecipient?: string;
  /** texts about this recipient, the most telling first; the first in which a rule finds something decides */
  texts: readonly string[];
  /** of a Status field, '' when there is none */
  status?: string;
  /** the server that refused, '' when it is not named */
  host?: string;
  /** what a format's own code says, when no words are better */
  hint?: Reason | undefined;
}

/** Providers whose "user unknown" only means it at RCPT: where nobody tells the phase, it is taken for the reader's filter. */
const ONLY_AT_RCPT: ReadonlySet<string> = new Set(['docomo', 'softbank']);

const ABOUT_THE_SENDER: ReadonlySet<Reason> = new Set([
  'blocked',
  'spam',
  'authentication',
  'reputation',
  'virus',
  'ptr',
]);

/** A status without detail tells nothing (RFC 3463 §3.1). */
function isVague(status: string): boolean {
  return status === '' || /^[245]\.\d{1,3}\.0$/.test(status);
}

/** Pure. */
export function judge(evidence: Evidence): Report {
  const texts = evidence.texts
    .map((text) => text.trim().slice(0, LIMITS.diagnostic))
    .filter((text) => text !== '');
  const given = evidence.status ?? '';
  const reply = firstReply(texts);
  const { code } = reply;
  const said = reply.status;
  // The server's own words before the reporter's field, which is often made up; but not its vague ones.
  const status = isVague(said) && !isVague(given) ? given : said || given;
  const phase = firstPhase(texts);
  const domain = evidence.recipient.slice(evidence.recipient.lastIndexOf('@') + 1);
  const provider = providerOf(domain, evidence.host ?? '');
  // What a server refuses in the end is judged as final; only code and status tell whether the server meant it.
  const permanent = code > 0 ? code >= 500 : !status.startsWith('4');
  const why = reasonOf(evidence, texts, {
    reply,
    status,
    phase: phase || (ONLY_AT_RCPT.has(provider) ? 'dot' : 'rcpt'),
    code: code || (permanent ? 550 : 450),
    provider,
  });
  return {
    recipient: evidence.recipient,
    finalRecipient: evidence.finalRecipient ?? '',
    status,
    code,
    reason: why,
    action: actionOf(why, permanent),
    phase,
    diagnostic: (reply.text || texts[0] || '').replace(/\s+/g, ' ').slice(0, 500),
  };
}

/** The first reply with a code; its status may stand in another text. */
function firstReply(texts: readonly string[]): ReturnType<typeof findReply> {
  let status = '';
  for (const text of texts) {
    const reply = findReply(text);
    status ||= reply.status;
    if (reply.code > 0) return { ...reply, status: reply.status || status || statusBehind(texts, text) };
  }
  return { code: 0, status, text: '' };
}

function statusBehind(texts: readonly string[], text: string): string {
  for (const later of texts.slice(texts.indexOf(text) + 1)) {
    const { status } = findReply(later);
    if (status !== '') return status;
  }
  return '';
}

function firstPhase(texts: readonly string[]): Phase | '' {
  for (const text of texts) {
    const phase = findPhase(text);
    if (phase !== '') return phase;
  }
  return '';
}

interface Said {
  reply: ReturnType<typeof findReply>;
  status: string;
  /** as they are taken where nobody tells */
  phase: Phase;
  code: number;
  provider: string;
}

function reasonOf(
  { hint }: Evidence,
  texts: readonly string[],
  { reply, status, phase, code, provider }: Said,
): Reason {
  const byWords = (text: string, from: string): Reason | undefined =>
    reasonByRule({ phase, reply: { code, status: from, text }, provider });
  const clear = isVague(status) ? '' : status;
  if (reply.text !== '') {
    const found = byWords(reply.text, reply.status || clear);
    if (found) return found;
  }
  for (const text of texts) {
    const flat = text.replace(/\s+/g, ' ');
    const notice = findNotice(flat);
    const rule = byWords(flat, clear);
    // A filter that says why it filters may well say "user unknown", too, so as not to tell spammers apart.
    const found = notice && !(rule && ABOUT_THE_SENDER.has(rule)) ? notice : (rule ?? notice);
    if (found) return found;
  }
  if (hint) return hint;
  const known = status.endsWith('.0.0') ? '' : status;
  return classify({ phase, reply: { code, status: known, text: '' }, provider }).reason || 'other';
}
