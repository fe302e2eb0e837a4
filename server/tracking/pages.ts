/** Readers' pages: plain HTML, no script, no request besides the page itself, Japanese or English. */
import { createHash } from 'node:crypto';
import type { PageLanguage } from './language.ts';

const STYLE = `
:root{color-scheme:light dark;--text:#1c2430;--muted:#5a6676;--line:#d5dbe3;--accent:#1d5fbf;--page:#f5f7fa;--card:#fff}
@media (prefers-color-scheme:dark){:root{--text:#e8ecf2;--muted:#a3afbf;--line:#39434f;--accent:#7fb0ff;--page:#12161c;--card:#1b2129}}
*{box-sizing:border-box}
body{margin:0;padding:24px 16px;background:var(--page);color:var(--text);font:16px/1.7 "Hiragino Sans","Noto Sans JP","Yu Gothic UI",Meiryo,system-ui,sans-serif}
main{max-width:34rem;margin:8vh auto 0;padding:28px 24px;background:var(--card);border:1px solid var(--line);border-radius:10px}
h1{margin:0 0 12px;font-size:1.3rem;line-height:1.5}
p{margin:0 0 16px;overflow-wrap:anywhere;word-break:auto-phrase}
.muted{color:var(--muted);font-size:.9rem}
form{margin:0 0 12px}
button{width:100%;min-height:48px;padding:8px 16px;border-radius:8px;font:inherit;cursor:pointer;border:1px solid var(--accent);background:transparent;color:var(--accent)}
button.main{background:var(--accent);color:var(--card);font-weight:600}
button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
`;

/** The style stands in the page and its hash in the policy, so that nothing else is loaded or allowed. */
export const PAGE_CSP = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** What a page about a reader's subscription needs to know. */
export interface PageContext {
  language: PageLanguage;
  /** sender's name, '' when the settings have none */
  organisation: string;
}

export interface Subscription {
  /** '' for a mail that came by no list */
  listName: string;
  /** `t***@example.jp`; '' in a test mail */
  maskedEmail: string;
  /** of a test mail: nothing will happen */
  test: boolean;
}

const WORDS = {
  ja: {
    askTitle: '配信停止の手続き',
    ask: (list: string) => (list ? `「${list}」の配信を停止しますか？` : 'お知らせの配信を停止しますか？'),
    address: (email: string) => `宛先: ${email}`,
    stopList: 'この配信を停止する',
    stopAll: 'すべてのお知らせを停止する',
    test: 'これはテスト配信のメールです。手続きをしても、どなたの登録も変わりません。',
    doneTitle: '配信を停止しました',
    doneList: (list: string) => `「${list}」のメールは、今後お送りしません。`,
    doneAll: '今後、お知らせのメールはお送りしません。',
    undoHint: '間違えて停止された場合は、元に戻せます。',
    undo: '停止を取り消す',
    undoneTitle: '配信を再開しました',
    undone: '停止を取り消しました。これまでどおりお送りします。',
    notUndoneTitle: '取り消せませんでした',
    notUndone:
      '時間がたったか、ほかの変更があったため、取り消せません。再開をご希望の場合は、送信元へご連絡ください。',
    alreadyTitle: '配信は停止されています',
    already: (list: string) =>
      list ? `「${list}」の配信はすでに停止されています。` : '配信はすでに停止されています。',
    lostTitle: 'このリンクは使えません',
    lost: 'リンクが途中で切れているか、有効ではありません。メールに書かれたリンクをもう一度お確かめください。',
    failedTitle: '手続きができませんでした',
    failed: '一時的な問題が起きています。少し待ってから、もう一度お試しください。',
    from: (organisation: string) => `送信元: ${organisation}`,
  },
  en: {
    askTitle: 'Unsubscribe',
    ask: (list: string) => (list ? `Stop receiving “${list}”?` : 'Stop receiving this mail?'),
    address: (email: string) => `Address: ${email}`,
    stopList: 'Unsubscribe from this list',
    stopAll: 'Unsubscribe from everything',
    test: 'This is a test mail. Whatever you do here changes nobody’s subscription.',
    doneTitle: 'You are unsubscribed',
    doneList: (list: string) => `We will not send you “${list}” any more.`,
    doneAll: 'We will not send you any more newsletters.',
    undoHint: 'If that was a mistake, you can take it back.',
    undo: 'Undo',
    undoneTitle: 'You are subscribed again',
    undone: 'We took it back. You will receive our mail as before.',
    notUndoneTitle: 'This cannot be undone',
    notUndone:
      'Too much time has passed, or something else has changed. Please ask the sender to subscribe you again.',
    alreadyTitle: 'You are unsubscribed',
    already: (list: string) => (list ? `You have already left “${list}”.` : 'You have already unsubscribed.'),
    lostTitle: 'This link does not work',
    lost: 'It is incomplete or not valid. Please check the link in the mail.',
    failedTitle: 'That did not work',
    failed: 'There is a problem on our side. Please wait a moment and try again.',
    from: (organisation: string) => `Sent by ${organisation}`,
  },
};

