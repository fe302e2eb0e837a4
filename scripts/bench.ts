/** `npm run bench -- NAME [--flags]`: runs mta/bench/NAME.ts or server/bench/NAME.ts, which print one JSON line per figure. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDERS = ['mta/bench', 'server/bench'].map((path) =>
  fileURLToPath(new URL(`../${path}`, import.meta.url)),
);
const [name, ...flags] = process.argv.slice(2);

const benches = FOLDERS.flatMap((folder) =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((file) => /^[\w-]+\.ts$/.test(file))
    .map((file) => ({ name: file.replace(/\.ts$/, ''), file: `${folder}/${file}` })),
);
const bench = benches.find((candidate) => candidate.name === name);
if (!bench) {
  if (name !== undefined) console.error(`There is no bench ${name}.`);
  console.error(
    `Usage: npm run bench -- NAME [--flags]\nBenches: ${benches.map((known) => known.name).join(', ')}`,
  );
  process.exit(name === undefined ? 0 : 2);
}
const child = spawn(process.execPath, [bench.file, ...flags], { stdio: 'inherit' });
// A terminal's Ctrl-C reaches the bench itself, which cleans up.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
child.on('exit', (code) => process.exit(code ?? 1));
