/** What is still to be filled in, as the starters mark it. */
export function blanks(text: string): string[] {
  return [...text.matchAll(/〔[^〔〕\n]{1,80}〕|\[\[[^[\]\n]{1,80}\]\]/g)].map((match) => match[0]);
}
