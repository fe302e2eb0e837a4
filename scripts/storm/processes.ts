/** The appliance's processes by /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** MTAs that run on this data folder: the server's child, and one that drains after its server was killed. */
export function mtaPids(dataDir: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && alive(pid))
    .filter(
      (pid) =>
        read(pid, 'cmdline').includes('mta/main.ts') &&
        read(pid, 'environ').split('\0').includes(`TODOKE_DATA_DIR=${dataDir}`),
    );
}

/** A process that has ended and waits for its parent to look is not alive: its files, locks and sockets are gone. */
export function alive(pid: number): boolean {
  const stat = read(pid, 'stat');
  // The name stands in parentheses and may hold anything.
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return stat !== '' && state !== 'Z' && state !== 'X';
}

/** kill -9 of one that may have ended already. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(alive)) await sleep(5);
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
