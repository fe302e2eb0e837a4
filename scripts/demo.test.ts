import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { COLUMNS, demoPeople, peopleCsv } from './demo/people.ts';
import { decideReading, RATES } from './demo/readers.ts';

describe('the made-up audience', () => {
  const people = demoPeople(10_000);

  it('is the same in every run, with no address twice', () => {
    expect(demoPeople(10_000)).toEqual(people);
    expect(new Set(people.map(({ email }) => email)).size).toBe(10_000);
  });

  it('has about one refused address in a hundred', () => {
    const refused = people.filter(({ email }) => /^(bounce|full|block|defer)-/.test(email)).length;
    expect(refused).toBeGreaterThan(80);
    expect(refused).toBeLessThan(160);
  });

  it('is a CP932 file that keeps what only Windows-31J has', () => {
    const text = new TextDecoder('shift_jis', { fatal: true }).decode(peopleCsv(people));
    const lines = text.split('\r\n');
    expect(lines[0]).toBe(COLUMNS.join(','));
    expect(lines).toHaveLength(10_002);
    expect(lines[17]).toBe(people[16]!.row.join(','));
    for (const letter of ['髙', '﨑', '㈱']) expect(text).toContain(letter);
  });

  it('reads as people do', () => {
    const all = people.map(({ email }) => decideReading(email));
    const share = (what: 'opens' | 'clicks' | 'unsubscribes') =>
      all.filter((one) => one[what]).length / all.length;
    expect(share('opens')).toBeCloseTo(RATES.open, 1);
    expect(share('clicks')).toBeCloseTo(RATES.click, 1);
    expect(share('unsubscribes')).toBeGreaterThan(0.002);
    expect(share('unsubscribes')).toBeLessThan(0.006);
    expect(all.every((one) => one.opens || !(one.clicks || one.unsubscribes))).toBe(true);
  });
});

describe('npm run demo', () => {
  it('walks the whole main job and leaves nothing behind', async () => {
    const temp = mkdtempSync(join(tmpdir(), 'todoke-test-'));
    const people = 500;
    const demo = fileURLToPath(new URL('./demo.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [demo, '--people', String(people), '--exit'],
      {
        env: { ...process.env, TMPDIR: temp },
      },
    );
    const result = JSON.parse(stdout) as Record<string, unknown> & { counts: Record<string, number> };
    const addresses = demoPeople(people).map(({ email }) => email);
    const refused = addresses.filter((email) => /^(bounce|full|block)-/.test(email));
    const delivered = addresses.filter((email) => !refused.includes(email));
    const reading = delivered.map(decideReading);
    const deferred = addresses.filter((email) => email.startsWith('defer-'));
    expect(deferred.length).toBeGreaterThan(0);
    expect(result).toMatchObject({
      demo: 'done',
      created: people,
      rejected: 0,
      state: 'finished',
      counts: {
        recipients: people,
        queued: 0,
        sent: people,
        deferred: 0,
        bounced: refused.length,
        delivered: delivered.length,
        uniqueOpens: reading.filter(({ opens }) => opens).length,
        uniqueClicks: reading.filter(({ clicks }) => clicks).length,
        unsubscribes: reading.filter(({ unsubscribes }) => unsubscribes).length,
      },
    });
    expect(readdirSync(temp)).toEqual([]);
    rmSync(temp, { recursive: true });
  }, 180_000);
});
