import { readFileSync } from 'node:fs';

/** of package.json, read once: the same file says it in a checkout and in the image */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;
