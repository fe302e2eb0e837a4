/** Mail that another program made: what leaves is what it wrote, in 7 bits, without what nobody else may see. */
import fc from 'fast-check';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { type ParsedMail, simpleParser } from 'mailparser';
import { createTransport } from 'nodemailer';
import { describe, expect, it } from 'vitest';
import { createDkimSigner } from '../message/dkim.ts';
import { dkimRecordValue, generateDkimKey } from '../message/dkim-keys.ts';
import { ByteWriter } from '../message/encode.ts';
import { compileRaw, type RawOptions } from '../message/raw/compile-raw.ts';
import { renderMessage, writeSigned } from '../message/render.ts';
import { createTokenKey, verifyToken } from '../message/token.ts';

const tokenKey = createTokenKey();
const UNTRACKED = { track: { opens: false, clicks: false } };
const TRACKED = { track: { opens: true, clicks: true } };
const key = await generateDkimKey();
const signer = createDkimSigner({
  domain: 'example.jp',
  keys: [{ selector: 'todoke', privateKey: key.privateKey }],
});

function leave(raw: Buffer | string, options: RawOptions = UNTRACKED): Buffer {
  const compiled = compileRaw(typeof raw === 'string' ? Buffer.from(raw) : raw, options);
  if (!compiled.ok) throw new Error(compiled.problem.message);
  const rendered = renderMessage(
    compiled.mail.content,
    { jobId: 3, publicUrl: 'https://t.example.jp', tokenKey, domain: { returnPathDomain: 'b.example.jp' } },
    {
      deliveryId: 5,
      subscriberId: 0,
      listId: 0,
      address: 'taro@example.com',
      merge: {},
      createdAt: 1_795_000_000_000,
    },
  );
  const out = new ByteWriter();
  writeSigned(out, rendered, signer);
  return out.copy();
}
const problem = (raw: string | Buffer) => {
  const compiled = compileRaw(Buffer.from(raw), UNTRACKED);
  return compiled.ok ? undefined : compiled.problem;
};
/** Without the DKIM-Signature on top. */
const unsigned = (mail: Buffer): string =>
  mail.toString('latin1').replace(/^DKIM-Signature:(?:.*\r\n[ \t])*.*\r\n/, '');
const simple = (fields: string, body = 'Hello\r\n'): string => `From: a@example.jp\r\n${fields}\r\n${body}`;

async function made(mail: object): Promise<Buffer> {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
  return (await transport.sendMail({ from: 'a@example.jp', ...mail })).message as Buffer;
}
const shown = ({ subject, text, html, from, to, attachments }: ParsedMail) => ({
  subject,
  text,
  html,
  from: from?.text,
  to,
  attachments: attachments.map(({ filename, contentType, content, cid }) => [
    filename,
    contentType,
    content.toString('hex'),
    cid,
  ]),
});

describe('what is kept', () => {
  it('leaves a 7-bit mail byte for byte, in its order', () => {
    const mail = [
      'Received: from app by mail; Tue, 24 Nov 2026 10:00:00 +0900',
      'Subject: Hello',
      'X-Thing:  two  spaces',
      'From: "Tanaka, T." <a@example.jp>',
      'Date: Tue, 24 Nov 2026 10:00:00 +0900',
      'Message-ID: <one@app.example.jp>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="x y"',
      '',
      'This is for old programs',
      '--x y',
      '',
      'Text  with   spaces \t',
      '--x y',
      'Content-Type: multipart/alternative; boundary=x',
      '',
      '--x',
      'Content-Type: text/html',
      '',
      '<p>{{ name }}</p>',
      '--x--',
      '',
      '--x y--',
      'epilogue',
      '',
    ].join('\r\n');
    // An epilogue is for nobody (RFC 2046 §5.1.1).
    expect(unsigned(leave(mail))).toBe(mail.replace('epilogue\r\n', ''));
  });

  it('adds Date, Message-ID and MIME-Version only where they are missing', () => {
    const text = unsigned(leave(simple('Content-Type: text/plain\r\n')));
    expect(text).toMatch(
      /\r\nMIME-Version: 1\.0\r\nDate: Wed, 18 Nov 2026 .*\r\nMessage-ID: <[^>]+@example\.jp>\r\n\r\nHello\r\n$/,
    );
    expect(
      leave(simple('Message-ID: <x@y>\r\nDate: now\r\n'))
        .toString()
        .match(/Message-ID|Date:/g),
    ).toHaveLength(2);
  });

  it.each([
    'Bcc: secret@example.com',
    'BCC:\r\n secret@example.com',
    'Resent-Bcc: secret@x',
    'Return-Path: <secret@x>',
    'X-Todoke-Pool: secret',
  ])('drops %j', (field) => {
    expect(leave(simple(`${field}\r\nSubject: s\r\n`)).toString()).not.toContain('secret');
  });

  it('makes CRLF of bare CR and LF, which could smuggle a second mail', () => {
    const text = unsigned(leave('From: a@example.jp\nSubject: s\n\none\n.\ntwo\rthree\n'));
    expect(text).toMatch(/\r\n\r\none\r\n\.\r\ntwo\r\nthree\r\n$/);
  });
});

