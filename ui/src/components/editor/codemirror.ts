/**
 * The code editor, loaded when a screen opens it. It lives in a shadow root because there CodeMirror puts its styles into
 * `adoptedStyleSheets`; in the document it would add <style> elements, which the server's `style-src 'self'` refuses.
 */
import {
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  type CompletionSource,
  startCompletion,
} from '@codemirror/autocomplete';
import { indentWithTab } from '@codemirror/commands';
import { html } from '@codemirror/lang-html';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { Decoration, EditorView, keymap, MatchDecorator, ViewPlugin } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { basicSetup } from 'codemirror';
import { expression, FILTERS, fallbackRange, liquidPlace, TAGS, type Variable } from './liquid.ts';

export interface EditorError {
  line: number;
  column: number;
  message: string;
}

export interface EditorOptions {
  parent: ShadowRoot;
  doc: string;
  language: 'html' | 'text';
  readOnly: boolean;
  label: string;
  /** CodeMirror's own words (search panel, folding), translated */
  phrases: Record<string, string>;
  variables(): Variable[];
  onchange(doc: string): void;
  /** the line under the cursor, from 1 */
  oncursor?(line: number): void;
}

export interface EditorHandle {
  /** Replaces everything, e.g. by a starter; one undo step. Does nothing when the text is the same. */
  setDoc(doc: string): void;
  insert(text: string): void;
  setErrors(errors: EditorError[]): void;
  goTo(line: number, column: number): void;
  focus(): void;
  relabel(label: string, phrases: Record<string, string>): void;
  destroy(): void;
}

const highlight = HighlightStyle.define([
  { tag: [tags.tagName, tags.angleBracket], color: 'var(--code-tag)' },
  { tag: tags.attributeName, color: 'var(--code-attribute)' },
  { tag: [tags.attributeValue, tags.string, tags.color], color: 'var(--code-string)' },
  { tag: [tags.comment, tags.documentMeta, tags.processingInstruction], color: 'var(--code-comment)' },
  { tag: [tags.propertyName, tags.className], color: 'var(--code-attribute)' },
  { tag: [tags.number, tags.unit, tags.keyword, tags.atom, tags.character], color: 'var(--code-number)' },
]);

const theme = EditorView.theme({
  '&': {
    height: '100%',
    fontSize: '13px',
    color: 'var(--code-text)',
    backgroundColor: 'var(--code-background)',
  },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--code-font)', lineHeight: '1.6', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--code-text)', padding: '8px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--code-text)' },
  '.cm-gutters': { backgroundColor: 'var(--code-gutter)', color: 'var(--code-muted)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--code-active)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--code-selection)',
  },
  '.cm-selectionMatch': { backgroundColor: 'var(--code-match)' },
  '.cm-liquid': {
    color: 'var(--code-liquid)',
    backgroundColor: 'var(--code-liquid-background)',
    borderRadius: '3px',
  },
  '.cm-liquid span': { color: 'inherit' },
  '.cm-tooltip': {
    backgroundColor: 'var(--code-panel)',
    color: 'var(--code-text)',
    border: '1px solid var(--code-line)',
    borderRadius: '6px',
    overflow: 'hidden',
    boxShadow: '0 6px 20px rgb(0 0 0 / 0.18)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--code-font)', maxHeight: '16em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--code-selected)',
    color: 'var(--code-selected-text)',
  },
  '.cm-completionDetail': {
    fontStyle: 'normal',
    opacity: '0.8',
    marginLeft: '1em',
    fontFamily: 'var(--code-ui-font)',
  },
  '.cm-panels': {
    backgroundColor: 'var(--code-panel)',
    color: 'var(--code-text)',
    borderColor: 'var(--code-line)',
    fontFamily: 'var(--code-ui-font)',
  },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--code-line)' },
  '.cm-textfield': {
    backgroundColor: 'var(--code-background)',
    color: 'var(--code-text)',
    border: '1px solid var(--code-line)',
    borderRadius: '4px',
  },
  '.cm-button': {
    backgroundImage: 'none',
    backgroundColor: 'var(--code-gutter)',
    color: 'var(--code-text)',
    border: '1px solid var(--code-line)',
    borderRadius: '4px',
  },
  '.cm-foldPlaceholder': {
    backgroundColor: 'var(--code-gutter)',
    border: '1px solid var(--code-line)',
    color: 'var(--code-muted)',
  },
  '.cm-diagnostic': { fontFamily: 'var(--code-ui-font)', padding: '6px 10px' },
});

const liquidMark = Decoration.mark({ class: 'cm-liquid' });
const liquidMatcher = new MatchDecorator({ regexp: /\{\{.*?\}\}|\{%.*?%\}/g, decoration: liquidMark });
const liquidMarks = ViewPlugin.define(
  (view) => ({
    decorations: liquidMatcher.createDeco(view),
    update(update) {
      this.decorations = liquidMatcher.updateDeco(update, this.decorations);
    },
  }),
  { decorations: (plugin) => plugin.decorations },
);

