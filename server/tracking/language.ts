/** Readers' pages are in Japanese or English. */
export type PageLanguage = 'ja' | 'en';

/** The first of ja and en by the weights of Accept-Language; Japanese when the reader names neither. */
export function pageLanguage(header: string | undefined): PageLanguage {
  let best: { language: PageLanguage; weight: number } | undefined;
  for (const part of (header ?? '').split(',').slice(0, 20)) {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
    const primary = tag.trim().split('-')[0];
    if (primary !== 'ja' && primary !== 'en') continue;
    const q = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/.exec(parameter)?.[1]).find(Boolean);
    const weight = q === undefined ? 1 : Number(q) || 0;
    if (weight > 0 && weight > (best?.weight ?? 0)) best = { language: primary, weight };
  }
  return best?.language ?? 'ja';
}
