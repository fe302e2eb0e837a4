/** Accounts of the people who work with Todoke. There is always an enabled administrator. */
import { and, asc, eq, isNull, ne, sql } from 'drizzle-orm';
import { users } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { hashPassword, verifyPassword, wasteVerification } from './passwords.ts';
import type { Role } from './permissions.ts';
import type { User } from './schemas.ts';

type UserRow = typeof users.$inferSelect;

/** Addresses of accounts are compared without regard to case: nobody has two mailboxes that differ in it. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    disabled: row.disabledAt !== null,
    lastLoginAt: row.lastLoginAt === null ? null : new Date(row.lastLoginAt).toISOString(),
    createdAt: new Date(row.createdAt).toISOString(),
  };
}

export function listUsers(db: Db): User[] {
  return db.select().from(users).orderBy(asc(users.id)).all().map(toUser);
}

export function getUser(db: Db, id: number): UserRow {
  const row = db.select().from(users).where(eq(users.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no user ${id}`);
  return row;
}

export function findUser(db: Db, email: string): UserRow | undefined {
  return db
    .select()
    .from(users)
    .where(eq(users.email, normalizeEmail(email)))
    .get();
}

/** @throws AppError address-invalid, already-exists */
export async function createUser(
  db: Db,
  input: { email: string; name: string; role: Role; password: string; language?: 'ja' | 'en' },
): Promise<User> {
  const email = normalizeEmail(input.email);
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) {
    throw new AppError('address-invalid', `${input.email} is not an email address`, [
      {
        pointer: '/email',
        code: 'address-invalid',
        message: 'should be an email address',
        value: input.email,
      },
    ]);
  }
  const exists = () => {
    if (!findUser(db, email)) return;
    throw new AppError('already-exists', `There is already a user ${email}`, [
      { pointer: '/email', code: 'already-exists', message: 'is already a user', value: email },
    ]);
  };
  exists();
  const passwordHash = await hashPassword(input.password);
  // again: hashing took a while, and another request may have been faster
  exists();
  const { name, role, language = 'ja' } = input;
  return toUser(
    db.insert(users).values({ email, name: name.trim(), role, passwordHash, language }).returning().get(),
  );
}

export interface UserChange {
  name?: string | undefined;
  role?: Role | undefined;
  language?: 'ja' | 'en' | undefined;
  password?: string | undefined;
  disabled?: boolean | undefined;
}

/** @throws AppError not-found, last-administrator */
export async function changeUser(db: Db, id: number, change: UserChange): Promise<User> {
  const passwordHash = change.password === undefined ? undefined : await hashPassword(change.password);
  return db.transaction(
    (tx) => {
      const before = getUser(tx as unknown as Db, id);
      const staysAdministrator =
        (change.role ?? before.role) === 'administrator' && !(change.disabled ?? before.disabledAt !== null);
      if (!staysAdministrator) keepAnAdministrator(tx as unknown as Db, before);
      const now = Date.now();
      const disabledAt =
        change.disabled === undefined
          ? before.disabledAt
          : change.disabled
            ? (before.disabledAt ?? now)
            : null;
      return toUser(
        tx
          .update(users)
          .set({
            name: change.name?.trim(),
            role: change.role,
            language: change.language,
            passwordHash,
            disabledAt,
            updatedAt: now,
          })
          .where(eq(users.id, id))
          .returning()
          .get()!,
      );
    },
    { behavior: 'immediate' },
  );
}

/** @throws AppError not-found, last-administrator */
export function deleteUser(db: Db, id: number): User {
  return db.transaction(
    (tx) => {
      const row = getUser(tx as unknown as Db, id);
      keepAnAdministrator(tx as unknown as Db, row);
      tx.delete(users).where(eq(users.id, id)).run();
      return toUser(row);
    },
    { behavior: 'immediate' },
  );
}

function keepAnAdministrator(db: Db, leaving: UserRow): void {
  if (leaving.role !== 'administrator' || leaving.disabledAt !== null) return;
  const others = db
    .select({ count: sql<number>`count(*)` })
    .from(users)
    .where(and(eq(users.role, 'administrator'), isNull(users.disabledAt), ne(users.id, leaving.id)))
    .get();
  if (!others?.count) throw new AppError('last-administrator');
}

export function hasUsers(db: Db): boolean {
  return db.select({ id: users.id }).from(users).limit(1).get() !== undefined;
}

/** The user whose password this is. An unknown or disabled account costs the same work and answers the same. */
export async function checkCredentials(
  db: Db,
  email: string,
  password: string,
): Promise<UserRow | undefined> {
  const row = findUser(db, email);
  if (!row || row.disabledAt !== null) {
    await wasteVerification(password);
    return undefined;
  }
  const verdict = await verifyPassword(password, row.passwordHash);
  if (verdict === 'wrong') return undefined;
  if (verdict === 'outdated') {
    const passwordHash = await hashPassword(password);
    db.update(users)
      .set({ passwordHash })
      .where(and(eq(users.id, row.id), eq(users.passwordHash, row.passwordHash)))
      .run();
  }
  return row;
}

export function noteLogin(db: Db, id: number, now: number): void {
  db.update(users).set({ lastLoginAt: now }).where(eq(users.id, id)).run();
}
