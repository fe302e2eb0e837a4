/** Where an import's files are: the upload until the import ends, and its rejected rows for a while after that. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDir } from '../../db/open.ts';

/** Rejected rows are people's data: long enough to mend the file, no longer. */
const REJECTED_KEPT_MS = 30 * 86_400_000;

export const importsDir = (dataDir: string): string => join(dataDir, 'imports');
export const uploadPath = (dataDir: string, id: number): string => join(importsDir(dataDir), `${id}.csv`);
export const rejectedPath = (dataDir: string, id: number): string =>
  join(importsDir(dataDir), `${id}.rejected.csv`);

/** Removes what a crash left of uploads that were never accepted, and old files of rejected rows. At start only. */
export function tidyImports(dataDir: string, now: number): void {
  const dir = importsDir(dataDir);
  makePrivateDir(dir);
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const old = name.endsWith('.rejected.csv') && statSync(path).mtimeMs < now - REJECTED_KEPT_MS;
    if (old || name.endsWith('.upload')) rmSync(path, { force: true });
  }
}
