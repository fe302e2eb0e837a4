/** DKIM: what we sign, an independent verifier (mailauth) accepts, whatever the fields and the body; and nothing that was changed. */
import fc from 'fast-check';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileContent } from '../message/compile.ts';
import { canonicalizeHeaders, createDkimSigner, type DkimSigner, hashBody } from '../message/dkim.ts';
import { dkimRecordValue, generateDkimKey } from '../message/dkim-keys.ts';
import { ByteWriter } from '../message/encode.ts';
import { renderMessage, writeSigned } from '../message/render.ts';
import { createTokenKey } from '../message/token.ts';

let signer: DkimSigner;
let records: Map<string, string>;
beforeAll(async () => {
  const rsa = await generateDkimKey();
  const edwards = await generateDkimKey('ed25519');
  records = new Map([
    ['rsa._domainkey.example.jp', dkimRecordValue(rsa.publicKey)],
    ['ed._domainkey.example.jp', dkimRecordValue(edwards.publicKey, 'ed25519')],
  ]);
  signer = createDkimSigner({
    domain: 'example.jp',
    keys: [
      { selector: 'rsa', privateKey: rsa.privateKey },
      { selector: 'ed', privateKey: edwards.privateKey },
    ],
  });
});

/** The verdict on each signature, from the top. */
async function verify(message: Buffer): Promise<string[]> {
  const resolver = async (name: string, type: string) => {
    const record = type === 'TXT' ? records.get(name) : undefined;
    if (record !== undefined) return [[record]];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  const { results } = await dkimVerify(message, { resolver });
  return results.map(({ status }) => status.result);
}

const WHITE = ['', ' ', '  ', '\t', ' \t ', '\r\n ', '\r\n\t', ' \r\n  '];
const words = fc.array(
  fc.tuple(
    fc.constantFrom(...WHITE),
    fc.constantFrom('a', 'B', ':', ';', '=', '=?UTF-8?B?5bGK?=', 'b=', 'x'.repeat(80)),
  ),
  { maxLength: 8 },
);
/** A field's value whose lines are none of them empty, which RFC 5322 §3.2.2 forbids to make. */
const value = fc
  .tuple(words, fc.constantFrom('', ' ', '\t'))
  .map(
    ([parts, tail]) => parts.map(([white, word]) => white + word).join('') + (parts.length > 0 ? tail : ''),
  );
const name = fc.constantFrom(
  ...['Subject', 'SUBJECT', 'To', 'Date', 'Message-ID', 'Reply-To', 'List-Id', 'MIME-Version', 'References'],
  ...['X-Unsigned', 'Received', 'Content-Type', 'From '],
);
const fields = fc
  .array(fc.tuple(name, value), { maxLength: 10 })
  .map((all) => [['From', ' news@example.jp'] as [string, string], ...all]);
const body = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a',
        'Bc',
        ' ',
        '  ',
        '\t',
        '.',
        '=',
        '\r\n',
        '\r\n\r\n',
        ' \r\n',
        '\t\r\n',
        '届け',
        '\0',
      ),
      fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, '')),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.from(parts.join('')));

function signed(all: readonly (readonly [string, string])[], content: Buffer): Buffer {
  const headers = all.map(([field, text]) => `${field}:${text}\r\n`).join('');
  const signatures = signer.sign(canonicalizeHeaders(headers), hashBody(content));
  return Buffer.concat([Buffer.from(`${signatures}${headers}\r\n`), content]);
}

describe('any fields and any body', () => {
  it('pass with both keys', async () => {
    await fc.assert(
      fc.asyncProperty(fields, body, async (all, content) => {
        expect(await verify(signed(all, content))).toEqual(['pass', 'pass']);
      }),
      { numRuns: 200 },
    );
  });

  it('pass still when white space changes as relaxed allows, and fail when anything else does', async () => {
    await fc.assert(
      fc.asyncProperty(fields, body, async (all, content) => {
        const message = signed(all, content).toString('latin1');
        const head = message.slice(0, message.length - content.length);
        const text = content.toString('latin1');
        const twin = `${text.replace(/[ \t]+/g, '\t  ')}\r\n\r\n`;
        expect(await verify(Buffer.from(head + twin, 'latin1'))).toEqual(['pass', 'pass']);
        const more = `${head}${text}\r\none more line\r\n`;
        expect(await verify(Buffer.from(more, 'latin1'))).toEqual(['neutral', 'neutral']);
        const forged = message.replace('From: news@', 'From: mews@');
        expect(await verify(Buffer.from(forged, 'latin1'))).toEqual(['fail', 'fail']);
      }),
      { numRuns: 100 },
    );
  });
});

it('whatever an author writes and a recipient is called', async () => {
  const text = fc
    .array(
      fc.constantFrom(
        'a',
        ' ',
        '  ',
        '\t',
        '\n',
        '\r',
        '\r\n',
        '.',
        '届け',
        '😀',
        '<b>',
        '&',
        '{{ name }}',
        '=',
        'From ',
      ),
      {
        maxLength: 40,
      },
    )
    .map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(text, text, text, text, async (subject, html, plain, person) => {
      const result = compileContent({
        from: { name: subject.replaceAll('{{ name }}', ''), address: 'news@example.jp' },
        subject,
        html: `<p>${html}</p>`,
        text: plain,
        track: { opens: true, clicks: true },
        list: { id: 'news', name: person || 'News' },
      });
      if (!result.ok) throw new Error(JSON.stringify(result.errors));
      const context = {
        jobId: 1,
        publicUrl: 'https://t.example.jp',
        tokenKey: createTokenKey(),
        domain: { returnPathDomain: 'b.example.jp' },
      };
      const row = { deliveryId: 2, subscriberId: 3, listId: 4, address: 'taro@example.com', createdAt: 0 };
      const out = new ByteWriter();
      writeSigned(out, renderMessage(result.content, context, { ...row, merge: { name: person } }), signer);
      const message = out.copy();
      expect(await verify(message)).toEqual(['pass', 'pass']);
      expect(message.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    }),
    { numRuns: 150 },
  );
});
