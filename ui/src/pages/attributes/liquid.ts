/** How an attribute is written in a mail. */
export function liquidName(key: string): string {
  return `{{ ${key} }}`;
}

/** A key from a label: Latin letters are kept, other scripts cannot be, so they get `field_1`, `field_2`… */
export function suggestKey(label: string, taken: readonly string[]): string {
  const latin = label
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
