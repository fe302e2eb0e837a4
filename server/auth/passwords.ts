/**
 * Password hashing with scrypt (RFC 7914), whose parameters stand in each hash so that they can grow:
 * `$scrypt$ln=15,r=8,p=3$SALT$HASH` (base64url). ln=15, r=8, p=3 is OWASP's choice for 32 MB per hash. It runs in the
 * thread pool and at most two at a time, so that a storm of logins takes neither the event loop nor the memory.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

export interface ScryptCost {
  ln: number;
  r: number;
  p: number;
}

export const PASSWORD_COST: ScryptCost = { ln: 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const MAX_PARALLEL = 2;

export async function hashPassword(password: string, cost: ScryptCost = PASSWORD_COST): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, cost);
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** `outdated`: right, but made with other parameters than today's; hash it again. */
export async function verifyPassword(
  password: string,
  stored: string,
): Promise<'wrong' | 'right' | 'outdated'> {
  const parsed = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w-]+)\$([\w-]+)$/.exec(stored);
  if (!parsed) return 'wrong';
  const [, ln, r, p, salt = '', hash = ''] = parsed;
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const expected = Buffer.from(hash, 'base64url');
  const actual = await derive(password, Buffer.from(salt, 'base64url'), cost);
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) return 'wrong';
  const current = cost.ln === PASSWORD_COST.ln && cost.r === PASSWORD_COST.r && cost.p === PASSWORD_COST.p;
  return current ? 'right' : 'outdated';
}

let decoy: Promise<string> | undefined;

/** The work of a verification, for an account that is not there: time must not tell which accounts exist. */
export async function wasteVerification(password: string): Promise<void> {
  decoy ??= hashPassword(randomBytes(16).toString('hex'));
  await verifyPassword(password, await decoy);
}

let active = 0;
const queue: (() => void)[] = [];

async function derive(password: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
  if (active >= MAX_PARALLEL) await new Promise<void>((resolve) => queue.push(resolve));
  else active += 1;
  const options: ScryptOptions = {
    N: 2 ** cost.ln,
    r: cost.r,
    p: cost.p,
    maxmem: 256 * 2 ** cost.ln * cost.r,
  };
  try {
    // The same word typed on another keyboard may come in another form of Unicode (RFC 8265 §4.2).
    return await new Promise<Buffer>((resolve, reject) =>
      scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, key) =>
        error ? reject(error) : resolve(key),
      ),
    );
  } finally {
    const next = queue.shift();
    if (next) next();
    else active -= 1;
  }
}
