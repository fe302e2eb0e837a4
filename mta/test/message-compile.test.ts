import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { compileContent } from '../message/compile.ts';
import { renderPreview } from '../message/preview.ts';
import type { RenderContext } from '../message/render.ts';
import { renderMessage } from '../message/render.ts';
import { textFromHtml } from '../message/text.ts';
import { createTokenKey, verifyClickUrl, verifyToken } from '../message/token.ts';
import type { ContentSource, MergeValues } from '../types.ts';

const context: RenderContext = {
  jobId: 12,
  publicUrl: 'https://t.example.jp',
  tokenKey: createTokenKey(),
  domain: { returnPathDomain: 'bounce.example.jp' },
};
const claims = { jobId: 12, deliveryId: 34, subscriberId: 56, listId: 7 };

function compile(source: Partial<ContentSource>) {
  const result = compileContent({
    from: { name: '届け', address: 'news@example.jp' },
    subject: 'Hi',
    track: { opens: true, clicks: true },
    ...source,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.content;
}

function errorsOf(source: Partial<ContentSource>) {
  const result = compileContent({
    from: { name: '', address: 'news@example.jp' },
    subject: 'Hi',
    text: 'x',
    track: { opens: true, clicks: true },
    ...source,
  });
  return result.ok ? [] : result.errors;
}

function render(source: Partial<ContentSource>, merge: MergeValues = {}) {
  const { deliveryId, subscriberId, listId } = claims;
  const row = {
    deliveryId,
    subscriberId,
    listId,
    address: 'taro@example.com',
    merge,
    createdAt: Date.UTC(2026, 10, 24),
  };
  return renderMessage(compile(source), context, row);
}

async function parse(source: Partial<ContentSource>, merge: MergeValues = {}) {
  const { headers, body } = render(source, merge);
  const mail = await simpleParser(Buffer.concat([Buffer.from(`${headers}\r\n`), body]), {
    skipTextToHtml: true,
    skipImageLinks: true,
  });
  return {
    mail,
    html: (mail.html || '').trimEnd(),
    text: (mail.text ?? '').trimEnd(),
    raw: `${headers}\r\n${body}`,
  };
}

describe('links', () => {
  const track = { opens: false, clicks: true };

  it('are replaced in place; the rest of the HTML stays byte for byte', async () => {
    const html =
      '<!DOCTYPE html>\n<HTML><body  class=x>\n<!-- <a href="https://comment.example/"> -->\n' +
      '<a class="b" href="https://a.example/?x=1&amp;y=2"  >A &amp; <b>B</b>\u3000😀</a>' +
      "<A HREF='http://b.example/'><img alt='写真' src=\"https://img.example/1.png\"></A>" +
      '<a href=https://c.example/>c</a><area href="https://d.example/"><p>unclosed<br/>' +
      '<a href="mailto:x@example.jp">m</a><a href="tel:0312345678">t</a><a href="#top">u</a><a href="/rel">r</a>' +
      '<a href="{{ unsubscribe_url }}">u</a><a name="n">n</a><a href="https://">bad</a></body>\n</html>';
    const { content, html: out } = {
      content: compile({ html, track }),
      html: (await parse({ html, track })).html,
    };
    expect(content.links).toEqual([
      { index: 0, url: 'https://a.example/?x=1&y=2', text: 'A & B 😀' },
      { index: 1, url: 'http://b.example/', text: '写真' },
      { index: 2, url: 'https://c.example/', text: 'c' },
      { index: 3, url: 'https://d.example/', text: '' },
    ]);
    const tokens = [...out.matchAll(/https:\/\/t\.example\.jp\/c\/([\w.-]+)/g)].map((match) => match[1]!);
    expect(tokens.map((token) => verifyToken(context.tokenKey, 'click', token))).toEqual(
      [0, 1, 2, 3].map((link) => ({ ...claims, link })),
    );
    let restored = out;
    const sources = [
      'https://a.example/?x=1&amp;y=2',
      'http://b.example/',
      'https://c.example/',
      'https://d.example/',
    ];
    tokens.forEach((token, i) => {
      restored = restored.replace(`https://t.example.jp/c/${token}`, sources[i]!);
    });
    restored = restored.replace(/https:\/\/t\.example\.jp\/u\/[\w-]+/, '{{ unsubscribe_url }}');
    expect(restored).toBe(html);
  });

  it('with Liquid carry the signed URL of this recipient, whatever stands in it', async () => {
    const html =
      `<a href="https://a.example/{{ id }}?n={{ name | url_encode }}&amp;v=1">x</a>` +
      `<a href="{{ link | default: "https://b.example/" }}">y</a><a href="{{ mail }}">z</a>` +
      `{% if vip %}<a href="{% if vip == 'gold' %}https://g.example/{% else %}https://s.example/{% endif %}">v</a>{% endif %}`;
    expect(compile({ html, track }).links.map(({ url }) => url)).toEqual([
      'https://a.example/{{ id }}?n={{ name | url_encode }}&v=1',
      '{{ link | default: "https://b.example/" }}',
      '{{ mail }}',
      `{% if vip == 'gold' %}https://g.example/{% else %}https://s.example/{% endif %}`,
    ]);
    const { html: out } = await parse(
      { html, track },
      { id: 7, name: '山 田&', mail: 'mailto:"x"@example.jp', vip: 'gold' },
    );
    const urls = [...out.matchAll(/https:\/\/t\.example\.jp\/c\/([\w.-]+)\/([\w-]+)/g)].map((match) =>
      verifyClickUrl(context.tokenKey, match[1]!, match[2]!),
    );
    expect(urls).toEqual([
      { ...claims, link: 0, url: 'https://a.example/7?n=%E5%B1%B1+%E7%94%B0%26&v=1' },
      { ...claims, link: 1, url: 'https://b.example/' },
      { ...claims, link: 3, url: 'https://g.example/' },
    ]);
    // what is no web address stays as it is, escaped
    expect(out).toContain('<a href="mailto:&#34;x&#34;@example.jp">z</a>');
  });

  it('never lead to what a value smuggles in', async () => {
    const html = '<a href="{{ link }}">x</a>';
    for (const link of ['javascript:alert(1)', 'data:text/html,x', '"><script>', 'https://', '']) {
      const { html: out } = await parse({ html, track }, { link });
      expect(out).not.toContain('/c/');
      expect(out).not.toContain('<script>');
    }
  });

  it('for Outlook alone are counted as well', async () => {
    const html =
      'あ<!--[if mso]><v:roundrect href="https://a.example/{{ id }}"><center>予約 &amp; 相談</center></v:roundrect><![endif]-->' +
      '<!--[if !mso]><!--><a href="https://b.example/">予約</a><!--<![endif]--><!-- <a href="https://c.example/">c</a> -->';
    expect(compile({ html, track }).links).toEqual([
      { index: 0, url: 'https://a.example/{{ id }}', text: '予約 & 相談' },
      { index: 1, url: 'https://b.example/', text: '予約' },
    ]);
    const { html: out } = await parse({ html, track }, { id: 5 });
    expect(out.replace(/https:\/\/t\.example\.jp\/c\/[\w.-]+(\/[\w-]+)?/g, 'X')).toBe(
      html.replace('https://a.example/{{ id }}', 'X').replace('https://b.example/', 'X'),
    );
  });

  it('stay as typed inside raw and when clicks are not tracked', async () => {
    const raw = '{% raw %}<a href="https://a.example/">{{ x }}</a>{% endraw %}';
    expect((await parse({ html: raw, track })).html).toBe('<a href="https://a.example/">{{ x }}</a>');
    const html = '<a href="https://a.example/">x</a>';
    const untracked = { html, track: { opens: false, clicks: false } };
    expect((await parse(untracked)).html).toBe(html);
    expect(compile(untracked).links).toEqual([]);
  });
});

describe('the open pixel', () => {
  it.each([
    [
      '<html><body>x</body></html>',
      /^<html><body>x<img src="https:\/\/t\.example\.jp\/o\/([\w-]+)\.gif"[^>]*><\/body><\/html>$/,
    ],
    ['<html>x</html>', /^<html>x<img src="https:\/\/t\.example\.jp\/o\/([\w-]+)\.gif"[^>]*><\/html>$/],
    ['<p>x', /^<p>x<img src="https:\/\/t\.example\.jp\/o\/([\w-]+)\.gif"[^>]*>$/],
    [
      '<body><!-- </body> -->y</BODY>',
      /^<body><!-- <\/body> -->y<img src="https:\/\/t\.example\.jp\/o\/([\w-]+)\.gif"[^>]*><\/BODY>$/,
    ],
  ])('of %s', async (html, pattern) => {
    const { html: out } = await parse({ html });
    expect(verifyToken(context.tokenKey, 'open', pattern.exec(out)?.[1] ?? '')).toEqual({
      ...claims,
      link: -1,
    });
    expect((await parse({ html, track: { opens: false, clicks: true } })).html).toBe(html);
  });
});

describe('nobody gets bulk mail without a way out', () => {
  const list = { id: 'list-7', name: 'お知らせ' };
  const url = /https:\/\/t\.example\.jp\/u\/([\w-]+)/g;
  const count = (text: string) => [...text.matchAll(url)].length;

  it('each part without the link gets a footer with it', async () => {
    const { html, text } = await parse({ html: '<body>x</body>', list });
    expect(html).toMatch(
      /x<div[^>]*><a href="https:\/\/t\.example\.jp\/u\/[\w-]+"[^>]*>配信停止 \/ Unsubscribe<\/a><\/div><img[^>]*><\/body>/,
    );
    expect(text).toMatch(/^x\n\n----\n配信停止 \/ Unsubscribe:\nhttps:\/\/t\.example\.jp\/u\/[\w-]+$/);
    expect(verifyToken(context.tokenKey, 'unsubscribe', [...text.matchAll(url)][0]![1]!)).toEqual({
      ...claims,
      link: -1,
    });
  });

  it('a part that has the link is left alone', async () => {
    const { html, text } = await parse({
      html: '<a href="{{ unsubscribe_url }}">out</a>',
      text: 'out: {{ unsubscribe_url }}',
      list,
    });
    expect([count(html), count(text)]).toEqual([1, 1]);
    expect(html + text).not.toContain('配信停止');
  });

  it.each([
    ['an HTML comment', '<!-- {{ unsubscribe_url }} -->'],
    ['a Liquid comment', '{% comment %}{{ unsubscribe_url }}{% endcomment %}'],
    ['raw', '{% raw %}{{ unsubscribe_url }}{% endraw %}'],
    ['a condition that is not met', '{% if vip %}<a href="{{ unsubscribe_url }}">out</a>{% endif %}'],
  ])('a link in %s is none', async (_, html) => {
    const out = await parse({ html: `<body>x${html}</body>`, list });
    expect(out.html.replace(/<!--.*?-->/g, '')).toMatch(/配信停止 \/ Unsubscribe<\/a><\/div>.*<\/body>/);
    expect(out.text).toContain('https://t.example.jp/u/');
    expect(renderPreview(compile({ html: `<body>x${html}</body>`, list }), {}).html).toContain('配信停止');
  });

  it('braces in a value do no harm to the footer', async () => {
    const html = '<body>{% if vip %}{{ unsubscribe_url }}{% endif %}{{ name }}</body>';
    const { html: out } = await parse({ html, list }, { name: '{{ {% if {{' });
    expect(out).toMatch(/^<body>\{\{ \{% if \{\{<img[^>]*><div.*配信停止/);
  });

  it('a condition that is met needs no footer', async () => {
    const { html } = await parse(
      { html: '{% if vip %}<a href="{{ unsubscribe_url }}">out</a>{% endif %}', list },
      { vip: true },
    );
    expect(count(html)).toBe(1);
  });

  it('mail to one person has no footer', async () => {
    expect((await parse({ text: 'Your order', html: '<p>Your order</p>' })).raw).not.toContain('Unsubscribe');
  });
});

describe('text made from HTML', () => {
  it.each([
    ['<style>p{}</style><h1>お知らせ</h1><p>A &amp; B<br>C</p>', 'お知らせ\n\nA & B\nC'],
    ['<p>Hi {{ name | default: "お客様" }}</p>', 'Hi {{ name | default: "お客様" }}'],
    ['<a href="https://a.example/?a=1&amp;b={{ id }}">見る</a>', '見る <https://a.example/?a=1&b={{ id }}>'],
    ['<a href="https://a.example/">https://a.example/</a>', 'https://a.example/'],
    [
      '{% if vip %}<p>V</p>{% else %}<p>N</p>{% endif %}',
      '{% if vip %}\n\nV\n\n{% else %}\n\nN\n\n{% endif %}',
    ],
    // a tag whose partner is lost with the style element is dropped
    ['<style>{% if a %}</style><p>x{{ b }}{% endif %}</p>', 'x{{ b }}'],
    // braces that the author typed as text stay text
    ['<p>&#123;&#123; x }}</p>', '{{ "{{" }} x }}'],
    ['{% raw %}<p>{{ x }}</p>{% endraw %}', '{{ "{{" }} x }}'],
    ['<img alt="x" src="y">', ''],
  ])('%s', (html, text) => {
    expect(textFromHtml(html)).toBe(text);
  });

  it('is used when the text is empty or blank', async () => {
    expect((await parse({ html: '<p>x {{ name }}</p>', text: ' \n' }, { name: 'T' })).text).toBe('x T');
    expect((await parse({ html: '<p>x</p>', text: 'own' })).text).toBe('own');
  });
});

describe('MIME', () => {
  const pdf = {
    filename: '案内.pdf',
    contentType: 'application/pdf',
    content: Buffer.from('%PDF').toString('base64'),
  };
  const logo = {
    filename: 'logo.png',
    contentType: 'image/png',
    content: Buffer.alloc(100, 7).toString('base64'),
    cid: 'logo@example.jp',
  };
  const types = (raw: string) => [...raw.matchAll(/^Content-Type: ([\w/]+)/gm)].map((match) => match[1]);

  it.each([
    [{ text: 'x' }, ['text/plain']],
    [{ html: '<img src="x">' }, ['text/html']],
    [{ html: '<p>x</p>' }, ['multipart/alternative', 'text/plain', 'text/html']],
    [{ text: 'x', attachments: [pdf] }, ['multipart/mixed', 'text/plain', 'application/pdf']],
    [
      { html: '<img src="cid:logo@example.jp">x', attachments: [logo, pdf] },
      [
        'multipart/mixed',
        'multipart/alternative',
        'text/plain',
        'multipart/related',
        'text/html',
        'image/png',
        'application/pdf',
      ],
    ],
  ])('%#', async (source, expected) => {
    const { mail, raw } = await parse(source);
    expect(types(raw)).toEqual(expected);
    expect(mail.attachments.map(({ filename }) => filename).sort()).toEqual(
      ('attachments' in source ? source.attachments : []).map(({ filename }) => filename).sort(),
    );
  });

  it('attachments arrive whole, and their bytes are the same for all recipients', async () => {
    const { mail } = await parse({ html: '<img src="cid:logo@example.jp">', attachments: [logo, pdf] });
    const image = mail.attachments.find(({ cid }) => cid === 'logo@example.jp');
    expect(image?.content).toEqual(Buffer.alloc(100, 7));
    expect(image?.related).toBe(true);
    expect(mail.attachments.find(({ filename }) => filename === '案内.pdf')?.content.toString()).toBe('%PDF');
  });

  it('is 7-bit with CRLF and short lines, whatever the author and the values bring', async () => {
    const nasty = 'a\nb\rc\r\n.\r\n..届け'.repeat(30);
    const { raw, text } = await parse(
      { subject: '{{ x }}', html: `<p>${nasty}{{ x }}</p>`, text: `${nasty}{{ x }}` },
      { x: `\r\n.\r\n\n${nasty}` },
    );
    expect(raw).toMatch(/^[\x20-\x7e\r\n]*$/);
    expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    for (const line of raw.split('\r\n')) {
      expect(line.length).toBeLessThanOrEqual(78);
      expect(line.startsWith('.')).toBe(false);
    }
    expect(text.split('\n')).toContain('b');
  });
});

describe('errors name field, line and column', () => {
  it.each<[Partial<ContentSource>, object]>([
    [
      { subject: '{{ name | nope }}' },
      { field: 'subject', line: 1, column: 11, message: 'undefined filter: nope' },
    ],
    [
      { html: '<p>\r\n{% if a %}' },
      { field: 'html', line: 2, column: 1, message: 'tag {% if a %} not closed' },
    ],
    [{ text: 'あ\n {{ x' }, { field: 'text', line: 2, column: 2, message: 'output "{{ x" not closed' }],
    [
      { text: ' ', html: '' },
      { field: 'html', line: 1, column: 1, message: 'The mail has neither HTML nor text' },
    ],
    [{ from: { name: '', address: 'news' } }, { field: 'from', line: 1, column: 1 }],
    [
      { from: { name: '', address: '届け@example.jp' } },
      { field: 'from', message: 'The part before the @ must be ASCII' },
    ],
    [{ replyTo: 'a@b' }, { field: 'replyTo' }],
    [
      { headers: { 'X-A': 'b\r\nBcc: c@example.jp' } },
      { field: 'headers', message: 'The value of X-A holds a line break' },
    ],
    [
      { headers: { Subject: 'x' } },
      { field: 'headers', message: 'Subject is written by Todoke and cannot be set' },
    ],
    [{ headers: { 'Content-Type': 'x' } }, { field: 'headers' }],
    [{ headers: { 'X A': 'x' } }, { field: 'headers', message: `"X A" is not a header field's name` }],
    [{ attachments: [{ filename: 'a', contentType: 'pdf', content: '' }] }, { field: 'attachments' }],
    [{ attachments: [{ filename: 'a', contentType: 'a/b\r\nX: y', content: '' }] }, { field: 'attachments' }],
    [{ attachments: [{ filename: 'a', contentType: 'a/b', content: '%%%' }] }, { field: 'attachments' }],
    [{ attachments: [{ filename: 'a\r\nX: y', contentType: 'a/b', content: '' }] }, { field: 'attachments' }],
    [
      { attachments: [{ filename: 'a', contentType: 'a/b', content: '', cid: 'x>\r\nX: y' }] },
      { field: 'attachments' },
    ],
  ])('%j', (source, expected) => {
    expect(errorsOf(source)).toEqual([expect.objectContaining(expected)]);
  });

  it('HTML nested beyond reason is an error, not a crash', () => {
    const tooDeep = [
      expect.objectContaining({
        field: 'html',
        line: 1,
        column: 1,
        message: 'The HTML is nested too deeply',
      }),
    ];
    expect(errorsOf({ text: '', html: '<div>'.repeat(20_000) })).toEqual(tooDeep);
    // with a text of its own nothing else looks at the nesting
    expect(errorsOf({ text: 'a', html: '<div>'.repeat(1100) })).toEqual(tooDeep);
    expect(errorsOf({ text: 'a', html: `${'<div>'.repeat(900)}a${'</div>'.repeat(900)}<p>b</p>` })).toEqual(
      [],
    );
  });

  it('all fields are checked at once', () => {
    const errors = errorsOf({
      subject: '{{',
      html: '{{',
      text: '{{',
      from: { name: '', address: '' },
      replyTo: 'x',
    });
    expect(errors.map(({ field }) => field).sort()).toEqual(['from', 'html', 'replyTo', 'subject', 'text']);
  });
});

it('lists the variables of all parts, without those that the MTA fills in', () => {
  const { variables } = compile({
    subject: '{{ name }} {{ email }}',
    html: '<a href="https://x.example/{{ code }}">{{ unsubscribe_url }}</a>{% for t in tags %}{{ t }}{% endfor %}',
    text: '{{ city | default: pref }}',
  });
  expect(variables).toEqual(['city', 'code', 'name', 'pref', 'tags']);
});
