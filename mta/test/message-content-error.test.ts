/** Every code that a content can be refused with, and the content that causes it. */
import { describe, expect, it } from 'vitest';
import { compileContent } from '../message/compile.ts';
import { renderPreview } from '../message/preview.ts';
import { ContentRenderError } from '../message/render.ts';
import { CONTENT_ERRORS, type ContentError, type ContentErrorCode, type ContentSource } from '../types.ts';

type Case = [
  code: ContentErrorCode,
  source: Partial<ContentSource>,
  line: number,
  column: number,
  value: string,
];
const html = (source: string): Partial<ContentSource> => ({ html: source });
const from = (address: string): Partial<ContentSource> => ({ from: { name: '', address } });
const attached = (change: object): Partial<ContentSource> => ({
  attachments: [{ filename: 'a.pdf', contentType: 'application/pdf', content: '', ...change }],
});

const CASES: Case[] = [
  ['filter-unknown', html('<p>\n  {{ name | nope }}'), 2, 13, 'nope'],
  ['filter-unknown', html('{% assign a = b | nope %}'), 1, 19, 'nope'],
  ['filter-syntax', html('{{ name | default "x" }}'), 1, 19, '{{ name | default "x" }}'],
  ['filter-syntax', html('{{ a | : }}'), 1, 8, '{{ a | : }}'],
  ['filter-syntax', html('{{ a | default: "x" y }}'), 1, 21, '{{ a | default: "x" y }}'],
  ['tag-unknown', html('あ\n{% include "x" %}'), 2, 1, 'include'],
  ['tag-unopened', html('{% if a %}{% endfor %}'), 1, 11, 'endfor'],
  ['tag-unopened', html('{% else %}'), 1, 1, 'else'],
  ['tag-unclosed', html('x\n {% if a %}'), 2, 2, '{% if a %}'],
  ['tag-unclosed', html('x{% raw %}y'), 1, 2, '{% raw %}'],
  ['tag-unclosed', html('{% comment %}x'), 1, 1, '{% comment %}'],
  ['tag-incomplete', html('x{% if a'), 1, 2, '{% if a'],
  ['tag-incomplete', html('{% if a }x{% endif %}'), 1, 1, '{% if a }x'],
  ['tag-name-missing', html('{% %}'), 1, 4, '{% %}'],
  ['tag-extra', html('{% if a %}{% else if b %}{% endif %}'), 1, 1, 'if b'],
  ['else-misplaced', html('{% if a %}{% else %}{% else %}{% endif %}'), 1, 1, '{% if a %}'],
  ['else-misplaced', html('{% if a %}{% else %}{% elsif b %}{% endif %}'), 1, 1, '{% if a %}'],
  ['assign-syntax', html('{% assign a %}'), 1, 12, '{% assign a %}'],
  ['for-syntax', html('{% for a of b %}{% endfor %}'), 1, 1, '{% for a of b %}'],
  ['output-unclosed', html('あ\n {{ x'), 2, 2, '{{ x'],
  ['output-unclosed', html('{{ name }さん {{ city }}'), 1, 1, '{{ name }さん'],
  ['output-unclosed', html('{{ name さん</p>\n<p>{{ city }}'), 1, 1, '{{ name さん</p>'],
  ['output-unclosed', html(`{{ "${'あ'.repeat(100)}`), 1, 1, `{{ "${'あ'.repeat(56)}…`],
  ['value-missing', html('{{ }}'), 1, 4, '{{ }}'],
  ['value-missing', html('{% if %}x{% endif %}'), 1, 6, '{% if %}'],
  ['variable-name', html('hi {{ first\nname }}'), 1, 4, '{{ first name }}'],
  ['bracket-unclosed', html('{{ a[1 }}'), 1, 7, '{{ a[1 }}'],
  ['bracket-unclosed', html('{{ (1..2 }}'), 1, 10, '{{ (1..2 }}'],
  ['syntax', html('{{ a = b }}'), 1, 7, '{{ a = b }}'],
  ['syntax', html('{% capture %}x{% endcapture %}'), 1, 11, '{% capture %}'],
  ['too-deep', html('<div>'.repeat(20_000)), 1, 1, ''],
  ['content-too-long', html('x'.repeat(5_000_001)), 1, 1, ''],
  ['content-missing', { html: ' ', text: '' }, 1, 1, ''],
  ['too-much-work', { text: 'x\n{% for i in (1..1000000000) %}x{% endfor %}' }, 2, 1, ''],
  ['render-failed', { text: 'x\n{{ a | append }}' }, 2, 1, '{{ a | append }}'],
  ['address-empty', from(' '), 1, 1, ' '],
  ['address-no-at', from('news＠example.jp'), 1, 1, 'news＠example.jp'],
  ['address-too-long', from(`${'x'.repeat(65)}@example.jp`), 1, 1, `${'x'.repeat(65)}@example.jp`],
  ['address-bad-local', from('a b@example.jp'), 1, 1, 'a b@example.jp'],
  ['address-bad-domain', { replyTo: 'a@b' }, 1, 1, 'a@b'],
  ['address-control-character', from('a\n@example.jp'), 1, 1, 'a\n@example.jp'],
  ['address-not-ascii', from('届け@example.jp'), 1, 1, '届け@example.jp'],
  ['header-name', { headers: { 'X A': 'x' } }, 1, 1, 'X A'],
  ['header-reserved', { headers: { Subject: 'x' } }, 1, 1, 'Subject'],
  ['header-line-break', { headers: { 'X-A': 'b\r\nBcc: c@example.jp' } }, 1, 1, 'X-A'],
  ['attachment-name', attached({ filename: 'a\nb' }), 1, 1, 'a\nb'],
  ['attachment-type', attached({ contentType: 'pdf' }), 1, 1, 'a.pdf (pdf)'],
  ['attachment-type-refused', attached({ contentType: 'message/rfc822' }), 1, 1, 'a.pdf (message/rfc822)'],
  ['attachment-encoding', attached({ content: '%%%' }), 1, 1, 'a.pdf'],
  ['attachment-cid', attached({ cid: 'x>' }), 1, 1, 'a.pdf (x>)'],
];

/** What compiling says; when it says nothing, what a preview with one person's values does. */
function errorsOf(source: Partial<ContentSource>): Omit<ContentError, 'field'>[] {
  const result = compileContent({
    from: { name: '', address: 'news@example.jp' },
    subject: 'Hi',
    text: 'x',
    track: { opens: true, clicks: true },
    ...source,
  });
  if (!result.ok) return result.errors;
  try {
    renderPreview(result.content, {});
  } catch (error) {
    if (error instanceof ContentRenderError) return [error.problem];
    throw error;
  }
  return [];
}

describe('a content error', () => {
  it.each(CASES)('%s', (code, source, line, column, value) => {
    const errors = errorsOf(source);
    expect(errors).toHaveLength(1);
    const { field: _, message, ...rest } = { field: '', ...errors[0]! };
    expect(rest).toEqual({ code, line, column, value: expect.any(String) });
    if (code !== 'too-much-work') expect(rest.value).toBe(value);
    expect(message).not.toBe('');
  });

  it('has a case here for each code', () => {
    expect([...new Set(CASES.map(([code]) => code))].sort()).toEqual([...CONTENT_ERRORS].sort());
  });
});
