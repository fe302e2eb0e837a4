/**
 * Mails to begin with instead of an empty page. Tables and inline styles because mail programs (Outlook, docomo, Gmail) drop
 * the rest; one column of 600 px that shrinks on phones; the footer carries what 特定電子メール法 asks of every advertising mail:
 * who sends, how to refuse, the postal address, and whom to complain to. `〔…〕` and `[[…]]` are what the writer has to fill in.
 */
export type StarterId = 'notice' | 'newsletter' | 'event' | 'letter';
export interface Starter {
  id: StarterId;
  subject: string;
  html: string;
}

interface Words {
  lang: string;
  font: string;
  open: string;
  close: string;
  greeting: string;
  footer: { sender: string; address: string; contact: string; why: string; unsubscribe: string };
}

const WORDS: Record<'ja' | 'en', Words> = {
  ja: {
    lang: 'ja',
    font: "'Hiragino Sans','Noto Sans JP','Yu Gothic',Meiryo,sans-serif",
    open: '〔',
    close: '〕',
    greeting: '{% if name != blank %}{{ name }} 様{% else %}お客様各位{% endif %}',
    footer: {
      sender: '会社名・団体名',
      address: '〒000-0000 東京都○○区○○ 1-2-3',
      contact: 'お問い合わせ先（電話番号またはメールアドレス）',
      why: 'このメールは、配信を希望された方にお送りしています。',
      unsubscribe: '配信の停止はこちら',
    },
  },
  en: {
    lang: 'en',
    font: "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif",
    open: '[[',
    close: ']]',
    greeting: 'Dear {{ name | default: "customer" }},',
    footer: {
      sender: 'Your organisation',
      address: 'Postal address',
      contact: 'Contact for questions (phone or email)',
      why: 'You receive this email because you asked for it.',
      unsubscribe: 'Unsubscribe',
    },
  },
};

const INK = '#1f2933';
const SOFT = '#5b6770';
const ACCENT = '#1d5fa8';

const paragraph = (text: string) => `              <p style="margin:0 0 16px;">${text}</p>`;
const heading = (text: string) =>
  `              <h1 style="margin:0 0 20px;font-size:22px;line-height:1.5;font-weight:bold;color:${INK};">${text}</h1>`;
const subheading = (text: string) =>
  `              <h2 style="margin:28px 0 8px;font-size:17px;line-height:1.5;font-weight:bold;color:${INK};">${text}</h2>`;
const button = (
  text: string,
  url: string,
) => `              <table role="presentation" cellpadding="0" cellspacing="0" style="margin:8px 0 24px;">
                <tr>
                  <td style="background:${ACCENT};border-radius:6px;">
                    <a href="${url}" style="display:inline-block;padding:12px 28px;color:#ffffff;font-weight:bold;text-decoration:none;">${text}</a>
                  </td>
                </tr>
              </table>`;
const facts = (
  rows: [string, string][],
) => `              <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="margin:0 0 24px;border-top:1px solid #d8dee4;">
${rows
  .map(
    ([name, value]) => `                <tr>
                  <td width="96" style="padding:10px 12px 10px 0;border-bottom:1px solid #d8dee4;color:${SOFT};vertical-align:top;">${name}</td>
                  <td style="padding:10px 0;border-bottom:1px solid #d8dee4;">${value}</td>
                </tr>`,
  )
  .join('\n')}
              </table>`;

