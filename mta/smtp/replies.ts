/**
 * Replies as they come off the wire (RFC 5321 §4.2), in pieces of any size. What real servers do is accepted: bare LF,
 * lines beyond the 512 octets of §4.5.3.1.5, continuation lines without a code, differing codes (the last one counts).
 */
import type { Reply } from './types.ts';

/** Kept of one line; the rest of a longer one is dropped, because refusing a strange 250 would deliver twice. */
export const MAX_LINE = 2048;
export const MAX_LINES = 100;
/** Bytes of one line that may come before its LF. */
export const MAX_RAW_LINE = 64 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const ZERO = 0x30;
const SPACE = 0x20;
const HYPHEN = 0x2d;

// biome-ignore lint/suspicious/noControlCharactersInRegex: a server's escape sequences must not reach a terminal or a page
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;
const ALL_CONTROLS = new RegExp(CONTROL, 'g');
const STATUS = /^([245]\.\d{1,3}\.\d{1,3})(?![\d.])/;

/** The enhanced status of a reply's text after its code, '' when none or when its class is not the code's (RFC 2034 §3). */
export function enhancedStatus(code: number, textAfterCode: string): string {
  const status = STATUS.exec(textAfterCode)?.[1];
  return status !== undefined && status.charCodeAt(0) === ZERO + Math.floor(code / 100) ? status : '';
}

/** A reply that the MTA makes up itself; `text` without the code. */
export function syntheticReply(code: number, status: string, text: string): Reply {
  return { code, status, text: `${code} ${status} ${text}` };
}

class WireReply implements Reply {
  readonly code: number;
  readonly text: string;
  #status: string | undefined;

  constructor(code: number, text: string) {
    this.code = code;
    this.text = text;
  }

  // Read on demand: three of four replies of a transaction are only asked for their code.
  get status(): string {
    if (this.#status === undefined) {
      this.#status = '';
      for (const line of this.text.split('\n')) {
        this.#status = enhancedStatus(this.code, line.slice(4));
        if (this.#status !== '') break;
      }
    }
    return this.#status;
  }

  toJSON(): Reply {
    return { code: this.code, status: this.status, text: this.text };
  }
}

/**
 * Feed it chunks, get whole replies. `push` answers what is wrong when the bytes are no SMTP, after which the
 * connection is of no use.
 */
export class ReplyParser {
  #onReply: (reply: Reply) => void;
  /** the start of a line whose LF has not come */
  #partial: Buffer | undefined;
  #skipping = 0;
  #lines: string[] = [];
  /** changes on reset, so that a push in progress forgets the rest of its chunk */
  #generation = 0;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /** Forgets everything received and not yet answered: RFC 3207 §4.2 after STARTTLS, also the rest of the chunk being read. */
  reset(): void {
    this.#partial = undefined;
    this.#skipping = 0;
    this.#lines = [];
    this.#generation += 1;
  }

  push(chunk: Buffer): string | undefined {
    const generation = this.#generation;
    let from = 0;
    while (from < chunk.length) {
      const lf = chunk.indexOf(LF, from);
      if (lf < 0) return this.#keep(chunk.subarray(from));
      if (this.#kept() + lf - from > MAX_RAW_LINE) return 'reply line too long';
      let line: string;
      if (this.#partial === undefined) line = lineText(chunk, from, lf);
      else {
        const whole = Buffer.concat([this.#partial, chunk.subarray(from, Math.min(lf, from + MAX_LINE + 1))]);
        this.#partial = undefined;
        this.#skipping = 0;
        line = lineText(whole, 0, whole.length);
      }
      from = lf + 1;
      const problem = this.#line(line);
      if (problem !== undefined) return problem;
      if (generation !== this.#generation) return undefined;
    }
    return undefined;
  }

  /** bytes seen of the line being read */
  #kept(): number {
    return (this.#partial?.length ?? 0) + this.#skipping;
  }

  #keep(rest: Buffer): string | undefined {
    if (this.#kept() + rest.length > MAX_RAW_LINE) return 'reply line too long';
    const room = MAX_LINE + 1 - (this.#partial?.length ?? 0);
    const taken = rest.subarray(0, Math.max(0, room));
    this.#skipping += rest.length - taken.length;
    // Copied: the chunk is a window on a pool that the socket goes on using.
    this.#partial = this.#partial === undefined ? Buffer.from(taken) : Buffer.concat([this.#partial, taken]);
    return undefined;
  }

  #line(line: string): string | undefined {
    const code = lineCode(line);
    if (code === 0 && this.#lines.length === 0) return `not an SMTP reply: ${line.slice(0, 80)}`;
    const more = code === 0 || line.charCodeAt(3) === HYPHEN;
    if (more) {
      if (this.#lines.push(line) > MAX_LINES) return 'reply has too many lines';
      return undefined;
    }
    if (this.#lines.length === 0) this.#onReply(new WireReply(code, line));
    else {
      this.#lines.push(line);
      const text = this.#lines.join('\n');
      this.#lines = [];
      this.#onReply(new WireReply(code, text));
    }
    return undefined;
  }
}

function lineText(bytes: Buffer, from: number, end: number): string {
  let to = end;
  if (to > from && bytes[to - 1] === CR) to -= 1;
  if (to - from > MAX_LINE) to = from + MAX_LINE;
  const text = bytes.toString('utf8', from, to);
  return CONTROL.test(text) ? text.replace(ALL_CONTROLS, '?') : text;
}

/** 0 when the line does not begin with a code of 200 to 599 followed by space, hyphen or the line's end. */
function lineCode(line: string): number {
  const first = line.charCodeAt(0) - ZERO;
  const second = line.charCodeAt(1) - ZERO;
  const third = line.charCodeAt(2) - ZERO;
  // NaN (a short line) fails every comparison
  if (!(first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9)) return 0;
  if (line.length > 3) {
    const separator = line.charCodeAt(3);
    if (separator !== SPACE && separator !== HYPHEN) return 0;
  }
  return first * 100 + second * 10 + third;
}
