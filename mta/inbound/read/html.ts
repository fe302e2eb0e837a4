/** HTML → lines of text, in one pass: for reading words, not for showing. */

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  eacute: 'é',
  egrave: 'è',
  agrave: 'à',
  auml: 'ä',
  ouml: 'ö',
  uuml: 'ü',
  szlig: 'ß',
};

const BLOCKS = new Set(
  'address,blockquote,br,div,dd,dt,h1,h2,h3,h4,h5,h6,hr,li,ol,p,pre,table,td,tr,ul'.split(','),
);

/** Linear in the length. `<neko@example.jp>`, which careless writers leave unescaped, is no tag and stays. */
export function htmlToText(html: string): string {
  let out = '';
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      out += html.slice(at);
      break;
    }
    out += html.slice(at, open);
    if (html.startsWith('<!--', open)) {
      const end = html.indexOf('-->', open);
      if (end < 0) break;
      at = end + 3;
      continue;
    }
    const close = html.indexOf('>', open);
    if (close < 0) {
      out += html.slice(open);
      break;
    }
    const tag = html.slice(open + 1, close);
    const name = /^\/?([A-Za-z][A-Za-z0-9]*)/.exec(tag)?.[1]?.toLowerCase() ?? '';
    at = close + 1;
    if (/^[^\s=/]+@[^\s=]+$/.test(tag)) out += `<${tag}>`;
    else if (name === 'style' || name === 'script' || name === 'title' || name === 'head') {
      if (name !== 'head' && !tag.startsWith('/')) {
        const end = endOf(html, name, at);
        if (end < 0) break;
        at = end;
      }
    } else if (BLOCKS.has(name)) out += '\n';
    else if (name === '' && !/^[!?/]/.test(tag)) {
      out += '<';
      at = open + 1;
    }
  }
  return decodeEntities(out)
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/\n[ \n]*\n/g, '\n\n');
}

/** Where `</name>` ends, in any case. */
function endOf(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}\\s{0,5}>`, 'gi');
  end.lastIndex = from;
  return end.test(html) ? end.lastIndex : -1;
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (whole, dec, hex, name) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = Number.parseInt(dec ?? hex, dec === undefined ? 16 : 10);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