describe('what becomes 7-bit', () => {
  it.each([
    ['utf-8', Buffer.from('日本語です。\r\n')],
    ['shift_jis', Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x0d, 0x0a])],
  ])('8-bit text in %s arrives as it was', async (charset, body) => {
    const head = `From: a@example.jp\r\nContent-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n`;
    const mail = Buffer.concat([Buffer.from(head), body]);
    const left = leave(mail);
    expect(left.every((byte) => byte < 0x80)).toBe(true);
    expect((await simpleParser(left)).text).toBe((await simpleParser(mail)).text);
  });

  it('long lines and binary parts are base64, the rest of the tree stays', async () => {
    const long = 'x'.repeat(5000);
    const mail = Buffer.concat([
      Buffer.from(
        `From: a@example.jp\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n--b\r\n\r\n${long}\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n`,
      ),
      Buffer.from([0, 255, 13, 10, 254]),
      Buffer.from('\r\n--b\r\nContent-Type: text/plain\r\n\r\nshort\r\n--b--\r\n'),
    ]);
    const left = leave(mail);
    expect(
      Math.max(
        ...left
          .toString('latin1')
          .split('\r\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(998);
    const parsed = await simpleParser(left);
    expect(parsed.text).toContain(`${long}\n`);
    expect(parsed.text).toContain('short');
    expect(parsed.attachments[0]!.content).toEqual(Buffer.from([0, 255, 13, 10, 254]));
  });

  it('a forwarded mail in 8 bits is converted inside, as RFC 2046 allows no other way', async () => {
    const inner =
      'Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n中身\r\n';
    const left = leave(simple('Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n', inner));
    expect(left.every((byte) => byte < 0x80)).toBe(true);
    expect(left.toString()).toContain(Buffer.from('中身\r\n').toString('base64'));
  });

  it.each([
    ['Subject: 日本語の件名', 'subject', '日本語の件名'],
    ['To: "山田, 太郎" <t@example.com>', 'to', '"山田, 太郎" <t@example.com>'],
    ['To: 山田 太郎 <t@example.com>, u@example.com', 'to', '"山田 太郎" <t@example.com>, u@example.com'],
  ])('%s in 8 bits', async (field, name, text) => {
    const parsed = await simpleParser(leave(simple(`${field}\r\n`)));
    const value = parsed[name as 'subject' | 'to'];
    expect(typeof value === 'string' ? value : (value as { text: string }).text).toBe(text);
  });

  it('file names in 8 bits', async () => {
    const body =
      '--b\r\nContent-Type: application/pdf; name="請求書.pdf"\r\nContent-Disposition: attachment; filename="請求書.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n';
    const left = leave(simple('Content-Type: multipart/mixed; boundary=b\r\n', body));
    expect(left.every((byte) => byte < 0x80)).toBe(true);
    expect((await simpleParser(left)).attachments[0]!.filename).toBe('請求書.pdf');
  });
});

describe('what is refused', () => {
  it.each([
    ['Subject: s\r\n\r\nHello\r\n', { code: 'from-missing', field: 'From' }],
    ['From: a@example.jp\r\nFrom: b@example.jp\r\n\r\nx', { code: 'from-several' }],
    ['From: a@example.jp, b@example.jp\r\n\r\nx', { code: 'from-address' }],
    ['From: nobody\r\n\r\nx', { code: 'from-address', message: expect.stringContaining('nobody') }],
    [
      simple('To: 太郎@example.com\r\n'),
      { code: 'header-8bit-address', field: 'To', message: expect.stringContaining('太郎@example.com') },
    ],
    [simple(`References: <${'x'.repeat(1200)}>\r\n`), { code: 'header-line-too-long', field: 'References' }],
    [simple('Content-Type: multipart/mixed; boundary=nowhere\r\n', '日本\r\n'), { code: 'broken' }],
    [
      simple('Content-Type: multipart/signed; boundary=b\r\n', '--b\r\n\r\n日本\r\n--b--\r\n'),
      { code: 'signed-not-7bit' },
    ],
    [
      simple('Content-Type: multipart/mixed; boundary=b\r\n', '--b\r\n\r\nx\r\n'.repeat(1500)),
      { code: 'too-many-parts' },
    ],
  ])('%.40j', (mail, expected) => {
    expect(problem(mail)).toMatchObject(expected);
  });

  it('parts nested without end', () => {
    let body = 'x';
    for (let n = 0; n < 100; n += 1)
      body = `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n${body}\r\n--b${n}--\r\n`;
    expect(problem(`From: a@example.jp\r\n${body}`)).toMatchObject({ code: 'too-deep' });
  });

  it('nothing that is signed is touched', () => {
    const signed =
      '--b\r\nContent-Type: text/html\r\n\r\n<a href="https://x.example/">x</a>\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nAA\r\n--b--\r\n';
    const mail = simple('Content-Type: multipart/signed; boundary=b\r\n', signed);
    expect(leave(mail, TRACKED).toString()).toContain(signed);
  });
});

describe('tracking', () => {
  const link = async (mail: Buffer) => {
    const html = (await simpleParser(mail)).html as string;
    return { html, url: /href="([^"]+)"/.exec(html)![1]! };
  };

  it.each(['utf-8', 'iso-2022-jp'])(
    'rewrites the links of the HTML part in %s and adds a pixel',
    async (charset) => {
      const bytes =
        charset === 'utf-8'
          ? Buffer.from('日本')
          : Buffer.from([0x1b, 0x24, 0x42, 0x46, 0x7c, 0x4b, 0x5c, 0x1b, 0x28, 0x42]);
      const mail = Buffer.concat([
        Buffer.from(
          `From: a@example.jp\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain https://x.example/\r\n--b\r\nContent-Type: text/html; charset=${charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>{{ `,
        ),
        bytes,
        Buffer.from(' {% x %}</p><a href="https://x.example/?a=1&amp;b=2">x</a>\r\n--b--\r\n'),
      ]);
      const { html, url } = await link(leave(mail, TRACKED));
      expect(html).toContain('<p>{{ 日本 {% x %}</p>');
      expect(html).toContain('<img src="https://t.example.jp/o/');
      const token = url.replace('https://t.example.jp/c/', '');
      expect(verifyToken(tokenKey, 'click', token)).toMatchObject({ jobId: 3, deliveryId: 5, link: 0 });
      const compiled = compileRaw(mail, TRACKED);
      expect(compiled.ok && compiled.mail.content.links).toEqual([
        { index: 0, url: 'https://x.example/?a=1&b=2', text: 'x' },
      ]);
      expect((await simpleParser(leave(mail, TRACKED))).text).toContain('plain https://x.example/');
    },
  );

  it('an HTML file that is attached is no mail', async () => {
    const mail = await made({
      text: 'x',
      attachments: [{ filename: 'a.html', content: '<a href="https://x.example/">x</a>' }],
    });
    expect(unsigned(leave(mail, TRACKED))).toContain(
      Buffer.from('<a href="https://x.example/">x</a>').toString('base64'),
    );
  });
});

