import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { compileContent } from '../message/compile.ts';
import { canonicalizeHeaders } from '../message/dkim.ts';
import { ByteWriter } from '../message/encode.ts';
import { renderPreview } from '../message/preview.ts';
import {
  ContentRenderError,
  type RenderContext,
  type RenderRow,
  renderMessage,
  writeSigned,
} from '../message/render.ts';
import { createTokenKey, verifyToken } from '../message/token.ts';
import { parseVerp } from '../message/verp.ts';
import type { ContentSource } from '../types.ts';

const context: RenderContext = {
  jobId: 12,
  publicUrl: 'https://t.example.jp',
  tokenKey: createTokenKey(),
  domain: { returnPathDomain: 'bounce.example.jp' },
};
const claims = { jobId: 12, deliveryId: 34, subscriberId: 56, listId: 7 };
const row: RenderRow = {
  deliveryId: 34,
  subscriberId: 56,
  listId: 7,
  address: 'Taro@Example.com',
  merge: { name: '山田' },
  createdAt: Date.UTC(2026, 10, 24, 1, 2, 3),
};

function compile(source: Partial<ContentSource> = {}) {
  const result = compileContent({
    from: { name: '届け', address: 'news@example.jp' },
    subject: '{{ name }}様',
    text: 'Hello {{ name }}',
    track: { opens: true, clicks: true },
    ...source,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.content;
}

/** name: value of every field, unfolded, in order. */
const fieldsOf = (headers: string) =>
  headers
    .replaceAll('\r\n ', ' ')
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(/: ?(.*)/).slice(0, 2) as [string, string]);

describe('header fields', () => {
  it('of mail to one person', () => {
    const rendered = renderMessage(
      compile({ replyTo: 'desk@example.jp', headers: { 'X-Order': '届け 12' } }),
      context,
      row,
    );
    expect(rendered).toMatchObject({
      rcptTo: 'Taro@example.com',
      utf8: false,
      canonicalBody: true,
    });
    expect(fieldsOf(rendered.headers)).toEqual([
      ['Date', 'Tue, 24 Nov 2026 01:02:03 +0000'],
      ['From', '=?UTF-8?B?5bGK44GR?= <news@example.jp>'],
      ['To', 'Taro@example.com'],
      ['Reply-To', 'desk@example.jp'],
      ['Subject', '=?UTF-8?B?5bGx55Sw5qeY?='],
      ['Message-ID', expect.stringMatching(/^<c\.y\.[\w-]{11}@example\.jp>$/)],
      ['X-Order', '=?UTF-8?B?5bGK44GRIDEy?='],
      ['MIME-Version', '1.0'],
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['Content-Transfer-Encoding', 'quoted-printable'],
    ]);
  });

  it('of bulk mail: one-click unsubscribe by https and mailto, List-Id, Feedback-ID', () => {
    const content = compile({ list: { id: 'list-7', name: 'お知らせ' }, feedbackId: 'c:1\r\n2' });
    const fields = new Map(fieldsOf(renderMessage(content, { ...context, class: 'bulk' }, row).headers));
    const [, https, mailto] =
      /^<https:\/\/t\.example\.jp\/u\/([\w-]+)>, <mailto:(u-[a-z2-7-]+)@bounce\.example\.jp\?subject=unsubscribe>$/.exec(
        fields.get('List-Unsubscribe') ?? '',
      )!;
    expect(verifyToken(context.tokenKey, 'unsubscribe', https!)).toEqual({ ...claims, link: -1 });
    expect(parseVerp(context.tokenKey, mailto!)).toEqual({ kind: 'unsubscribe', ...claims });
    expect(fields.get('List-Unsubscribe-Post')).toBe('List-Unsubscribe=One-Click');
    expect(fields.get('List-Id')).toBe('=?UTF-8?B?44GK55+l44KJ44Gb?= <list-7.example.jp>');
    // Gmail: three ids and no more separators than ours
    expect(fields.get('Feedback-ID')).toMatch(/^c-1-2:bulk:tdk[0-9a-f]{9}$/);
    expect(fields.has('Auto-Submitted')).toBe(false);
  });

  it('a value cannot start a field', () => {
    const { headers } = renderMessage(compile(), context, {
      ...row,
      merge: { name: 'x\r\nBcc: y@example.jp\n\rz' },
    });
    expect(fieldsOf(headers).filter(([name]) => name === 'Bcc')).toEqual([]);
    expect(new Map(fieldsOf(headers)).get('Subject')).toMatch(/^=\?UTF-8/);
  });
});

describe('the envelope', () => {
  it('is signed and says which delivery it is', () => {
    const { mailFrom } = renderMessage(compile(), context, row);
    const [local, domain] = mailFrom.split('@') as [string, string];
    expect(domain).toBe('bounce.example.jp');
    expect(parseVerp(context.tokenKey, local)).toEqual({ kind: 'bounce', ...claims });
  });

  it('quotes old docomo addresses, and says when SMTPUTF8 is needed', () => {
    const to = (address: string) => renderMessage(compile(), context, { ...row, address });
    expect(to('a..b@docomo.ne.jp')).toMatchObject({ rcptTo: '"a..b"@docomo.ne.jp', utf8: false });
    expect(to('山田@日本語.jp')).toMatchObject({ rcptTo: '山田@xn--wgv71a119e.jp', utf8: true });
  });
});

it('a retry sends the same bytes, another recipient another Message-ID and other tokens', () => {
  const content = compile({ html: '<a href="https://example.jp/">x</a>' });
  const first = renderMessage(content, context, row);
  expect(renderMessage(compile({ html: '<a href="https://example.jp/">x</a>' }), context, row)).toEqual(
    first,
  );
  const other = renderMessage(content, context, { ...row, deliveryId: 35 });
  expect(new Map(fieldsOf(other.headers)).get('Message-ID')).not.toBe(
    new Map(fieldsOf(first.headers)).get('Message-ID'),
  );
  expect(other.body).not.toEqual(first.body);
});

it('messages do not share memory', () => {
  const content = compile();
  const first = renderMessage(content, context, row);
  const before = first.body.toString();
  renderMessage(content, context, { ...row, merge: { name: 'somebody else' } });
  expect(first.body.toString()).toBe(before);
});

it('an unsigned message is headers, an empty line and the body', () => {
  const rendered = renderMessage(compile(), context, row);
  const out = new ByteWriter();
  writeSigned(out, rendered, undefined);
  expect(out.copy().toString()).toBe(`${rendered.headers}\r\n${rendered.body}`);
});

it.each<[string, Partial<ContentSource>, Partial<RenderRow>]>([
  ['mail to one person', {}, {}],
  [
    'bulk mail',
    { list: { id: 'l', name: '毎週のお知らせと限定のご案内をお届けするリスト' }, feedbackId: 'c' },
    {},
  ],
  [
    'own fields, also those that are signed',
    {
      replyTo: 'desk@example.jp',
      headers: { 'X-A': 'a  b', References: '<a@b.c>  <d@e.f>', 'In-Reply-To': '<a@b.c>' },
    },
    {},
  ],
  ['a folded subject', { subject: `{{ name }} ${'word  and '.repeat(30)}` }, {}],
  ['no subject', { subject: '' }, {}],
  ['an address with blanks', {}, { address: '"a  b"@example.com' }],
])('what is signed of the fields of %s is their canonical form', (_, source, changes) => {
  const { headers, signed } = renderMessage(compile(source), context, { ...row, ...changes });
  expect(signed).toEqual(canonicalizeHeaders(headers));
});

it('sends old local parts as typed to domains that want it', () => {
  const raw = { ...context, rawLocalParts: new Set(['docomo.ne.jp']) };
  const to = (address: string) => renderMessage(compile(), raw, { ...row, address }).rcptTo;
  expect(to('a..b@docomo.ne.jp')).toBe('a..b@docomo.ne.jp');
  expect(to('a..b@example.jp')).toBe('"a..b"@example.jp');
});

describe('what only these values break', () => {
  it.each([
    [
      { html: '<p>ok</p>\n<a href="https://example.jp/">x</a>{% for i in (1..n) %}x{% endfor %}' },
      'html',
      2,
      36,
    ],
    [{ text: '\n {{ name | truncate: n | slice: n }}{% for i in (1..n) %}{% endfor %}' }, 'text', 2, 37],
    [{ subject: '{% for i in (1..n) %}{% endfor %}' }, 'subject', 1, 1],
  ])('is an error of its own kind with its place: %#', (source, field, line, column) => {
    const bad = { ...row, merge: { name: 'x', n: 1e9 } };
    const content = compile(source);
    expect(() => renderMessage(content, context, bad)).toThrow(ContentRenderError);
    expect(() => renderMessage(content, context, bad)).toThrow(
      expect.objectContaining({ field, problem: expect.objectContaining({ line, column }) }),
    );
    expect(() => renderPreview(content, bad.merge)).toThrow(
      expect.objectContaining({ field, problem: expect.objectContaining({ line, column }) }),
    );
    // and the next recipient's mail is whole
    expect(
      renderMessage(content, context, { ...row, merge: { name: 'x', n: 1 } }).body.length,
    ).toBeGreaterThan(0);
  });

  it('includes an address that is none', () => {
    expect(() => renderMessage(compile(), context, { ...row, address: 'x\r\n@example.jp' })).toThrow(
      expect.objectContaining({ name: 'ContentRenderError', field: 'recipient' }),
    );
  });
});

describe('preview', () => {
  it('shows what the author wrote with this person’s values: no tokens, no pixel', () => {
    const html = '<body><a href="https://example.jp/?a=1&amp;n={{ name }}">{{ name }}</a></body>';
    const content = compile({ html, text: '', list: { id: 'l', name: '' } });
    const preview = renderPreview(
      content,
      { name: '<山田>' },
      { unsubscribeUrl: 'https://t.example.jp/u/preview' },
    );
    expect(preview.subject).toBe('<山田>様');
    expect(preview.html).toMatch(
      /^<body><a href="https:\/\/example\.jp\/\?a=1&amp;n=&lt;山田&gt;">&lt;山田&gt;<\/a><div[\s\S]*https:\/\/t\.example\.jp\/u\/preview[\s\S]*<\/body>$/,
    );
    expect(preview.text).toContain('<山田> <https://example.jp/?a=1&n=<山田>>');
    expect(preview.html + preview.text).not.toMatch(/\/c\/|\/o\/|todoke_/);
  });

  it('tells the size on the wire', async () => {
    const content = compile({ html: '<p>x</p>'.repeat(500) });
    const { headers, body } = renderMessage(content, context, row);
    const { size } = renderPreview(content, row.merge);
    expect(Math.abs(size - headers.length - body.length)).toBeLessThan(100);
    expect((await simpleParser(body)).text).toBeTruthy();
  });
});
