import { generateKeyPairSync } from 'node:crypto';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileContent } from '../message/compile.ts';
import { canonicalizeBody, createDkimSigner, type DkimSigner } from '../message/dkim.ts';
import { type DkimKey, dkimRecordValue, generateDkimKey } from '../message/dkim-keys.ts';
import { ByteWriter } from '../message/encode.ts';
import { renderMessage, writeSigned } from '../message/render.ts';
import { createTokenKey } from '../message/token.ts';
import type { ContentSource, MergeValues } from '../types.ts';

let key: DkimKey;
let edwards: DkimKey;
let signer: DkimSigner;
beforeAll(async () => {
  key = await generateDkimKey();
  edwards = await generateDkimKey('ed25519');
  signer = signerOf({ selector: 'todoke', privateKey: key.privateKey });
});

const signerOf = (...keys: { selector: string; privateKey: string }[]): DkimSigner =>
  createDkimSigner({ domain: 'example.jp', keys });

/** mailauth's verdicts, signature by signature from the top, with our DNS records and nothing else. */
async function verifyAll(message: Buffer) {
  const records = new Map([
    ['todoke._domainkey.example.jp', dkimRecordValue(key.publicKey)],
    ['ed._domainkey.example.jp', dkimRecordValue(edwards.publicKey, 'ed25519')],
  ]);
  const resolver = async (name: string, type: string) => {
    const record = type === 'TXT' ? records.get(name) : undefined;
    if (record !== undefined) return [[record]];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  return (await dkimVerify(message, { resolver })).results;
}

async function verify(message: Buffer) {
  return (await verifyAll(message))[0]?.status;
}

async function send(
  source: Partial<ContentSource>,
  merge: MergeValues = {},
  address = 'taro@example.com',
  by = signer,
): Promise<Buffer> {
  const result = compileContent({
    from: { name: '届け株式会社', address: 'news@example.jp' },
    subject: 'Hello',
    track: { opens: true, clicks: true },
    ...source,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  const rendered = renderMessage(
    result.content,
    {
      jobId: 1,
      publicUrl: 'https://t.example.jp',
      tokenKey: createTokenKey(),
      domain: { returnPathDomain: 'b.example.jp' },
    },
    { deliveryId: 2, subscriberId: 3, listId: 4, address, merge, createdAt: Date.now() },
  );
  const out = new ByteWriter();
  writeSigned(out, rendered, by);
  return out.copy();
}

const japanese = '秋の新作コレクションのご案内です。髙島屋 ① ㈱ ～ 😀\n'.repeat(20);
const list = { id: 'list-4', name: '毎週のお知らせと限定のご案内をお届けするリスト' };
const pdf = {
  filename: '案内書 2026年秋.pdf',
  contentType: 'application/pdf',
  content: Buffer.alloc(5000, 1).toString('base64'),
};

describe('an independent verifier accepts', () => {
  it.each<[string, Partial<ContentSource>, MergeValues?, string?]>([
    ['text', { text: 'Hello' }],
    ['HTML', { html: '<img src="x">' }],
    [
      'both, with links',
      { html: '<p>x <a href="https://example.jp/{{ name }}">y</a></p>', list },
      { name: '山田' },
    ],
    ['Japanese', { subject: japanese, html: `<p>${japanese}</p>`, text: japanese, list, feedbackId: 'c1' }],
    [
      'a long ASCII subject',
      { subject: 'The quick brown fox jumps over the lazy dog. '.repeat(20), text: 'x' },
    ],
    ['a subject of one long word', { subject: 'a'.repeat(3000), text: 'x' }],
    ['an attachment', { text: japanese, attachments: [pdf] }],
    ['inline image and attachment', { html: '<img src="cid:a">', attachments: [{ ...pdf, cid: 'a' }, pdf] }],
    [
      'own header fields',
      { text: 'x', replyTo: 'desk@example.jp', headers: { 'X-A': 'b  c', References: '<a@b.c>' } },
    ],
    ['trailing blanks and empty lines', { text: 'a \t\n\n b  c\t\td \n.\n\n\n\n{{ x }}' }, { x: '\n\n \n' }],
    ['a value that is the whole text', { text: '{{ x }}' }, { x: '' }],
    ['a value of many lines', { text: '{% if x %}{{ x }}{% endif %}', list }, { x: 'a\rb\nc\r\n\r\n' }],
    ['an address that needs SMTPUTF8', { text: 'x' }, {}, '山田@日本語.jp'],
  ])('%s', async (_, source, merge, address) => {
    expect(await verify(await send(source, merge, address))).toMatchObject({
      result: 'pass',
      aligned: 'example.jp',
    });
  });
});

describe('and refuses', () => {
  it.each<[string, (message: string) => string]>([
    ['another body', (message) => message.replace('Hello body', 'Hullo body')],
    ['another subject', (message) => message.replace('Subject: Hello', 'Subject: Hullo')],
    // oversigned: one more of them breaks the signature
    ['a second Subject', (message) => `Subject: Fake\r\n${message}`],
    ['a second From', (message) => `From: x@example.com\r\n${message}`],
    [
      'a second Content-Type',
      (message) => message.replace('MIME-Version', 'Content-Type: text/html\r\nMIME-Version'),
    ],
    ['another one-click address', (message) => message.replace('/u/', '/u/X')],
    ['another one-click post', (message) => message.replace('One-Click', 'Two-Click')],
  ])('%s', async (_, change) => {
    const message = (await send({ text: 'Hello body {{ unsubscribe_url }}', list })).toString();
    expect(await verify(Buffer.from(message))).toMatchObject({ result: 'pass' });
    const changed = change(message);
    expect(changed).not.toBe(message);
    expect((await verify(Buffer.from(changed)))?.result).not.toBe('pass');
  });
});

it('h= covers both List-Unsubscribe fields (RFC 8058) and lists twice what must not be added', async () => {
  const message = (await send({ text: 'x', list })).toString();
  const names = /h=([^;]*);/.exec(message)![1]!.replace(/\s/g, '').split(':');
  for (const name of ['list-unsubscribe', 'list-unsubscribe-post', 'list-id', 'feedback-id'])
    expect(names).toContain(name);
  for (const name of ['from', 'to', 'subject', 'date', 'message-id']) {
    expect(names.filter((other) => other === name)).toHaveLength(2);
  }
  for (const line of message.slice(0, message.indexOf('\r\nDate:')).split('\r\n'))
    expect(line.length).toBeLessThanOrEqual(78);
});

describe('relaxed canonical body (RFC 6376 §3.4.4)', () => {
  it.each([
    ['', ''],
    ['\r\n\r\n', ''],
    [' \t\r\n', ''],
    ['a', 'a\r\n'],
    ['a \t b\t\r\n\r\n\r\n', 'a b\r\n'],
    [' a\r\n\r\nb ', ' a\r\n\r\nb\r\n'],
  ])('%j', (body, canonical) => {
    expect(canonicalizeBody(Buffer.from(body)).toString()).toBe(canonical);
  });
});

describe('several keys of a domain', () => {
  it('each sign, in their order (RSA and Ed25519, RFC 8463)', async () => {
    const both = signerOf(
      { selector: 'ed', privateKey: edwards.privateKey },
      { selector: 'todoke', privateKey: key.privateKey },
    );
    const message = await send({ text: japanese, html: `<p>${japanese}</p>`, list }, {}, undefined, both);
    const found = (await verifyAll(message)).map(({ selector, algo, status }) => [
      selector,
      algo,
      status.result,
    ]);
    expect(found).toEqual([
      ['ed', 'ed25519-sha256', 'pass'],
      ['todoke', 'rsa-sha256', 'pass'],
    ]);
    const changed = Buffer.from(message.toString().replace('Subject: Hello', 'Subject: Hullo'));
    for (const { status } of await verifyAll(changed)) expect(status.result).not.toBe('pass');
  });

  it('may be of one kind: the old and the new one while they change', async () => {
    const both = signerOf(
      { selector: 'todoke', privateKey: key.privateKey },
      { selector: 'todoke', privateKey: key.privateKey },
    );
    const results = await verifyAll(await send({ text: 'x' }, {}, undefined, both));
    expect(results.map(({ status }) => status.result)).toEqual(['pass', 'pass']);
  });
});

it.each([
  ['what is no private key', 'nonsense'],
  [
    'a key that DKIM does not know',
    generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    }).privateKey,
  ],
])('refuses %s', (_, privateKey) => {
  expect(() => signerOf({ selector: 's', privateKey })).toThrow();
});
