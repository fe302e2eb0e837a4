/** How an attribute is written in a mail. */
export function liquidName(key: string): string {
  return `{{ ${key} }}`;
}

/** What Japanese address books commonly hold. */
const COMMON: Record<string, string> = {
  会社名: 'company',
  会社: 'company',
  企業名: 'company',
  団体名: 'organisation',
  部署: 'department',
  部署名: 'department',
  所属: 'department',
  役職: 'job_title',
  姓: 'last_name',
  名: 'first_name',
  フリガナ: 'name_kana',
  ふりがな: 'name_kana',
  氏名カナ: 'name_kana',
  電話番号: 'phone',
  電話: 'phone',
  携帯電話: 'mobile',
  郵便番号: 'postal_code',
  都道府県: 'prefecture',
  市区町村: 'city',
  住所: 'address',
  生年月日: 'birthday',
  誕生日: 'birthday',
  年齢: 'age',
  性別: 'gender',
  会員番号: 'member_number',
  会員種別: 'member_type',
  社員番号: 'employee_number',
  顧客番号: 'customer_number',
  お客様番号: 'customer_number',
  入会日: 'joined_on',
  登録日: 'registered_on',
  ポイント: 'points',
  ランク: 'rank',
  店舗: 'shop',
  店舗名: 'shop',
  担当者: 'contact',
  支店: 'branch',
  備考: 'note',
};

/** A key from a label: known Japanese words are translated, Latin letters kept; all else gets `field_1`, `field_2`… */
export function suggestKey(label: string, taken: readonly string[]): string {
  const latin = (COMMON[label.normalize('NFKC').trim()] ?? label)
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 40);
  if (latin.length >= 2 && !taken.includes(latin)) return latin;
  const base = latin.length >= 2 ? latin.slice(0, 36) : 'field';
  for (let n = base === 'field' ? 1 : 2; ; n += 1) {
    if (!taken.includes(`${base}_${n}`)) return `${base}_${n}`;
  }
}
