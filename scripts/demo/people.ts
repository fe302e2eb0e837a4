/**
 * A made-up audience as a company's Excel would hold it: Japanese names with characters that only CP932 has (髙, 﨑),
 * companies with ㈱ and ㈲, prefectures. Addresses end in a number, so that none is anybody's by chance; in the demo they
 * never leave the sandbox anyway.
 */
import Encoding from 'encoding-japanese';
import { pick, pickWeighted, seededRandom } from './random.ts';

const FAMILY = [
  '佐藤 sato',
  '鈴木 suzuki',
  '高橋 takahashi',
  '髙橋 takahashi',
  '田中 tanaka',
  '伊藤 ito',
  '渡辺 watanabe',
  '山本 yamamoto',
  '中村 nakamura',
  '小林 kobayashi',
  '加藤 kato',
  '吉田 yoshida',
  '山田 yamada',
  '佐々木 sasaki',
  '山口 yamaguchi',
  '松本 matsumoto',
  '井上 inoue',
  '木村 kimura',
  '林 hayashi',
  '斎藤 saito',
  '清水 shimizu',
  '山崎 yamazaki',
  '山﨑 yamasaki',
  '森 mori',
  '池田 ikeda',
  '橋本 hashimoto',
  '阿部 abe',
  '石川 ishikawa',
  '山下 yamashita',
  '中島 nakajima',
  '石井 ishii',
  '小川 ogawa',
  '前田 maeda',
  '岡田 okada',
  '長谷川 hasegawa',
  '藤田 fujita',
  '後藤 goto',
  '近藤 kondo',
  '村上 murakami',
  '遠藤 endo',
  '青木 aoki',
  '坂本 sakamoto',
  '福田 fukuda',
  '太田 ota',
  '西村 nishimura',
  '藤井 fujii',
  '岡本 okamoto',
  '三浦 miura',
];
const GIVEN = [
  '陽菜 hina',
  '結衣 yui',
  '葵 aoi',
  '凛 rin',
  '美咲 misaki',
  'さくら sakura',
  '遥 haruka',
  '真由美 mayumi',
  '恵子 keiko',
  '由美子 yumiko',
  '直美 naomi',
  '久美子 kumiko',
  '明美 akemi',
  '千尋 chihiro',
  '彩香 ayaka',
  '愛 ai',
  '優子 yuko',
  '智子 tomoko',
  '裕子 hiroko',
  '麻衣 mai',
  '大翔 hiroto',
  '蓮 ren',
  '悠真 yuma',
  '湊 minato',
  '翔太 shota',
  '健太 kenta',
  '拓也 takuya',
  '大輔 daisuke',
  '直樹 naoki',
  '誠 makoto',
  '浩 hiroshi',
  '隆 takashi',
  '学 manabu',
  '聡 satoshi',
  '和也 kazuya',
  '健一 kenichi',
  '博 hiroshi',
  '修 osamu',
  '徹 toru',
  '亮 ryo',
];
const COMPANY = [
  '青空',
  '東都',
  '北斗',
  '瑞穂',
  '桜井',
  'みらい',
  '大和',
  '三河',
  '日の出',
  '富士見',
  '白樺',
  '若葉',
  '光洋',
  '新栄',
  '丸山',
  '港南',
  '第一',
  '朝日野',
];
const TRADE = [
  '商事',
  '食品',
  '印刷',
  '製作所',
  '運輸',
  '電機',
  '不動産',
  'システム',
  '薬局',
  '建設',
  '書店',
  '醸造',
  '旅行',
  '工業',
];
const PREFECTURES = {
  東京都: 14,
  神奈川県: 9,
  大阪府: 9,
  愛知県: 7,
  埼玉県: 7,
  千葉県: 6,
  兵庫県: 5,
  北海道: 5,
  福岡県: 5,
  静岡県: 4,
  茨城県: 3,
  広島県: 3,
  京都府: 3,
  宮城県: 2,
  新潟県: 2,
  長野県: 2,
  岐阜県: 2,
  栃木県: 2,
  群馬県: 2,
  岡山県: 2,
  福島県: 2,
  三重県: 2,
  熊本県: 2,
  鹿児島県: 2,
  沖縄県: 1,
  滋賀県: 1,
  山口県: 1,
  愛媛県: 1,
  長崎県: 1,
  奈良県: 1,
  青森県: 1,
  岩手県: 1,
  大分県: 1,
  石川県: 1,
  山形県: 1,
  宮崎県: 1,
  富山県: 1,
  秋田県: 1,
  香川県: 1,
  和歌山県: 1,
  佐賀県: 1,
  山梨県: 1,
  福井県: 1,
  徳島県: 1,
  高知県: 1,
  島根県: 1,
  鳥取県: 1,
};
const DOMAINS = {
  'gmail.com': 27,
  'docomo.ne.jp': 14,
  'yahoo.co.jp': 13,
  'icloud.com': 11,
  'ezweb.ne.jp': 9,
  'softbank.ne.jp': 7,
  'outlook.jp': 4,
  'example.co.jp': 6,
  'example.jp': 5,
  'example.or.jp': 2,
  'example.ne.jp': 2,
};
const RANKS = { ブロンズ: 60, シルバー: 28, ゴールド: 10, プラチナ: 2 };
/** Addresses that the sandbox refuses (mta/sandbox/magic.ts), per thousand people. */
const REFUSED = { bounce: 5, full: 2, block: 1, defer: 4 };

export const COLUMNS = [
  '会員番号',
  '氏名',
  'メールアドレス',
  '会社名',
  '都道府県',
  '会員ランク',
  'ポイント',
] as const;

export interface DemoPerson {
  email: string;
  /** one value for each of COLUMNS */
  row: string[];
}

/** The same people for the same count. */
export function demoPeople(count: number): DemoPerson[] {
  const random = seededRandom(20_261_124);
  const perThousand = {
    none: 1000 - Object.values(REFUSED).reduce((sum, share) => sum + share, 0),
    ...REFUSED,
  };
  return Array.from({ length: count }, (_, index) => {
    const [family, familyLatin] = pick(random, FAMILY).split(' ') as [string, string];
    const [given, givenLatin] = pick(random, GIVEN).split(' ') as [string, string];
    const number = String(index + 1).padStart(5, '0');
    const refusal = pickWeighted(random, perThousand);
    const local = refusal === 'none' ? `${givenLatin}.${familyLatin}.${number}` : `${refusal}-${number}`;
    const email = `${local}@${pickWeighted(random, DOMAINS)}`;
    const company = `${pick(random, COMPANY)}${pick(random, TRADE)}`;
    const form = pickWeighted(random, { '㈱': 5, 株式会社: 4, '㈲': 1 });
    const row = [
      `T${number}`,
      `${family} ${given}`,
      email,
      random() < 0.5 ? `${form}${company}` : `${company}${form}`,
      pickWeighted(random, PREFECTURES),
      pickWeighted(random, RANKS),
      String(Math.floor(random() ** 3 * 50_000)),
    ];
    return { email, row };
  });
}

/** As Excel saves it in Japan: CP932, CRLF. */
export function peopleCsv(people: DemoPerson[]): Uint8Array<ArrayBuffer> {
  const lines = [COLUMNS.join(','), ...people.map(({ row }) => row.join(','))];
  return new Uint8Array(
    Encoding.convert(`${lines.join('\r\n')}\r\n`, {
      from: 'UNICODE',
      to: 'SJIS',
      type: 'array',
    }) as unknown as ArrayLike<number>,
  );
}
