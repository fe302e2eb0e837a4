/**
 * What does this mail mean? Structure first (feedback report, delivery status, SES), then words. Nothing that an automaton
 * says for a person is a bounce, nothing that is still tried is one, and where it is not clear nobody is suppressed.
 */
import type { Reason } from '../../types.ts';
import { actionOf } from '../../verdict/action.ts';
import { addressKey, findAddresses } from './addresses.ts';
import { type DeliveryStatus, readDeliveryStatus } from './delivery-status.ts';
import { bytesOf, type Entity, fieldOf, isMail, ownParts, readEntity, shown, textOf } from './entity.ts';
import { readFeedback } from './feedback.ts';
import { htmlToText } from './html.ts';
import { judge } from './judge.ts';
import { LIMITS } from './limits.ts';
import { addressees, enclosedFields, headFields, messageIds, originalOf } from './original.ts';
import { readTextReport, splitOriginal, type TextReport } from './report-text.ts';
import { readSesNotice } from './ses.ts';
import { type Signs, signsOf, soundsLikeBounce, soundsLikeDelay } from './signs.ts';
import type { Field, MailKind, Reading, Report } from './types.ts';
import { asksToUnsubscribe } from './unsubscribe.ts';

/** What the readers share about one mail. */
interface Mail {
  root: Entity;
  subject: string;
  /** its own words, before what it returns */
  report: string;
  /** the head of the mail that it encloses as a part */
  enclosed: Field[] | null;
  /** what it returns: as a part, or below its words */
  original: Field[];
  /** keys of our side's addresses */
  own: Set<string>;
  /** keys of those to whom the returned mail went */
  known: Set<string>;
  answers: string[];
}

/** Pure, never throws, at most 1 MiB is looked at. */
export function readMail(raw: Buffer): Reading {
  return readFrom(readEntity(raw), 0);
}

function readFrom(root: Entity, depth: number): Reading {
  const mail = prepare(root);
  const structured = complaint(mail) ?? bounceByStatus(mail) ?? sesNotice(mail);
  if (structured) return structured;
  const signs = signsOf(root);
  return (
    forwarded(mail, signs, depth) ??
    autoReply(mail, signs) ??
    bounceByWords(mail, signs) ??
    unsubscribe(mail) ??
    reading(mail, 'other', [])
  );
}

function prepare(root: Entity): Mail {
  const texts: string[] = [];
  const htmls: string[] = [];
  let room = LIMITS.text;
  for (const part of ownParts(root)) {
    if (isMail(part.type) || room <= 0) continue;
    if (part.type !== 'text/plain' && part.type !== 'text/html' && part.type !== 'text/enriched') continue;
    if (/^attachment/i.test(fieldOf(part.fields, 'content-disposition'))) continue;
    const text = part.type === 'text/plain' ? textOf(part) : htmlToText(textOf(part));
    (part.type === 'text/plain' ? texts : htmls).push(text.slice(0, room));
    room -= text.length;
  }
  // Of a multipart/alternative one is enough, but a plain part may be an empty courtesy.
  const plain = texts.join('\n');
  const text = plain.trim().length >= 40 || htmls.length === 0 ? plain : `${plain}\n${htmls.join('\n')}`;
  const { report, original } = splitOriginal(text);
  const enclosed = enclosedFields(root);
  const fields = enclosed ?? headFields(original.replace(/^\s+/, ''));
  const own = new Set<string>();
  for (const name of [
    'to',
    'delivered-to',
    'x-original-to',
    'envelope-to',
    'from',
    'return-path',
    'reply-to',
  ])
    for (const { value } of root.fields.filter((field) => field.name === name).slice(0, 5))
      for (const { address } of findAddresses(value)) own.add(addressKey(address));
  for (const name of ['from', 'sender', 'reply-to', 'return-path', 'errors-to'])
    for (const { address } of findAddresses(fieldOf(fields, name))) own.add(addressKey(address));
  const known = new Set(addressees(fields).map(addressKey));
  for (const { address } of findAddresses(fieldOf(root.fields, 'x-failed-recipients')))
    known.add(addressKey(address));
  return {
    root,
    subject: shown(root, 'subject'),
    report,
    enclosed,
    original: fields,
    own,
    known,
    answers: messageIds(`${fieldOf(root.fields, 'in-reply-to')} ${fieldOf(root.fields, 'references')}`),
  };
}

