/**
 * Text with placeholders: `{name}` is filled in (numbers as the language writes them), `{n|item|items}` picks the
 * singular or plural by the language's rules. Pure, so that it is tested without a browser.
 */
export type Language = 'ja' | 'en';
export type Params = Record<string, string | number>;

const PLACEHOLDER = /\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g;
const numberFormats = new Map<Language, Intl.NumberFormat>();
const pluralRules = new Map<Language, Intl.PluralRules>();

function numberFormat(language: Language): Intl.NumberFormat {
  let format = numberFormats.get(language);
  if (!format) {
    format = new Intl.NumberFormat(language);
    numberFormats.set(language, format);
  }
  return format;
}

function isOne(language: Language, n: number): boolean {
  let rules = pluralRules.get(language);
  if (!rules) {
    rules = new Intl.PluralRules(language);
    pluralRules.set(language, rules);
  }
  return rules.select(n) === 'one';
}

export function fill(message: string, params: Params, language: Language): string {
  return message.replace(
    PLACEHOLDER,
    (whole, name: string, one: string | undefined, other: string | undefined) => {
      const value = params[name];
      if (value === undefined) return whole;
      if (one !== undefined && other !== undefined) return isOne(language, Number(value)) ? one : other;
      return typeof value === 'number' ? numberFormat(language).format(value) : value;
    },
  );
}

/** The names of a message's placeholders, each once, sorted. */
export function placeholders(message: string): string[] {
  return [...new Set([...message.matchAll(PLACEHOLDER)].map((match) => match[1]!))].sort();
}

/** `{a: {b: 'x'}}` → `{'a.b': 'x'}` */
export function flatten(dictionary: object, prefix = ''): Map<string, string> {
  const flat = new Map<string, string>();
  for (const [key, value] of Object.entries(dictionary)) {
    if (typeof value === 'string') flat.set(prefix + key, value);
    else for (const [inner, text] of flatten(value as object, `${prefix}${key}.`)) flat.set(inner, text);
  }
  return flat;
}
