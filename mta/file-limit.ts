import { readFileSync } from 'node:fs';

/** Files that this process may have open, undefined: no limit is known. Node has raised its soft limit to the hard one by then. */
export function fileLimit(): number | undefined {
  try {
    return parseFileLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    // Not Linux.
    return undefined;
  }
}

/** The soft limit in the text of /proc/PID/limits; undefined: unlimited, or not there. */
export function parseFileLimit(text: string): number | undefined {
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