function reading(mail: Mail, kind: MailKind, reports: Report[], feedbackType = ''): Reading {
  return {
    kind,
    reports: reports.slice(0, LIMITS.reports),
    feedbackType,
    original: originalOf(mail.original),
    answers: mail.answers,
  };
}

/** A report of no failure. */
function plainReport(recipient: string, action: Report['action'], reason: Report['reason'] = ''): Report {
  return { recipient, finalRecipient: '', status: '', code: 0, reason, action, phase: '', diagnostic: '' };
}

function complaint(mail: Mail): Reading | null {
  const feedback = readFeedback(mail.root, mail.enclosed ?? [], mail.subject);
  if (!feedback) return null;
  const { type } = feedback;
  // Reports about authentication come from filters, not from readers; "not spam" is the opposite of a complaint.
  const report = (recipient: string): Report =>
    type === 'auth-failure' || type === 'dmarc'
      ? plainReport(recipient, 'sender', 'authentication')
      : type === 'virus'
        ? plainReport(recipient, 'sender', 'virus')
        : plainReport(recipient, type === 'not-spam' ? 'none' : 'suppress');
  return reading(
    mail,
    'complaint',
    (feedback.recipients.length > 0 ? feedback.recipients : ['']).map(report),
    type,
  );
}

function bounceByStatus(mail: Mail): Reading | null {
  const parts = [...ownParts(mail.root)];
  if (parts.some(({ type }) => type === 'message/disposition-notification'))
    return reading(mail, 'auto-reply', []);
  let status: DeliveryStatus | null = null;
  for (const part of parts) {
    if (!/^(?:message\/(?:global-)?delivery-status|text\/delivery-status)$/.test(part.type)) continue;
    status = readDeliveryStatus(bytesOf(part));
    if (status) break;
  }
  // Gateways flatten the parts into one text.
  if (!status && /^[ \t]{0,3}(?:final|original)-recipient[ \t]*:/im.test(mail.report))
    status = readDeliveryStatus(mail.report);
  if (!status) return null;
  return byStatus(mail, status);
}

function byStatus(mail: Mail, status: DeliveryStatus): Reading | null {
  const words = withoutStatusFields(mail.report);
  const text = readTextReport(words, mail.own, mail.known);
  const failed: Report[] = [];
  const late: Report[] = [];
  const done: Report[] = [];
  for (const recipient of status.recipients) {
    const said = unwrapDiagnostic(recipient.diagnostic);
    const address = recipient.original || recipient.final;
    const named = address || loneRecipient(mail, text);
    const block = blockOf(text, named, recipient.final);
    const single = status.recipients.length === 1;
    const report = judge({
      recipient: named,
      finalRecipient:
        recipient.final !== '' && addressKey(recipient.final) !== addressKey(named) ? recipient.final : '',
      texts: [said, block, ...(single ? [words] : [])],
      status: recipient.status,
      host: recipient.remoteMta || status.reportingMta,
      hint: POWERMTA[recipient.category] ?? exitCodeReason(recipient.diagnostic),
    });
    if (recipient.action === 'failed') failed.push(report);
    else if (recipient.action === 'delayed') late.push({ ...report, action: 'none' });
    else done.push(plainReport(named, 'none'));
  }
  if (failed.length > 0) return reading(mail, 'bounce', [...failed, ...late]);
  return late.length > 0 ? reading(mail, 'delayed', late) : reading(mail, 'delivered', done);
}

/** PowerMTA's bounce categories, for when it quotes no words. */
const POWERMTA: Readonly<Record<string, Reason>> = {
  'bad-mailbox': 'unknown-user',
  'bad-domain': 'unknown-host',
  'inactive-mailbox': 'suspended',
  'quota-issues': 'mailbox-full',
  'spam-related': 'spam',
  'virus-related': 'virus',
  'policy-related': 'policy',
  'content-related': 'content',
  'message-expired': 'expired',
  'no-answer-from-host': 'network',
  'routing-errors': 'network',
  'bad-connection': 'network',
  'relaying-issues': 'relaying',
};

/** `x-unix; 67`: how a program of the other end ended, by sysexits.h. */
function exitCodeReason(diagnostic: string): Reason | undefined {
  const code = /^\s*x-unix\s*;\s*(\d{1,3})\s*$/i.exec(diagnostic)?.[1];
  if (code === undefined) return undefined;
  return code === '67' ? 'unknown-user' : code === '68' ? 'unknown-host' : 'system';
}

/** `smtp; 550 …` → `550 …`. `X-Postfix; host said…` is the reporter's own. */
function unwrapDiagnostic(value: string): string {
  return value.replace(/^\s*[A-Za-z][A-Za-z0-9-]{0,20}\s*;\s*/, '');
}

