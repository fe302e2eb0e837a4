/** A data folder whose disk can be filled and freed while the appliance runs. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SmallDisk {
  dir: string;
  /** what processes on it need in their environment */
  env: Record<string, string>;
  /** Not one byte more can be written. */
  fill(): void;
  free(): void;
  close(): void;
}

/**
 * A file system of its own, in memory. Where mounting is not permitted (a container without the right), SQLite is told that its files may not
 * grow: the same errors at the same places.
 */
export function smallDisk(megabytes: number): SmallDisk {
  const dir = mkdtempSync(join(tmpdir(), 'todoke-disk-'));
  return mounted(dir, megabytes) ? fileSystem(dir) : pageLimit(dir);
}

function mounted(dir: string, megabytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', dir], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

function fileSystem(dir: string): SmallDisk {
  const filler = join(dir, 'filler');
  return {
    dir,
    env: {},
    fill() {
      const file = openSync(filler, 'w');
      for (const size of [1_048_576, 4096]) {
        const chunk = Buffer.alloc(size);
        try {
          for (;;) writeSync(file, chunk);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
      closeSync(file);
    },
    free: () => rmSync(filler),
    close() {
      execFileSync('umount', [dir]);
      rmSync(dir, { recursive: true });
    },
  };
}

function pageLimit(dir: string): SmallDisk {
  const flag = `${dir}.full`;
  return {
    dir,
    env: {
      NODE_OPTIONS: `--import ${fileURLToPath(import.meta.resolve('./page-limit.ts'))}`,
      TODOKE_TEST_FULL: flag,
    },
    fill: () => writeFileSync(flag, ''),
    free: () => rmSync(flag),
    close() {
      rmSync(flag, { force: true });
      rmSync(dir, { recursive: true });
    },
  };
}