/** Asks; nothing changes until a button is pressed, as mail scanners follow links. */
export function askPage(context: PageContext, subscription: Subscription): string {
  const words = WORDS[context.language];
  const { listName, maskedEmail, test } = subscription;
  return page(context, words.askTitle, [
    `<p>${escapeHtml(words.ask(listName))}</p>`,
    maskedEmail && `<p class="muted">${escapeHtml(words.address(maskedEmail))}</p>`,
    test && `<p class="muted">${words.test}</p>`,
    listName && button({ action: 'list' }, words.stopList, true),
    button({ action: 'all' }, words.stopAll, !listName),
  ]);
}

/** @param at epoch ms of the change, which the undo names */
export function donePage(
  context: PageContext,
  subscription: Subscription,
  scope: 'list' | 'all',
  at: number,
): string {
  const words = WORDS[context.language];
  return page(context, words.doneTitle, [
    `<p>${escapeHtml(scope === 'list' ? words.doneList(subscription.listName) : words.doneAll)}</p>`,
    subscription.test
      ? `<p class="muted">${words.test}</p>`
      : `<p class="muted">${words.undoHint}</p>${button({ action: 'undo', at: String(at) }, words.undo, false)}`,
  ]);
}

/** The list was left before; everything else can still be left. */
export function alreadyPage(context: PageContext, subscription: Subscription): string {
  const words = WORDS[context.language];
  return page(context, words.alreadyTitle, [
    `<p>${escapeHtml(words.already(subscription.listName))}</p>`,
    button({ action: 'all' }, words.stopAll, false),
  ]);
}

export function simplePage(context: PageContext, what: 'undone' | 'notUndone' | 'lost' | 'failed'): string {
  const words = WORDS[context.language];
  return page(context, words[`${what}Title`], [`<p>${words[what]}</p>`]);
}

function page({ language, organisation }: PageContext, title: string, parts: (string | false)[]): string {
  const footer = organisation && `<p class="muted">${escapeHtml(WORDS[language].from(organisation))}</p>`;
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex,nofollow">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${[...parts, footer].filter(Boolean).join('\n')}
</main>
</body>
</html>
`;
}

/** A form without an address posts to where the page came from: the token is never written into HTML. */
function button(fields: Record<string, string>, label: string, main: boolean): string {
  const inputs = Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`)
    .join('');
  return `<form method="post">${inputs}<button${main ? ' class="main"' : ''}>${escapeHtml(label)}</button></form>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Enough for the reader to know which of their addresses it is, too little for who finds the mail. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  if (at < 1) return '***';
  const first = [...email.slice(0, at)][0]!;
  return `${at > 1 ? first : ''}***${email.slice(at)}`;
}