function withoutStatusFields(report: string): string {
  return report.replace(
    /^[ \t]*(?:reporting-mta|arrival-date|final-recipient|original-recipient|action|status|remote-mta|last-attempt-date)[ \t]*:.*$/gim,
    '',
  );
}

/** The recipient where only one can be meant. */
function loneRecipient(mail: Mail, text: TextReport | null): string {
  if (text?.blocks.length === 1) return text.blocks[0]!.address;
  const failed = findAddresses(fieldOf(mail.root.fields, 'x-failed-recipients'));
  if (failed.length === 1) return failed[0]!.address;
  const went = addressees(mail.original);
  return new Set(went.map(addressKey)).size === 1 ? went[0]! : '';
}

function blockOf(text: TextReport | null, ...addresses: string[]): string {
  const keys = new Set(addresses.filter((address) => address !== '').map(addressKey));
  return text?.blocks.find(({ address }) => keys.has(addressKey(address)))?.text ?? '';
}

function sesNotice(mail: Mail): Reading | null {
  const notice = readSesNotice(mail.report);
  if (!notice || notice.recipients.length === 0) return null;
  if (mail.original.length === 0 && notice.messageId !== '')
    mail.original.push(
      { name: 'message-id', value: `<${notice.messageId}>` },
      { name: 'to', value: notice.destination },
    );
  if (notice.kind === 'complaint')
    return reading(
      mail,
      'complaint',
      notice.recipients.map(({ final }) => plainReport(final, 'suppress')),
      notice.feedbackType,
    );
  return byStatus(mail, { reportingMta: '', recipients: notice.recipients });
}

/** People and list software forward bounces whole: the enclosed mail is read, unless this one is a report itself. */
function forwarded(mail: Mail, signs: Signs, depth: number): Reading | null {
  if (depth >= 2 || signs.bounce >= 2) return null;
  for (const part of ownParts(mail.root)) {
    const inner = isMail(part.type) ? part.children[0] : undefined;
    if (!inner || signsOf(inner).bounce < 2) continue;
    const found = readFrom(inner, depth + 1);
    if (found.kind === 'bounce' || found.kind === 'delayed' || found.kind === 'delivered') return found;
  }
  return null;
}

function autoReply(mail: Mail, signs: Signs): Reading | null {
  if (!signs.autoReply) return null;
  if (signs.surelyAutoReply || !soundsLikeBounce(mail.report)) return reading(mail, 'auto-reply', []);
  return null;
}

function bounceByWords(mail: Mail, signs: Signs): Reading | null {
  const sounds = soundsLikeBounce(`${mail.subject}\n${mail.report}`);
  if (signs.bounce < 2 && !(sounds && signs.bounce >= 1)) return null;
  const late = soundsLikeDelay(mail.subject, mail.report);
  if (!sounds && signs.bounce < 4 && !late) return null;
  const text = readTextReport(mail.report, mail.own, mail.known);
  const reports: Report[] = [];
  const filteredByCarrier = /^NG$/i.test(fieldOf(mail.root.fields, 'x-spasign'));
  for (const { address, text: block } of text?.blocks ?? [])
    reports.push(judge({ recipient: address, texts: [block, `${text!.head}\n${block}`] }));
  const delayed = late && !reports.some(({ code }) => code >= 500);
  const useful = reports.filter(({ reason }) => reason !== 'other');
  // Prose that mentions an address convicts nobody: it must be a server's report, and say why.
  const sure = signs.bounce >= 2 ? reports : text?.how === 'listed' ? useful : [];
  if (sure.length === 0) {
    const lone = loneRecipient(mail, null);
    if (signs.bounce < 2 || (lone === '' && !sounds)) return null;
    sure.push(judge({ recipient: lone, texts: [mail.report] }));
  }
  if (delayed)
    return reading(
      mail,
      'delayed',
      sure.map((report) => ({ ...report, action: 'none' as const })),
    );
  // SPAMGHETTI at au and KDDI marks what the reader's own filter sent back.
  if (filteredByCarrier)
    return reading(
      mail,
      'bounce',
      sure.map((report) => ({ ...report, reason: 'filtered' as const, action: actionOf('filtered', true) })),
    );
  return reading(mail, 'bounce', sure);
}

function unsubscribe(mail: Mail): Reading | null {
  return asksToUnsubscribe(mail.subject, mail.report) ? reading(mail, 'unsubscribe', []) : null;
}