function page(
  words: Words,
  organisation: string,
  preheader: string,
  blocks: string[],
  banner: boolean,
): string {
  const blank = (text: string) => `${words.open}${text}${words.close}`;
  const sender = organisation || blank(words.footer.sender);
  return `<!doctype html>
<html lang="${words.lang}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width,initial-scale=1">
  <meta name="color-scheme" content="light">
</head>
<body style="margin:0;padding:0;background:#f2f4f6;">
  <div style="display:none;max-height:0;overflow:hidden;">${preheader}</div>
  <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f2f4f6;">
    <tr>
      <td align="center" style="padding:24px 12px;">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px;background:#ffffff;border-radius:8px;">
${
  banner
    ? `          <tr>
            <td style="padding:20px 32px;border-bottom:1px solid #e4e8ec;font-family:${words.font};font-size:16px;font-weight:bold;color:${ACCENT};">${sender}</td>
          </tr>
`
    : ''
}          <tr>
            <td style="padding:28px 32px 16px;font-family:${words.font};font-size:15px;line-height:1.8;color:${INK};">
${blocks.join('\n')}
            </td>
          </tr>
        </table>
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px;">
          <tr>
            <td style="padding:20px 32px;font-family:${words.font};font-size:12px;line-height:1.8;color:${SOFT};">
              ${words.footer.why}<br>
              <a href="{{ unsubscribe_url }}" style="color:${SOFT};">${words.footer.unsubscribe}</a><br><br>
              ${sender}<br>
              ${blank(words.footer.address)}<br>
              ${blank(words.footer.contact)}
            </td>
          </tr>
        </table>
      </td>
    </tr>
  </table>
</body>
</html>
`;
}

/** `organisation` is HTML text, `plain` the same for subjects. */
function japanese(organisation: string, plain: string): Starter[] {
  const w = WORDS.ja;
  const make = (preheader: string, blocks: string[], banner = true) =>
    page(w, organisation, preheader, blocks, banner);
  const us = organisation || '〔会社名〕';
  const sender = plain || '〔会社名〕';
  return [
    {
      id: 'notice',
      subject: `〔件名〕のお知らせ｜${sender}`,
      html: make('〔受信箱で件名の次に見える一文〕', [
        heading('〔見出し〕のお知らせ'),
        paragraph(w.greeting),
        paragraph(`いつも${us}をご利用いただき、ありがとうございます。`),
        paragraph('〔お知らせの内容を、まず結論から 2〜3 行で書きます。〕'),
        facts([
          ['日時', '〔2026年12月1日（火）10:00〕'],
          ['対象', '〔対象のサービス・お客様〕'],
          ['内容', '〔変わること〕'],
        ]),
        button('詳しく見る', 'https://example.jp/news'),
        paragraph('ご不明な点は、下記のお問い合わせ先までご連絡ください。'),
      ]),
    },
    {
      id: 'newsletter',
      subject: `${sender}通信 12月号｜〔いちばん伝えたいこと〕`,
      html: make('〔今月の話題を一文で〕', [
        heading(`${us}通信 12月号`),
        paragraph(w.greeting),
        paragraph('〔季節のごあいさつと、今月号の読みどころを 2 行ほどで。〕'),
        subheading('1. 〔いちばん伝えたい話題〕'),
        paragraph('〔3〜4 行の紹介文。続きは Web ページへ案内します。〕'),
        button('続きを読む', 'https://example.jp/article-1'),
        subheading('2. 〔二つ目の話題〕'),
        paragraph(
          `〔2〜3 行の紹介文。〕<a href="https://example.jp/article-2" style="color:${ACCENT};">続きを読む</a>`,
        ),
        subheading('3. 〔三つ目の話題〕'),
        paragraph(
          `〔2〜3 行の紹介文。〕<a href="https://example.jp/article-3" style="color:${ACCENT};">続きを読む</a>`,
        ),
        paragraph('次号もどうぞお楽しみに。'),
      ]),
    },
    {
      id: 'event',
      subject: '〔催しの名前〕へのご招待（〔12月10日〕開催）',
      html: make('〔開催日と、参加すると得られること〕', [
        heading('〔催しの名前〕へのご招待'),
        paragraph(w.greeting),
        paragraph('〔どんな方に、何を届ける催しかを 2〜3 行で。〕'),
        facts([
          ['日時', '〔12月10日（木）14:00〜16:00〕'],
          ['会場', '〔会場名・住所、またはオンライン〕'],
          ['参加費', '〔無料〕'],
          ['締め切り', '〔12月7日（月）〕'],
        ]),
        button('申し込む', 'https://example.jp/event'),
        paragraph('みなさまのご参加をお待ちしております。'),
      ]),
    },
    {
      id: 'letter',
      subject: '〔用件をひとことで〕',
      html: make(
        '〔受信箱で件名の次に見える一文〕',
        [
          paragraph(w.greeting),
          paragraph(`${us}の〔担当者名〕です。`),
          paragraph('〔本文。飾りのない手紙のようなメールは、読まれやすく、返信も届きやすくなります。〕'),
          paragraph(
            `〔ご案内したいページがあれば：〕<a href="https://example.jp/" style="color:${ACCENT};">https://example.jp/</a>`,
          ),
          paragraph('今後ともどうぞよろしくお願いいたします。'),
          paragraph('〔署名：部署名・氏名〕'),
        ],
        false,
      ),
    },
  ];
}

