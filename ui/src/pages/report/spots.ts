/** Which link of the report is which link on the mail: both are in the mail's order, but the mail has more (unsubscribe). */
export interface LinkPlace {
  href: string;
}

/** Link index → position in `spots`. Personalised links have Liquid in their URL and match whatever comes next. */
export function matchSpots(
  links: readonly { index: number; url: string }[],
  spots: readonly LinkPlace[],
): Map<number, number> {
  const found = new Map<number, number>();
  let from = 0;
  for (const link of [...links].sort((a, b) => a.index - b.index)) {
    const personal = /\{\{|\{%/.test(link.url);
    const at = spots.findIndex((spot, i) => i >= from && (personal || same(spot.href, link.url)));
    if (at < 0) continue;
    found.set(link.index, at);
    from = at + 1;
  }
  return found;
}

function same(a: string, b: string): boolean {
  const tidy = (url: string) => (URL.canParse(url) ? new URL(url).href : url);
  return tidy(a) === tidy(b);
}