function liquidSource(variables: () => Variable[]) {
  return (context: CompletionContext): CompletionResult | null => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const place = liquidPlace(before, line.text.slice(context.pos - line.from));
    if (!place) return null;
    const from = line.from + place.from;
    const space = /\s$/.test(before.slice(0, place.from)) ? '' : ' ';
    /** Writes the text with its spaces and closing braces, and leaves the cursor behind them. */
    const close =
      (text: string, braces: string) => (view: EditorView, _: unknown, start: number, end: number) => {
        const rest = view.state.sliceDoc(end, Math.min(end + 40, view.state.doc.lineAt(end).to));
        const tail = /^[^{}]*?(\}\}|%\})/.exec(rest);
        // Only blanks before braces that are there: step over them. Something else: leave it alone.
        const over = tail && /^\s*(\}\}|%\})$/.test(tail[0]);
        const insert = `${space}${text}${!tail || over ? ` ${braces}` : ''}`;
        view.dispatch({
          changes: { from: start, to: over ? end + tail[0].length : end, insert },
          selection: select(insert, start),
          userEvent: 'input.complete',
        });
      };
    if (place.kind === 'variable') {
      const output = before.lastIndexOf('{{') > before.lastIndexOf('{%');
      return {
        from,
        options: variables().map((variable, i) => ({
          label: variable.key,
          boost: -i,
          detail: variable.label,
          type: 'variable',
          apply: output ? close(expression(variable), '}}') : variable.key,
        })),
        validFor: /^\w*$/,
      };
    }
    if (place.kind === 'filter') {
      return {
        from,
        options: FILTERS.map((label) => ({
          label,
          type: 'function',
          apply: `${space}${label}${label === 'default' ? ': ""' : ''}`,
        })),
        validFor: /^\w*$/,
      };
    }
    return {
      from,
      options: TAGS.map((label) => ({
        label,
        type: 'keyword',
        apply: /^(else|end)/.test(label) ? close(label, '%}') : `${space}${label} `,
      })),
      validFor: /^\w*$/,
    };
  };
}

/** The fallback of what was inserted at `at`, else the place behind it. */
function select(text: string, at: number): { anchor: number; head?: number } {
  const fallback = fallbackRange(text);
  return fallback ? { anchor: at + fallback.from, head: at + fallback.to } : { anchor: at + text.length };
}

/** Inside braces only Liquid is proposed; elsewhere what the language knows (tags, attributes, CSS). */
function inLiquidOr(liquid: (context: CompletionContext) => CompletionResult | null): CompletionSource {
  return async (context) => {
    const result = liquid(context);
    if (result) return result;
    for (const source of context.state.languageDataAt<CompletionSource>('autocomplete', context.pos)) {
      const found = await source(context);
      if (found) return found;
    }
    return null;
  };
}

/** Opens the list by itself after `{{` and `{%`. */
const openOnBraces = EditorView.updateListener.of((update) => {
  if (!update.docChanged || !update.transactions.some((t) => t.isUserEvent('input.type'))) return;
  const { head } = update.state.selection.main;
  if (/\{\{ ?$|\{% ?$|\| ?$/.test(update.state.sliceDoc(Math.max(0, head - 3), head)))
    startCompletion(update.view);
});

function words(options: { label: string; phrases: Record<string, string> }): Extension {
  return [
    EditorState.phrases.of(options.phrases),
    EditorView.contentAttributes.of({ 'aria-label': options.label, tabindex: '0' }),
  ];
}

export function createEditor(options: EditorOptions): EditorHandle {
  const wording = new Compartment();
  const source = liquidSource(options.variables);
  const view = new EditorView({
    parent: options.parent,
    root: options.parent,
    state: EditorState.create({
      doc: options.doc,
      extensions: [
        basicSetup,
        keymap.of([indentWithTab]),
        EditorView.lineWrapping,
        options.language === 'html' ? html({ autoCloseTags: true, matchClosingTags: true }) : [],
        autocompletion({ override: [inLiquidOr(source)] }),
        syntaxHighlighting(highlight),
        liquidMarks,
        openOnBraces,
        theme,
        wording.of(words(options)),
        EditorState.readOnly.of(options.readOnly),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onchange(update.state.doc.toString());
          if (update.selectionSet || update.docChanged) {
            options.oncursor?.(update.state.doc.lineAt(update.state.selection.main.head).number);
          }
        }),
      ],
    }),
  });

  return {
    setDoc(doc) {
      if (doc === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: doc } });
    },
    insert(text) {
      const { from, to } = view.state.selection.main;
      view.dispatch({
        changes: { from, to, insert: text },
        selection: select(text, from),
        userEvent: 'input',
        scrollIntoView: true,
      });
      view.focus();
    },
    setErrors(errors) {
      const doc = view.state.doc;
      const diagnostics = errors.map((error): Diagnostic => {
        const line = doc.line(Math.min(Math.max(error.line, 1), doc.lines));
        const from = Math.min(line.from + Math.max(error.column - 1, 0), line.to);
        // The rest of the Liquid expression, or one character: something must be there to underline.
        const rest = /^\{[{%].*?[}%]\}|^\S+/.exec(line.text.slice(from - line.from))?.[0].length ?? 1;
        const to = Math.min(Math.max(from + rest, from + 1), doc.length);
        return {
          from: Math.min(from, to > 0 && from === to ? to - 1 : from),
          to,
          severity: 'error',
          message: error.message,
        };
      });
      view.dispatch(setDiagnostics(view.state, diagnostics));
    },
    goTo(line, column) {
      const target = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
      const anchor = Math.min(target.from + Math.max(column - 1, 0), target.to);
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
      view.focus();
    },
    focus: () => view.focus(),
    relabel(label, phrases) {
      view.dispatch({ effects: wording.reconfigure(words({ label, phrases })) });
    },
    destroy: () => view.destroy(),
  };
}
