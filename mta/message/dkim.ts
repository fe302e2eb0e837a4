/**
 * DKIM (RFC 6376): relaxed/relaxed signatures, one by each of a domain's keys: rsa-sha256 and, when the domain has such
 * a key, ed25519-sha256 (RFC 8463). They share the hash of the body and the canonical form of the header fields.
 */
import { createPrivateKey, hash, type KeyObject, sign } from 'node:crypto';

export interface DkimSigner {
  /** One DKIM-Signature field a key, each with its CRLF, to stand above all other fields. Blocks for the signatures. */
  sign(headers: CanonicalHeaders, bodyHash: string): string;
}

export interface CanonicalHeaders {
  /** for h=, folded */
  names: string;
  /** the relaxed form of the fields that they name, each with its CRLF */
  input: string;
}

// Listed once more than they occur, so that nobody can add another one on the way (RFC 6376 §5.4.2, §8.15).
const OVERSIGNED = ['from', 'to', 'subject', 'date', 'message-id', 'mime-version', 'content-type'];
// Signed when they are there. RFC 8058 §4: one-click is only valid when a signature covers both List-Unsubscribe fields.
const SIGNED = [
  ...['content-transfer-encoding', 'reply-to', 'list-id', 'list-unsubscribe', 'list-unsubscribe-post'],
  ...['feedback-id', 'in-reply-to', 'references'],
];
const WANTED = new Set([...OVERSIGNED, ...SIGNED]);

/**
 * Reads the keys once. The signatures stand in the order of the keys.
 * @throws Error when one of them is no private key, or of a kind that DKIM does not know
 */
export function createDkimSigner(options: {
  domain: string;
  keys: readonly { selector: string; privateKey: string }[];
}): DkimSigner {
  const signers = options.keys.map(({ selector, privateKey }) => {
    const { algorithm, make } = algorithmOf(createPrivateKey(privateKey));
    return {
      start: `v=1; a=${algorithm}; c=relaxed/relaxed; d=${options.domain};\r\n s=${selector}; t=`,
      make,
    };
  });
  return {
    sign({ names, input }, bodyHash) {
      const rest = `${Math.floor(Date.now() / 1000)};\r\n h=${names};\r\n bh=${bodyHash};\r\n b=`;
      let fields = '';
      for (const { start, make } of signers) {
        const value = start + rest;
        // RFC 6376 §3.7: the signature's own field with an empty b=, without CRLF. Every fold above is CRLF and one space,
        // so its relaxed form is what remains without the CRLFs.
        const data = `${input}dkim-signature:${value.replaceAll('\r\n', '')}`;
        fields += `DKIM-Signature: ${value}${foldSignature(make(Buffer.from(data)).toString('base64'))}\r\n`;
      }
      return fields;
    },
  };
}

function algorithmOf(key: KeyObject): { algorithm: string; make(data: Buffer): Buffer } {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { algorithm: 'rsa-sha256', make: (data) => sign('sha256', data, key) };
    case 'ed25519':
      // RFC 8463 §3: what PureEdDSA signs is the SHA-256 of the data
      return { algorithm: 'ed25519-sha256', make: (data) => sign(null, hash('sha256', data, 'buffer'), key) };
    default:
      throw new Error(`DKIM knows RSA and Ed25519 keys, not ${key.asymmetricKeyType}`);
  }
}

/** bh=; `canonical`: the body is known to be its own relaxed form. */
export function hashBody(body: Uint8Array, canonical = false): string {
  return hash('sha256', canonical ? body : canonicalizeBody(body), 'base64');
}

/** RFC 6376 §3.4.2 and §5.4.2: the fields that are signed, of equal names the lowest first. Each has its CRLF. */
export function canonicalizeHeaders(headerFields: string): CanonicalHeaders {
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
  // RFC 6376 §3.5: white space may stand around the colons of h=
  return { names: names.join(':').replace(/.{1,70}:(?=.)/g, '$&\r\n '), input };
}

const RELAXED = /^[^ \t\r\n]+(?: [^ \t\r\n]+)*$/;

/** Unfolds, makes each run of white space one space, drops it at both ends. */
export function relaxedValue(value: string): string {
  if (RELAXED.test(value)) return value;
  return value
    .replaceAll('\r\n', '')
    .replace(/[ \t]+/g, ' ')
    .trim();
}

function foldSignature(base64: string): string {
  let folded = base64.slice(0, 74);
  for (let at = 74; at < base64.length; at += 74) folded += `\r\n ${base64.slice(at, at + 74)}`;
  return folded;
}

/** RFC 6376 §3.4.4. */
export function canonicalizeBody(body: Uint8Array): Buffer {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length)
    .toString('latin1')
    .replace(/[ \t]+/g, ' ')
    .replaceAll(' \r\n', '\r\n')
    .replace(/ $/, '')
    .replace(/(?:\r\n)+$/, '');
  return Buffer.from(text === '' ? '' : `${text}\r\n`, 'latin1');
}
