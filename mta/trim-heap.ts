import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives the garbage of loading back to the system, once per thread, when all is loaded: the heap grows for it and would never
 * shrink under load. In the server it is much, as Node parses a package's package.json anew for each of its modules, and
 * drizzle-orm's is large: 150 MB in each thread that loads it. Measured: 546 → 175 MB for the idle server, 0.1 s a thread.
 */
export function trimHeap(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
