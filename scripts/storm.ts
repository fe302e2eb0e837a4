/**
 * `npm run storm -- --kills 100 [--count 20000] [--seed N] [--seconds 1800]`: kill -9 of MTA, server and both at random moments of one
 * campaign. Prints one JSON line; exit code 1 when a recipient is not accounted for.
 */
import { parseArgs } from 'node:util';
import { storm } from './storm/run.ts';

/** discrepancies that are named */
const SHOWN = 20;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    count: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seconds: { type: 'string', default: '1800' },
  },
});
const numberOf = (name: keyof typeof values): number => {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= (name === 'seed' ? 0 : 1)) return number;
  console.error(`--${name} should be a whole number from ${name === 'seed' ? 0 : 1} on, not ${values[name]}`);
  process.exit(2);
};

const { discrepancies, ...figures } = await storm({
  kills: numberOf('kills'),
  count: numberOf('count'),
  seed: numberOf('seed'),
  seconds: numberOf('seconds'),
  log: (line) => console.error(line),
});
for (const line of discrepancies.slice(0, SHOWN)) console.error(line);
if (discrepancies.length > SHOWN) console.error(`… and ${discrepancies.length - SHOWN} more`);
console.log(JSON.stringify({ bench: 'storm', ...figures, discrepancies: discrepancies.length }));
process.exit(discrepancies.length === 0 ? 0 : 1);
