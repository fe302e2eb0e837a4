/** Finds the SMTP reply, and the command that it answered, in what a mail server wrote about a failure. */
import type { Phase } from '../../types.ts';

export interface FoundReply {
  /** 0 when there is none */
  code: number;
  /** '' when there is none */
  status: string;
  /** from the code to the end of what the server said; '' when there is no code */
  text: string;
}

// A status is no part of an IP address or of a version number.
const STATUS = /(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)/;
const CODE_AND_STATUS = /(?<![\w.])([45]\d\d)(?: ?[-:#] ?#?| +#?\(?#?)([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)/g;
// A number of three digits is only a code where a reply is announced, or at the start of a line.
const ANNOUNCED =
  /(?:^[ \t>*'"#[(]*|\b(?:said|says|answered|responded(?: as follows)?|response|returned|replied|reason|error|error message|error_code|code|status|diagnostic|server message|because of|R)\b[ :>'"=#[(]*|[;:<>'"#[(][ \t'"#[(]*|<<< ?|\.{3} ?)([45][0-5]\d)(?=[ \t:;,'")\]-]|$)/gim;

/** Of class 5 before class 4, with a telling status before none; of equals the first, as what follows is mostly the reporter's echo. */
export function findReply(text: string): FoundReply {
  let best: { code: number; status: string; at: number; rank: number } | undefined;
  for (const pattern of [CODE_AND_STATUS, ANNOUNCED]) {
    for (const match of text.matchAll(pattern)) {
      const code = Number(match[1]);
      const status = match[2] ?? '';
      const at = match.index + match[0].indexOf(match[1]!);
      const rank = (code >= 500 ? 2 : 0) + (status === '' || status.endsWith('.0.0') ? 0 : 1);
      if (!best || rank > best.rank || (rank === best.rank && at < best.at))
        best = { code, status, at, rank };
    }
  }
  if (!best) return { code: 0, status: STATUS.exec(text)?.[1] ?? '', text: '' };
  let words = text.slice(best.at);
  // What follows is the reporter's again.
  const end = words.search(
    /\s*\((?:in reply to|state \d+)|\s*Giving up on |\n\s*\n|\n[ \t]*>>> |\n[ \t]*-{3,}|\n[A-Z][A-Za-z-]{3,30}: |I'm not going to try again/,
  );
  if (end > 0) words = words.slice(0, end);
  const status = best.status || (STATUS.exec(words)?.[1] ?? '');
  return {
    code: best.code,
    status: status.startsWith(String(best.code)[0]!) ? status : '',
    text: asLines(words, best.code).slice(0, 1000),
  };
}

/** `550-5.1.1 one 550 5.1.1 two` → two lines, as the server sent them. */
function asLines(words: string, code: number): string {
  const flat = words.replace(/\s*\n\s*(?:<<< ?)?/g, ' ').trim();
  return flat.replace(new RegExp(` (${code}[- ](?:[245]\\.\\d{1,3}\\.\\d{1,3} )?)`, 'g'), '\n$1');
}

/** First that matches wins; `word` is turned into a phase. */
const PHASES: readonly { pattern: RegExp; phase?: Phase }[] = [
  // Postfix: "(in reply to end of DATA command)"
  {
    pattern:
      /in reply to (?:the )?(end of data|mail from|rcpt to|data|ehlo|helo|starttls|auth|message body|end of message)/i,
  },
  // Postfix: "lost connection with … while sending RCPT TO"
  {
    pattern:
      /while (?:sending|receiving|performing) (?:the )?(end of data|mail from|rcpt to|data|initial server greeting|message body|ehlo|helo|starttls)/i,
  },
  // Exim: "after RCPT TO:<…>", "after pipelined end of data"; GMX: "after RCPT command"
  {
    pattern:
      /\bafter (?:pipelined |sending )?(end of data|initial connection|mail from|rcpt to|rcpt|data|ehlo|helo|starttls)(?=\s*(?:<|:|command|$))/im,
  },
  // 1&1: "for RCPT TO command"; others: "Error following RCPT command"
  { pattern: /\b(?:for|following) (rcpt to|rcpt|mail from|mail|data) command/i },
  // qmail
  { pattern: /does not like recipient/i, phase: 'rcpt' },
  { pattern: /but sender was rejected/i, phase: 'mail' },
  { pattern: /failed on DATA command/i, phase: 'data' },
  { pattern: /failed after I sent the message/i, phase: 'dot' },
  { pattern: /but greeting failed/i, phase: 'banner' },
  { pattern: /but my name was rejected/i, phase: 'ehlo' },
  { pattern: /most progress was (rcpt to|mail from|data|ehlo|helo)/i },
  // Gmail numbered the states of its client.
  { pattern: /\(state 1[34]\)/, phase: 'rcpt' },
  { pattern: /\(state 1[5-8]\)/, phase: 'dot' },
  // DragonFly: "did not like our RCPT TO:"
  { pattern: /did not like our (final data|rcpt to|mail from|data|ehlo|helo)/i },
  // Yahoo: "[RCPT_TO]"
  { pattern: /\[(rcpt_to|mail_from|data|end_of_data)\]/i },
  // IMail: "RCPT TO generated following response"
  { pattern: /\b(rcpt to|mail from|data) (?:<[^>]*> )?generated following response/i },
  { pattern: /\bSMTP:(rcpt|mail|data|ehlo|helo)\b/i },
  // m-FILTER writes the command below its heading.
  { pattern: /-SMTP command[- ]*\n+\s*(rcpt to|mail from|data)/i },
  {
    pattern:
      /(?:rejected|refused|failed|error) (?:at|in|on|during) (?:the )?(rcpt|data) (?:command|phase|stage)/i,
  },
];

const PHASE_OF: Readonly<Record<string, Phase>> = {
  'end of data': 'dot',
  end_of_data: 'dot',
  'final data': 'dot',
  'message body': 'dot',
  'end of message': 'dot',
  'mail from': 'mail',
  mail_from: 'mail',
  mail: 'mail',
  'rcpt to': 'rcpt',
  rcpt_to: 'rcpt',
  rcpt: 'rcpt',
  data: 'data',
  ehlo: 'ehlo',
  helo: 'ehlo',
  starttls: 'starttls',
  auth: 'auth',
  'initial connection': 'banner',
  'initial server greeting': 'banner',
};

// Sendmail, Courier, au: ">>> RCPT To:<…>" / "<<< 550 …"; InterScan "Sent <<<" / "Received >>>"
const SENT =
  /^[ \t]*(?:>>>|Sent *<<<|Sent *>>>)[ \t]*(RCPT TO|MAIL FROM|DATA|EHLO|HELO|STARTTLS|\.(?=\s|$))/i;
const RECEIVED = /^[ \t]*(?:<<<|Received *>>>|Received *<<<)[ \t]*([245])\d\d/i;

/** The phase of the reply that decided; '' when the text does not tell. */
export function findPhase(text: string): Phase | '' {
  // Mail servers fold within "in reply to RCPT TO command".
  const unfolded = text.replace(/\n[ \t]+(?![ \t]*(?:>>>|<<<))/g, ' ');
  for (const { pattern, phase } of PHASES) {
    const match = pattern.exec(unfolded);
    if (match) return phase ?? PHASE_OF[match[1]!.toLowerCase()] ?? '';
  }
  return phaseOfTranscript(text);
}

function phaseOfTranscript(text: string): Phase | '' {
  let command = '';
  let decided: Phase | '' = '';
  for (const line of text.split('\n')) {
    const sent = SENT.exec(line);
    if (sent) {
      command = sent[1]!.toLowerCase();
      continue;
    }
    const received = RECEIVED.exec(line);
    if (!received || command === '') continue;
    if (received[1] === '2') continue;
    const phase = command === '.' ? 'dot' : (PHASE_OF[command] ?? '');
    if (received[1] === '5') {
      // Sendmail says DATA for the command and for the end of the text; a 503 after refused recipients says nothing.
      if (command === 'data' && /^[ \t]*\S+ *503/.test(line)) continue;
      return phase;
    }
    decided ||= phase;
  }
  return decided;
}
