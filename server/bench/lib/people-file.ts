import { closeSync, openSync, writeSync } from 'node:fs';
import Encoding from 'encoding-japanese';

export type FileEncoding = 'cp932' | 'utf-8';

const HEADER = 'メールアドレス,氏名,会員番号,生年月日,都道府県';
const FAMILY = ['佐藤', '鈴木', '髙橋', '田中', '伊藤', '渡邊', '山本', '中村'];
const GIVEN = ['太郎', '花子', '一郎', '美咲', '健', 'さくら', '翔太', '陽子'];
const PREFECTURES = ['北海道', '東京都', '神奈川県', '愛知県', '大阪府', '福岡県'];
const FLUSH_BYTES = 1 << 20;

/** Writes a CSV file of people whose addresses come in no order, as they do in a member list. The same for the same arguments. */
export function writePeopleFile(path: string, rows: number, encoding: FileEncoding): void {
  // Words are converted once each: encoding-japanese is slow on whole files.
  const words = new Map<string, string>();
  const encode = (text: string): string => {
    let bytes = words.get(text);
    if (bytes === undefined) {
      bytes = (
        encoding === 'utf-8'
          ? Buffer.from(text)
          : Buffer.from(Encoding.convert(text, { from: 'UNICODE', to: 'SJIS', type: 'array' }))
      ).toString('latin1');
      words.set(text, bytes);
    }
    return bytes;
  };
  let seed = 20_261_124;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const pick = (from: readonly string[]): string => encode(from[random(from.length)]!);
  const two = (n: number): string => String(n).padStart(2, '0');
  const fd = openSync(path, 'w', 0o600);
  let text = `${encode(HEADER)}\r\n`;
  for (let i = 1; i <= rows; i += 1) {
    const address = `${random(2 ** 31).toString(36)}.${i.toString(36)}@mail${random(40)}.example.jp`;
    const birthday = `${1940 + random(70)}/${two(1 + random(12))}/${two(1 + random(28))}`;
    text += `${address},${pick(FAMILY)} ${pick(GIVEN)},${i},${birthday},${pick(PREFECTURES)}\r\n`;
    if (text.length > FLUSH_BYTES || i === rows) {
      writeSync(fd, Buffer.from(text, 'latin1'));
      text = '';
    }
  }
  closeSync(fd);
}
