/**
 * The check before sending. Its findings are shown in the review step, stop a start, and are the same by API. Logic
 * knows the campaign, the audience's size and the delivery settings; it changes nothing.
 */
import type { ContentError, ContentErrorCode } from '../../mta/index.ts';
import { parseAddress } from '../../mta/index.ts';
import type { Readiness } from '../delivery/domain-readiness.ts';
import type { FieldError } from '../errors.ts';
import type { Finding } from './schemas.ts';

/** The check's own findings. In the UI: `campaigns.findings.CODE`. */
export const FINDINGS = [
  'from-missing',
  'from-name-missing',
  'sending-domain-missing',
  'sending-domain-records',
  'sending-domain-unchecked',
  'subject-missing',
  'variable-unknown',
  'html-large',
  'list-missing',
  'list-unknown',
  'audience-empty',
  'delivery-stopped',
  'public-url-local',
] as const;
/** A content that cannot be compiled brings the compiler's codes (`contentError.CODE`), `content-missing` among them. */
export type FindingCode = (typeof FINDINGS)[number] | ContentErrorCode;
/** `Finding` of the API, its code checked. */
type Found = Finding & { code: FindingCode };

export interface PreflightInput {
  from: { name: string; address: string };
  replyTo: string;
  subject: string;
  html: string;
  text: string;
  listIds: readonly number[];
  /** those of `listIds` that exist */
  knownListIds: readonly number[];
  /** undefined: no need to count (no list) */
  recipients: number | undefined;
  compiled: { ok: true; variables: readonly string[] } | { ok: false; errors: readonly ContentError[] };
  /** Liquid names that a subscriber can bring */
  knownVariables: readonly string[];
  mode: 'sandbox' | 'live';
  stopped: boolean;
  publicUrl: string;
  /** with what their last check found */
  sendingDomains: readonly Readiness[];
}

/** Gmail cuts a message whose HTML is longer, and the unsubscribe link with it. */
const HTML_CLIPPED_BYTES = 102 * 1024;

/** Every finding, errors first. */
export function preflight(input: PreflightInput): Found[] {
  const findings = [
    ...checkAddresses(input),
    ...checkContent(input),
    ...checkAudience(input),
    ...checkDelivery(input),
  ];
  return findings.sort((a, b) => Number(a.level === 'warning') - Number(b.level === 'warning'));
}

/** Whether the addresses can stand in a header is the compiler's to say (checkContent). */
function* checkAddresses(input: PreflightInput): Generator<Found> {
  const { address, name } = input.from;
  const parsed = parseAddress(address);
  if (address.trim() === '') yield error('from-missing', '/from/address', 'There is no From address');
  if (!parsed.ok) return;
  const sender = input.sendingDomains.find(({ domain }) => domain === parsed.domain);
  if (!sender) yield sendingDomainMissing(input, parsed.domain);
  else if (sender.state === 'wrong') yield recordsWrong(input, sender);
  else if (sender.state === 'unknown' && input.mode === 'live') yield recordsUnknown(sender);
  if (name.trim() === '') {
    yield warning(
      'from-name-missing',
      '/from/name',
      'There is no sender name: inboxes show the bare address',
    );
  }
}

/** Unsigned mail is refused by the large providers; overridable, as a relay behind us may sign. */
function sendingDomainMissing(input: PreflightInput, domain: string): Found {
  const message = `${domain} is not a sending domain, so the mail goes out without a DKIM signature`;
  return {
    code: 'sending-domain-missing',
    level: input.mode === 'live' ? 'error' : 'warning',
    pointer: '/from/address',
    message,
    overridable: input.mode === 'live',
    value: domain,
  };
}

/** Known by the last look at the DNS; overridable, as that may be an hour old, or our DNS another than the world's. */
function recordsWrong({ mode }: PreflightInput, { domain, records }: Readiness): Found {
  const names = records.join(', ');
  return {
    code: 'sending-domain-records',
    level: mode === 'live' ? 'error' : 'warning',
    pointer: '/from/address',
    message: `DNS records of ${domain} are missing or wrong, so large providers refuse its mail: ${names}`,
    overridable: mode === 'live',
    value: names,
  };
}

