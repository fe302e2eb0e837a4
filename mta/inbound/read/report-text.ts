/**
 * Reports without structure: who, and what about them. Not one reader per mail server: they all write an address in one
 * of a few ways and the reason on the lines around it. Where the returned mail begins is a matter of data.
 */
import { addressKey, findAddresses } from './addresses.ts';
import { LIMITS } from './limits.ts';

/** A line after which the returned mail comes. */
const ORIGINAL_BELOW: readonly RegExp[] = [
  // a heading and nothing else: "----- Original message -----", "Returned mail follows:"
  /^[\s\-_=*>#+.~|]{0,80}(?:start of |begin(?:ning)? of )?(?:the |your )?(?:(?:original|returned|unsent|undelivered|old) (?:message|mail|e-?mail|text)(?:'s)?(?: headers?| text| body| source| attached)*|(?:message|mail) (?:headers?|text|body|contents?)|returned message|headers? of (?:the|your) (?:original )?(?:message|mail)|message reads|your message reads|元のメッセージ.{0,20}|原信|ursprüngliche nachricht(?:enkopfzeilen)?|en-t.tes de message.{0,20})[\s\-_=*:.~#+|]{0,80}$/i,
  /^[\s\-_=*>#+.~|]{0,80}(?:the |your )?(?:original|returned|unsent|undelivered|undeliverable|bounced|rejected|old|failed)?[ ]?(?:message|mail|e-?mail|text)(?:'s)?(?: headers?| text| body)*(?: is)? (?:follows?|as follows|attached|is (?:attached|below|included|following))[\s\-_=*:.~#+|]{0,80}$/i,
  /^[\s\-_=*>#+.~|]{0,80}(?:(?:here|below|above|following|the following) (?:this line |the next line )?is (?:a |the |your )?(?:copy|start|header|text|first|original|returned|mail)|(?:below|this|attachment|included|here) (?:this line |the next line )?is a copy of (?:the|your) |(?:this|a|included is a) copy of (?:the|your) (?:original )?(?:message|mail)|(?:the )?headers? of (?:the|your) (?:original )?(?:message|mail) is|以下は.{0,20}(?:コピー|メッセージ)|encabezados de mensaje|cabeçalhos de mensagem|intestazioni (?:originali )?del messaggio)/i,
];
const NOT_BELOW =
  /original message (?:was|to|from|sent|could|has|is being|id\b|subject)|returned mail:|original message-id/i;

/** Fields of a mail's head that no report uses for itself at the start of a line. */
const HEAD_FIELD =
  /^>?(?:received|return-path|message-id|mime-version|dkim-signature|x-mailer|content-transfer-encoding|content-type):[ \t]/i;
const ANY_FIELD = /^>?[A-Za-z][A-Za-z0-9-]{1,50}:[ \t]|^[ \t]+\S/;

/** Splits a text where the returned mail begins; the second part is '' when it was not returned. */
export function splitOriginal(text: string): { report: string; original: string } {
  const lines = text.slice(0, LIMITS.text).split('\n', LIMITS.lines);
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!;
    const below =
      index > 0 &&
      line.length < 200 &&
      !NOT_BELOW.test(line) &&
      ORIGINAL_BELOW.some((pattern) => pattern.test(line)) &&
      // A title may read the same: the returned mail has a head, and reports name somebody before it.
      (/[-_=*:]{1}\s*$|^\s*[-_=*|]{2}|follow/i.test(line) || hasHead(lines, index + 1)) &&
      (hasHead(lines, index + 1) || lines.slice(0, index).some((before) => before.includes('@')));
    const head =
      HEAD_FIELD.test(line) &&
      index > 2 &&
      ANY_FIELD.test(lines[index + 1] ?? '') &&
      /^[ \t]*$|^-{4}|^>?[A-Za-z-]+:/.test(lines[index - 1]!);
    if (below || head)
      return {
        report: lines.slice(0, index).join('\n'),
        original: lines.slice(below ? index + 1 : index).join('\n'),
      };
  }
  return { report: lines.join('\n'), original: '' };
}

function hasHead(lines: readonly string[], from: number): boolean {
  return lines
    .slice(from, from + 12)
    .some((line) =>
      /^[ \t>]{0,8}(?:received|return-path|from|to|subject|date|message-id)[ \t]*:/i.test(line),
    );
}

export interface Block {
  address: string;
  /** the lines about it */
  text: string;
}

export interface TextReport {
  blocks: Block[];
  /** what comes before the first address: often the reason for all of them */
  head: string;
  /** how the addresses stand there: 'listed' is what mail servers do, 'mentioned' is prose */
  how: 'listed' | 'mentioned';
}

/** Before an address: nothing but a bullet or a quote, so the line is about it. */
const LISTED =
  /^[ \t]*(?:[*•·●○◆■>-]{1,4}[ \t]*|\d+[.)][ \t]+)?(?:"[^"@]{0,80}"[ \t]*)?["'“‘([<{]{0,3}(?:mailto:|smtp[:=])?$/i;
/** Before an address: words that name a recipient. */
const LABELLED =
  /(?:^|[\s*("'-])(?:recipients?(?: address| e-?mail| id)?|rcpt to|addressed to|failed (?:recipient|address)(?:es)?|undeliverable(?: to| address)?|unknown user|no such (?:user|mailbox|recipient)|invalid (?:user|recipient|address|final delivery userid)|user mailbox exceeds allowed size|user'?s mailbox is full|mailbox is full|mailbox full|intended recipient|error-for|delivery failed[^:]{0,30}:|(?:receiver|recipient|user) not found|error:[ ]?|(?:message|mail|delivery|deliver(?:ed)?|sent|send|e-?mail)(?: \w+){0,3} to(?: the)?(?: following)?(?: recipient| address| user| mailbox)?(?:\(s\)|s|es)?|(?:could not|couldn'?t|cannot|unable to|not|wasn'?t) (?:be )?(?:deliver(?:ed)?|reach(?:ed)?|sen[td])(?: \w+){0,3} to|local mailbox|mailbox|user|account|address|empf\S+nger|destinataires?|destinatari[oao]s?|получатель|宛先|受信者|送信先|配信先|宛先アドレス|收件人)[ \t]*[:：=]?[ \t]*["'“‘([<]{0,3}$/i;
/** Before an address: a reply or a command of a transcript that names the recipient. */
const TRANSCRIPT =
  /(?:^|[^A-Za-z])(?:rcpt to[ ]?:?|[45]\d\d(?:[ -]#?[45]\.\d{1,3}\.\d{1,3})?)[ \t]*["'<(]{0,2}$/i;
/** The line speaks of the sender, of help, or of where things come from. */
const NOT_RECIPIENT =
  /mail from|\bfrom:|\bsender\b|\breply-to\b|contact|postmaster|web ?site|generated (?:by|from)|expanded from|\bcc:|forwarded? (?:by|from)|on behalf of|message-id|please (?:write|e-?mail|send|report)|問い合わせ|お問合せ/i;
const ROLE =
  /^(?:postmaster|mailer-daemon|hostmaster|abuse|support|help|helpdesk|no-?reply|webmaster|root|bounces?|mailer|daemon)@/i;

interface Candidate {
  line: number;
  address: string;
  key: string;
  /** 4 listed, 3 labelled, 2 in a transcript, 1 mentioned */
  rank: number;
}

/** `own`: keys of our side's addresses, which servers mention, too. `known`: keys of those to whom the mail went, as far as it is known. */
export function readTextReport(
  report: string,
  own: ReadonlySet<string>,
  known: ReadonlySet<string>,
): TextReport | null {
  const lines = report.split('\n', LIMITS.lines);
  let candidates = collect(lines).filter(({ key }) => known.has(key) || (!own.has(key) && !ROLE.test(key)));
  // Whom the mail went to is meant before whomever else the words name; but mail to a list names the list.
  const best = Math.max(0, ...candidates.map(({ rank }) => rank));
  if (candidates.some(({ key, rank }) => rank === best && known.has(key)))
    candidates = candidates.filter(({ key }) => known.has(key));
  if (best === 0) return null;
  const subjects = new Map<string, string>();
  for (const { key, rank, address } of candidates)
    if (rank === best && !subjects.has(key)) subjects.set(key, address);
  const opens = new Map<number, string>();
  for (const { line, key } of candidates) if (subjects.has(key) && !opens.has(line)) opens.set(line, key);

  const texts = new Map<string, string[]>([...subjects.keys()].map((key) => [key, []]));
  const head: string[] = [];
  let current: string | undefined;
  let lastListed = -2;
  let listing: string[] = [];
  lines.forEach((line, index) => {
    const key = opens.get(index);
    if (key !== undefined) {
      // Addresses one below the other share what follows.
      listing = lastListed === index - 1 && isBare(lines[index - 1]!) ? [...listing, key] : [key];
      lastListed = index;
      current = key;
    }
    if (current === undefined) head.push(line);
    else if (key !== undefined) texts.get(key)!.push(line);
    else for (const each of listing) texts.get(each)!.push(line);
  });
  return {
    blocks: [...subjects]
      .slice(0, LIMITS.reports)
      .map(([key, address]) => ({ address, text: texts.get(key)!.join('\n').slice(0, LIMITS.diagnostic) })),
    head: head.join('\n').slice(-LIMITS.diagnostic),
    // A mention is as good when it names whom the returned mail went to.
    how: best >= 2 || [...subjects.keys()].some((key) => known.has(key)) ? 'listed' : 'mentioned',
  };
}

/** Nothing on the line but an address. */
function isBare(line: string): boolean {
  return /^[^\w]{0,10}\S+@\S+[^\w]{0,5}$/.test(line.trim());
}

/** A line of a quoted head. qmail's "To: <neko@example.jp>:" is none. */
const HEAD_LINE = /^[ \t]*(?:to|cc|bcc|delivered-to|x-original-to)[ \t]*:/i;

function rankOf(before: string, after: string): number {
  // Exchange puts an X.400 name before it: `c=jp;a= ;p=neko;dda:SMTP=neko@example.jp; on …`
  if (LISTED.test(before) || /\bSMTP=$/i.test(before)) return 4;
  if (HEAD_LINE.test(before)) return /^>:/.test(after) ? 4 : 1;
  if (NOT_RECIPIENT.test(before.replace(/\S+@\S+/g, ''))) return 0;
  if (TRANSCRIPT.test(before)) return 2;
  return LABELLED.test(before) ? 3 : 1;
}

function collect(lines: readonly string[]): Candidate[] {
  const candidates: Candidate[] = [];
  lines.forEach((line, index) => {
    if (!line.includes('@') || candidates.length >= 2000) return;
    const text = line.slice(0, 1000);
    const all = findAddresses(text);
    all.forEach(({ address, start }, nth) => {
      const before = text.slice(0, start);
      const after = text.slice(all[nth]!.end, all[nth]!.end + 4);
      const rank = rankOf(before.replace(/^(?:> ?)+/, ''), after);
      // In a list after a comma each is like the first.
      const first = candidates.at(-1);
      const inList =
        nth > 0 &&
        first?.line === index &&
        first.rank >= 3 &&
        /^[>"')\s]*[,;][<"'(\s]*$/.test(text.slice(all[nth - 1]!.end, start));
      candidates.push({ line: index, address, key: addressKey(address), rank: inList ? first.rank : rank });
    });
  });
  demoteContinuations(lines, candidates);
  // Of one line only the strongest, except in lists: "<alias>: host said: 550 <real>: user unknown" is about the alias.
  const bestOf = new Map<number, number>();
  for (const { line, rank } of candidates) bestOf.set(line, Math.max(bestOf.get(line) ?? 0, rank));
  return candidates.filter(({ line, rank }) => rank > 0 && rank === bestOf.get(line));
}

/** Wrapped words may begin a line with an address; it stands deeper than the one that they are about. */
function demoteContinuations(lines: readonly string[], candidates: Candidate[]): void {
  let paragraph = -1;
  let least = Infinity;
  let at = 0;
  for (const candidate of candidates) {
    if (candidate.rank !== 4) continue;
    for (; at <= candidate.line; at++)
      if (lines[at]!.trim() === '') {
        paragraph = at;
        least = Infinity;
      }
    const indent = lines[candidate.line]!.search(/\S/);
    if (candidate.line > paragraph + 1 && indent > least) candidate.rank = 1;
    else least = Math.min(least, indent);
  }
}
