import { expect, test } from 'vitest';
import { hashPassword, PASSWORD_COST, verifyPassword } from './passwords.ts';
import { randomApiKey, randomPassword, randomToken, sha256 } from './secrets.ts';
import { Throttle } from './throttle.ts';

const cheap = { ln: 4, r: 8, p: 1 };

test('a password is verified by the parameters in its hash, and an old hash is told apart', async () => {
  const old = await hashPassword('correct horse', cheap);
  expect(old).toMatch(/^\$scrypt\$ln=4,r=8,p=1\$[\w-]{22}\$[\w-]{43}$/);
  expect(await verifyPassword('correct horse', old)).toBe('outdated');
  expect(await verifyPassword('wrong horse', old)).toBe('wrong');
  const current = await hashPassword('correct horse');
  expect(current).toContain(`$ln=${PASSWORD_COST.ln},r=8,p=3$`);
  expect(await verifyPassword('correct horse', current)).toBe('right');
  expect(await hashPassword('correct horse', cheap)).not.toBe(old);
});

test('the same word in another form of Unicode is the same password', async () => {
  const hash = await hashPassword('パスワード', cheap);
  expect(await verifyPassword('ﾊﾟｽﾜｰﾄﾞ', hash)).toBe('outdated');
  expect(await verifyPassword('パスワード'.normalize('NFD'), hash)).toBe('outdated');
});

test.each(['', 'plain', '$scrypt$ln=4,r=8,p=1$short', '$2b$10$abc'])(
  'a stored value that is no hash never matches: %s',
  async (stored) => {
    expect(await verifyPassword('', stored)).toBe('wrong');
  },
);

test('many verifications at once all come to an end', async () => {
  const hash = await hashPassword('x', cheap);
  const verdicts = await Promise.all(Array.from({ length: 20 }, () => verifyPassword('x', hash)));
  expect(new Set(verdicts)).toEqual(new Set(['outdated']));
});

test('keys, tokens and made-up passwords', () => {
  expect(randomApiKey()).toMatch(/^tdk_[0-9A-Za-z]{43}$/);
  expect(randomToken()).toMatch(/^[\w-]{43}$/);
  expect(randomPassword()).toMatch(/^[a-km-np-z2-8]{5}(-[a-km-np-z2-8]{5}){3}$/);
  expect(new Set(Array.from({ length: 100 }, randomApiKey)).size).toBe(100);
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('throttle: the window slides, waiting is told in seconds', () => {
  const throttle = new Throttle({ failures: 3, windowMs: 60_000 });
  const waits: number[] = [];
  for (const now of [0, 10_000, 20_000, 30_000, 59_000, 60_001, 60_002]) {
    const wait = throttle.retryAfter('a', now);
    waits.push(wait);
    if (wait === 0) throttle.begin('a', now);
  }
  expect(waits).toEqual([0, 0, 0, 30, 1, 0, 10]);
  expect(throttle.retryAfter('b', 30_000)).toBe(0);
});

test('throttle: a success takes back its own try, clearing takes back all', () => {
  const throttle = new Throttle({ failures: 2, windowMs: 60_000 });
  throttle.begin('a', 1);
  throttle.begin('a', 2);
  throttle.succeed('a', 2);
  expect(throttle.retryAfter('a', 3)).toBe(0);
  throttle.begin('a', 3);
  expect(throttle.retryAfter('a', 4)).toBeGreaterThan(0);
  throttle.clear('a');
  expect(throttle.retryAfter('a', 4)).toBe(0);
});