function recordsUnknown({ domain }: Readiness): Found {
  return {
    ...warning(
      'sending-domain-unchecked',
      '/from/address',
      `Nobody has looked yet whether the DKIM and SPF records of ${domain} are as they should be`,
    ),
    value: domain,
  };
}

function* checkContent(input: PreflightInput): Generator<Found> {
  if (input.subject.trim() === '') yield error('subject-missing', '/subject', 'There is no subject');
  if (!input.compiled.ok) {
    for (const problem of input.compiled.errors) {
      // Named above in plainer words.
      if (problem.field === 'from' && input.from.address.trim() === '') continue;
      yield contentFinding(problem);
    }
  } else {
    for (const variable of input.compiled.variables) {
      if (input.knownVariables.includes(variable)) continue;
      const where = input.html.includes(variable)
        ? '/html'
        : input.text.includes(variable)
          ? '/text'
          : '/subject';
      yield {
        ...warning('variable-unknown', where, `No subscriber has “${variable}”: it stays empty`),
        value: variable,
      };
    }
  }
  const bytes = Buffer.byteLength(input.html);
  if (bytes > HTML_CLIPPED_BYTES) {
    yield {
      ...warning('html-large', '/html', 'Gmail cuts messages whose HTML is longer than 102 KB'),
      value: String(bytes),
    };
  }
}

function* checkAudience(input: PreflightInput): Generator<Found> {
  if (input.listIds.length === 0) {
    yield error('list-missing', '/listIds', 'No list is chosen');
    return;
  }
  for (const [position, id] of input.listIds.entries()) {
    if (!input.knownListIds.includes(id)) {
      yield {
        ...error('list-unknown', `/listIds/${position}`, `List ${id} does not exist`),
        value: String(id),
      };
    }
  }
  if (input.recipients === 0) yield error('audience-empty', '/listIds', 'Nobody would get it');
}

function* checkDelivery(input: PreflightInput): Generator<Found> {
  if (input.stopped) {
    yield warning('delivery-stopped', '', 'The emergency stop is on: nothing leaves until it is lifted');
  }
  // Said, not forbidden: a first live mail to a relay on the same machine is how a set-up is tried out.
  if (input.mode === 'live' && isLocal(input.publicUrl)) {
    yield {
      ...warning(
        'public-url-local',
        '',
        'Readers cannot reach the public address, so links and unsubscribing would fail for them',
      ),
      value: input.publicUrl,
    };
  }
}

/** A host that only this machine or no resolver knows; private networks may well be meant (mail inside a company). */
function isLocal(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return (
    host === '' ||
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^(127\.|\[::1\]$|0\.0\.0\.0$)/.test(host)
  );
}

const HAS_PLACES: readonly ContentError['field'][] = ['subject', 'html', 'text'];

/** A compile error, with its place when the field has places. */
export function contentFinding({ field, code, message, value, line, column }: ContentError): Found {
  const place = HAS_PLACES.includes(field) && code !== 'content-missing';
  return {
    ...error(code, field === 'from' ? '/from/address' : `/${field}`, message),
    ...(value === '' ? {} : { value }),
    ...(place ? { line, column } : {}),
  };
}

/** Errors that nobody took on himself. */
export function unresolved<T extends Finding>(findings: readonly T[], overridden: ReadonlySet<string>): T[] {
  return findings.filter(
    (finding) => finding.level === 'error' && !(finding.overridable && overridden.has(finding.code)),
  );
}

export function asFieldError(finding: Found): FieldError {
  const { code, pointer, message, value, line, column } = finding;
  return {
    pointer,
    code,
    message,
    ...(value === undefined ? {} : { value }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  };
}

function error(code: FindingCode, pointer: string, message: string): Found {
  return { code, level: 'error', pointer, message, overridable: false };
}

function warning(code: FindingCode, pointer: string, message: string): Found {
  return { code, level: 'warning', pointer, message, overridable: false };
}
