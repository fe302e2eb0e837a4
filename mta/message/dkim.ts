/** DKIM (RFC 6376): relaxed/relaxed rsa-sha256 signatures made in the thread pool. */
import { createPrivateKey, hash, sign } from 'node:crypto';
import { promisify } from 'node:util';

export interface DkimSigner {
  /**
   * The DKIM-Signature field without final CRLF. `headerFields`: every field with its CRLF; the signature goes above them.
   * `canonicalBody`: the body is known to be its own relaxed form.
   */
  sign(headerFields: string, body: Buffer, canonicalBody?: boolean): Promise<string>;
}

const signAsync = promisify(sign);

// Listed once more than they occur, so that nobody can add another one on the way (RFC 6376 §5.4.2, §8.15).
const OVERSIGNED = ['from', 'to', 'subject', 'date', 'message-id', 'mime-version', 'content-type'];
// Signed when they are there. RFC 8058 §4: one-click is only valid when a signature covers both List-Unsubscribe fields.
const SIGNED = [
  ...['content-transfer-encoding', 'reply-to', 'list-id', 'list-unsubscribe', 'list-unsubscribe-post'],
  ...['feedback-id', 'in-reply-to', 'references'],
];
const WANTED = new Set([...OVERSIGNED, ...SIGNED]);

/** Parses the key once. Throws when it is no private key. */
export function createDkimSigner(options: {
  domain: string;
  selector: string;
  privateKey: string;
}): DkimSigner {
  const key = createPrivateKey(options.privateKey);
  const start = `v=1; a=rsa-sha256; c=relaxed/relaxed; d=${options.domain};\r\n s=${options.selector}; t=`;
  return {
    async sign(headerFields, body, canonicalBody = false) {
      const bodyHash = hash('sha256', canonicalBody ? body : canonicalizeBody(body), 'base64');
      const { names, input } = canonicalizeHeaders(headerFields);
      const value = `${start}${Math.floor(Date.now() / 1000)};\r\n h=${foldNames(names)};\r\n bh=${bodyHash};\r\n b=`;
      // RFC 6376 §3.7: the signature's own field with an empty b=, without CRLF. Every fold above is CRLF and one space,
      // so its relaxed form is what remains without the CRLFs.
      const data = `${input}dkim-signature:${value.replaceAll('\r\n', '')}`;
      const signature = (await signAsync('sha256', Buffer.from(data), key)).toString('base64');
      return `DKIM-Signature: ${value}${signature.match(/.{1,74}/g)!.join('\r\n ')}`;
    },
  };
}

/** RFC 6376 §3.4.2 and §5.4.2: the chosen fields, of equal names the lowest first. */
function canonicalizeHeaders(headerFields: string): { names: string; input: string } {
  const found = new Map<string, string[]>();
  for (const field of headerFields.split(/\r\n(?![ \t])/)) {
    const colon = field.indexOf(':');
    if (colon < 0) continue;
    const name = field.slice(0, colon).trimEnd().toLowerCase();
    if (!WANTED.has(name)) continue;
    const line = `${name}:${relaxedValue(field.slice(colon + 1))}\r\n`;
    const same = found.get(name);
    if (same) same.unshift(line);
    else found.set(name, [line]);
  }
  const names: string[] = [];
  let input = '';
  for (const name of OVERSIGNED) {
    const lines = found.get(name) ?? [];
    for (const line of lines) input += line;
    for (let i = 0; i <= lines.length; i++) names.push(name);
  }
  for (const name of SIGNED) {
    for (const line of found.get(name) ?? []) {
      input += line;
      names.push(name);
    }
  }
  return { names: names.join(':'), input };
}

/** Unfolds, makes each run of white space one space, drops it at both ends. */
export function relaxedValue(value: string): string {
  return value
    .replaceAll('\r\n', '')
    .replace(/[ \t]+/g, ' ')
    .trim();
}

/** RFC 6376 §3.5: white space may stand around the colons of h=. */
function foldNames(names: string): string {
  return names.replace(/.{1,70}:(?=.)/g, '$&\r\n ');
}

/** RFC 6376 §3.4.4. */
export function canonicalizeBody(body: Buffer): Buffer {
  const text = body
    .toString('latin1')
    .replace(/[ \t]+/g, ' ')
    .replaceAll(' \r\n', '\r\n')
    .replace(/ $/, '')
    .replace(/(?:\r\n)+$/, '');
  return Buffer.from(text === '' ? '' : `${text}\r\n`, 'latin1');
}