it('the signature holds, whatever white space the body has', async () => {
  const mails = [
    simple('Subject: a  b\r\n', 'two  spaces \t\r\n\r\n\r\n'),
    simple('', ''),
    simple('', '.dot\r\n..\r\nno end'),
    simple('Content-Type: text/plain; charset=utf-8\r\n', '日本\r\n\r\n'),
  ];
  const resolver = async (name: string, type: string) => {
    if (type === 'TXT' && name === 'todoke._domainkey.example.jp') return [[dkimRecordValue(key.publicKey)]];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  for (const mail of mails) {
    const { results } = await dkimVerify(leave(mail), { resolver });
    expect(results[0]?.status).toMatchObject({ result: 'pass', aligned: 'example.jp' });
  }
});

describe('for any mail', () => {
  const word = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
    .map((text) => text.replace(/[\r\n\0]/g, ''));
  it('of nodemailer, the reader sees the same', async () => {
    const mail = fc.record({
      subject: word,
      text: fc.array(word).map((lines) => lines.join('\n')),
      html: fc.option(
        word.map((text) => `<p>${text}</p>`),
        { nil: undefined },
      ),
      textEncoding: fc.constantFrom('quoted-printable', 'base64'),
      attachments: fc.array(
        fc.record({
          filename: fc.constantFrom('a.bin', '表.xls'),
          content: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        }),
        { maxLength: 2 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(mail, async (fields) => {
        const original = await made(fields);
        expect(shown(await simpleParser(leave(original)))).toEqual(shown(await simpleParser(original)));
      }),
      { numRuns: 60 },
    );
  });

  it('of broken bytes, it is refused or leaves in 7 bits', async () => {
    const original = await made({
      subject: '件名',
      text: '本文',
      html: '<p>本文</p>',
      attachments: [{ filename: 'a.bin', content: Buffer.alloc(2000, 200) }],
    });
    const cuts = fc.array(
      fc.record({ at: fc.nat(original.length), bytes: fc.uint8Array({ maxLength: 12 }), drop: fc.nat(40) }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(cuts, fc.boolean(), (edits, tracked) => {
        let mail = original;
        for (const { at, bytes, drop } of edits)
          mail = Buffer.concat([mail.subarray(0, at), bytes, mail.subarray(at + drop)]);
        const compiled = compileRaw(mail, tracked ? TRACKED : UNTRACKED);
        if (!compiled.ok) return;
        const left = leave(mail, tracked ? TRACKED : UNTRACKED);
        expect(left.every((byte) => byte > 0 && byte < 0x80)).toBe(true);
        expect(left.toString('latin1')).not.toMatch(/(?<!\r)\n|\r(?!\n)/);
      }),
      { numRuns: 500 },
    );
  });
});
