/** Every numbered case of DELIVERY.md has its file, and no file stands for a number that is none. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** The numbers of DELIVERY.md's "Correctness cases", which is not part of this repository; 33 and 42 are not given there. */
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const NUMBERS = [...range(1, 32), ...range(34, 41), ...range(43, 47)];

const files = readdirSync(import.meta.dirname).filter((name) => name !== 'every-case.test.ts');
const numberOf = (name: string): number =>
  Number(/^(\d\d)-[a-z0-9-]+\.test\.ts$/.exec(name)?.[1] ?? Number.NaN);

it('each number has one file', () => {
  expect(files.map(numberOf).sort((a, b) => a - b)).toEqual(NUMBERS);
});

describe.each(files)('%s', (name) => {
  const source = readFileSync(`${import.meta.dirname}/${name}`, 'utf8');
  it('says first what it shows, under its number', () => {
    expect(source).toMatch(new RegExp(`^/\\*\\*\\s+(?:\\* )?${numberOf(name)}\\. `));
  });
  it('runs: it skips nothing and holds expectations', () => {
    expect(source).not.toMatch(/\b(?:it|describe|test)\.(?:skip|todo|only|fails)\b/);
    expect(source.match(/\bexpect\(/g)?.length ?? 0).toBeGreaterThan(0);
  });
});
