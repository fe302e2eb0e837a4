/** The demo's mail: a seasonal newsletter as a Japanese food company would send it. Tables and inline styles, as mail needs them. */
const SITE = 'https://www.example.jp';

export const DEMO_CAMPAIGN = {
  name: '秋の味覚だより 11月号',
  subject: '{{ name }} 様へ｜新米と秋の味覚、会員さま先行のご案内',
  from: { name: 'みのり市場', address: 'news@todoke.example.jp' },
  replyTo: 'support@todoke.example.jp',
};

const product = (title: string, text: string, price: string, href: string, colour: string): string => `
          <tr>
            <td width="96" valign="top" style="padding:0 16px 24px 0">
              <div style="width:96px;height:96px;border-radius:8px;background:${colour};line-height:96px;text-align:center;font-size:40px;color:#ffffff">${title.slice(0, 1)}</div>
            </td>
            <td valign="top" style="padding:0 0 24px">
              <p style="margin:0;font-size:17px;font-weight:bold;color:#2b2a27">${title}</p>
              <p style="margin:4px 0 8px;font-size:14px;line-height:1.7;color:#5b574f">${text}</p>
              <p style="margin:0;font-size:15px;color:#2b2a27">${price} <a href="${href}" style="margin-left:12px;color:#a2471c">くわしく見る</a></p>
            </td>
          </tr>`;

export const DEMO_HTML = `<!doctype html>
<html lang="ja">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>秋の味覚だより</title>
</head>
<body style="margin:0;background:#f4f0e8;font-family:'Hiragino Sans','Noto Sans JP','Yu Gothic UI',Meiryo,sans-serif">
  <div style="display:none;max-height:0;overflow:hidden">{{ prefecture | default: "全国" }}のお客さまへ、会員さま限定の先行販売をお知らせします。</div>
  <table role="presentation" width="100%" cellpadding="0" cellspacing="0">
    <tr><td align="center" style="padding:24px 12px">
      <table role="presentation" width="600" cellpadding="0" cellspacing="0" style="max-width:600px;width:100%;background:#ffffff;border-radius:12px">
        <tr><td style="padding:28px 32px 0;font-size:14px;letter-spacing:0.2em;color:#a2471c">みのり市場</td></tr>
        <tr><td style="padding:8px 32px 0">
          <h1 style="margin:0;font-size:26px;line-height:1.4;color:#2b2a27">新米と、秋の味覚。</h1>
        </td></tr>
        <tr><td style="padding:16px 32px 24px;font-size:15px;line-height:1.9;color:#3d3a34">
          {% if company != blank %}{{ company }}<br>{% endif %}{{ name | default: "お客さま" }} 様<br><br>
          いつもみのり市場をご利用いただき、ありがとうございます。{{ prefecture | default: "各地" }}へのお届けは、ご注文から二日ほどです。
          {{ rank | default: "ブロンズ" }}会員の{{ name | default: "お客さま" }}様は、ただいま <strong>{{ points | default: 0 }} ポイント</strong> お持ちです。
        </td></tr>
        <tr><td style="padding:0 32px">
          <table role="presentation" width="100%" cellpadding="0" cellspacing="0">${product(
            '魚沼産コシヒカリ 新米',
            '今年の夏は日照に恵まれ、粒のそろった甘みのある米に育ちました。精米したその日に発送します。',
            '5kg 4,280円（税込）',
            `${SITE}/rice?utm_source=mail&utm_campaign=autumn`,
            '#c8a24a',
          )}${product(
            '丹波の栗と黒豆',
            '渋皮煮にしても形が崩れない、大粒だけを選びました。数に限りがございます。',
            '1kg 3,600円（税込）',
            `${SITE}/chestnut?utm_source=mail&utm_campaign=autumn`,
            '#7a4a2b',
          )}${product(
            '瀬戸内の牡蠣',
            '水揚げの翌日に届く、加熱用のむき身です。鍋の季節のはじまりに。',
            '500g 2,980円（税込）',
            `${SITE}/oyster?utm_source=mail&utm_campaign=autumn`,
            '#4a6b7a',
          )}
          </table>
        </td></tr>
        <tr><td align="center" style="padding:8px 32px 32px">
          <a href="${SITE}/members?utm_source=mail&utm_campaign=autumn" style="display:inline-block;padding:14px 40px;border-radius:8px;background:#a2471c;color:#ffffff;font-size:16px;text-decoration:none">会員さま先行販売へ</a>
        </td></tr>
        <tr><td style="padding:20px 32px 28px;border-top:1px solid #eee6d8;font-size:12px;line-height:1.8;color:#7d776b">
          このメールは、メール配信を希望された {{ email }} 様へお送りしています。<br>
          みのり市場株式会社　〒100-0000 東京都千代田区一丁目1番1号<br>
          お問い合わせ：support@todoke.example.jp<br>
          <a href="{{ unsubscribe_url }}" style="color:#7d776b">配信停止はこちら</a>
        </td></tr>
      </table>
    </td></tr>
  </table>
</body>
</html>
`;