function english(organisation: string, plain: string): Starter[] {
  const w = WORDS.en;
  const make = (preheader: string, blocks: string[], banner = true) =>
    page(w, organisation, preheader, blocks, banner);
  const us = organisation || '[[Your organisation]]';
  const sender = plain || '[[Your organisation]]';
  return [
    {
      id: 'notice',
      subject: `[[What it is about]] – ${sender}`,
      html: make('[[The sentence shown after the subject in the inbox]]', [
        heading('[[Headline]]'),
        paragraph(w.greeting),
        paragraph(`Thank you for being with ${us}.`),
        paragraph('[[The news in two or three lines, the conclusion first.]]'),
        facts([
          ['When', '[[1 December 2026, 10:00]]'],
          ['Who', '[[Who is affected]]'],
          ['What', '[[What changes]]'],
        ]),
        button('Read more', 'https://example.com/news'),
        paragraph('If you have any questions, please contact us at the address below.'),
      ]),
    },
    {
      id: 'newsletter',
      subject: `${sender} newsletter, December – [[the main story]]`,
      html: make('[[This month in one sentence]]', [
        heading(`${us} newsletter, December`),
        paragraph(w.greeting),
        paragraph('[[A greeting, and what is worth reading in this issue.]]'),
        subheading('1. [[The main story]]'),
        paragraph('[[Three or four lines that lead to the web page.]]'),
        button('Continue reading', 'https://example.com/article-1'),
        subheading('2. [[The second story]]'),
        paragraph(
          `[[Two or three lines.]] <a href="https://example.com/article-2" style="color:${ACCENT};">Continue reading</a>`,
        ),
        subheading('3. [[The third story]]'),
        paragraph(
          `[[Two or three lines.]] <a href="https://example.com/article-3" style="color:${ACCENT};">Continue reading</a>`,
        ),
        paragraph('Until next month.'),
      ]),
    },
    {
      id: 'event',
      subject: 'You are invited: [[the event]], [[10 December]]',
      html: make('[[The date, and what one gains by coming]]', [
        heading('You are invited to [[the event]]'),
        paragraph(w.greeting),
        paragraph('[[For whom it is, and what they will take home.]]'),
        facts([
          ['When', '[[Thursday 10 December, 14:00–16:00]]'],
          ['Where', '[[Venue and address, or online]]'],
          ['Price', '[[Free]]'],
          ['Reply by', '[[Monday 7 December]]'],
        ]),
        button('Register', 'https://example.com/event'),
        paragraph('We look forward to seeing you.'),
      ]),
    },
    {
      id: 'letter',
      subject: '[[The matter in a few words]]',
      html: make(
        '[[The sentence shown after the subject in the inbox]]',
        [
          paragraph(w.greeting),
          paragraph('[[The text. A mail without decoration reads like a letter, and people answer it.]]'),
          paragraph(
            '[[A page to point to:]] <a href="https://example.com/" style="color:#1d5fa8;">https://example.com/</a>',
          ),
          paragraph('Kind regards,'),
          paragraph('[[Your name and department]]'),
        ],
        false,
      ),
    },
  ];
}

/** `organisation` comes from the settings ('' when it is not set). */
export function starters(language: 'ja' | 'en', organisation: string): Starter[] {
  // Its braces must not become Liquid, nor its angle brackets HTML.
  const plain = organisation.replace(/[{}]/g, '');
  const html = plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return language === 'ja' ? japanese(html, plain) : english(html, plain);
}
