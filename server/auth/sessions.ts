/** Logins. The cookie holds 256 random bits; the database only their SHA-256, so a stolen copy of it logs nobody in. */
import type { Statement } from 'better-sqlite3';
import type { Db } from '../deps.ts';
import type { Role } from './permissions.ts';
import { randomToken, sha256 } from './secrets.ts';
import { touch } from './touch.ts';

export const SESSION_COOKIE = 'todoke_session';
/** A working day without a look at it ends a session; a week ends it in any case. */
export const SESSION_IDLE_MS = 12 * 3_600_000;
export const SESSION_MAX_MS = 7 * 24 * 3_600_000;

export interface SessionUser {
  tokenHash: string;
  userId: number;
  email: string;
  name: string;
  role: Role;
  language: 'ja' | 'en';
}

export class Sessions {
  readonly #insert: Statement;
  readonly #find: Statement;
  readonly #touch: Statement;
  readonly #delete: Statement;
  readonly #deleteOfUser: Statement;
  readonly #purge: Statement;

  constructor(db: Db) {
    const client = db.$client;
    this.#insert = client.prepare(
      'INSERT INTO sessions (token_hash, user_id, created_at, last_seen_at, expires_at, ip, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#find = client.prepare(
      `SELECT s.token_hash AS tokenHash, s.last_seen_at AS lastSeenAt, u.id AS userId, u.email, u.name, u.role, u.language
       FROM sessions s JOIN users u ON u.id = s.user_id
       WHERE s.token_hash = ? AND s.expires_at > ? AND s.last_seen_at > ? AND u.disabled_at IS NULL`,
    );
    this.#touch = client.prepare('UPDATE sessions SET last_seen_at = ? WHERE token_hash = ?');
    this.#delete = client.prepare('DELETE FROM sessions WHERE token_hash = ?');
    this.#deleteOfUser = client.prepare('DELETE FROM sessions WHERE user_id = ? AND token_hash <> ?');
    this.#purge = client.prepare('DELETE FROM sessions WHERE expires_at <= ? OR last_seen_at <= ?');
  }

  /** Answers the cookie's value. */
  create(userId: number, ip: string, userAgent: string, now: number): string {
    const token = randomToken();
    this.#insert.run(sha256(token), userId, now, now, now + SESSION_MAX_MS, ip, userAgent.slice(0, 300));
    return token;
  }

  /** The user behind a cookie's value, undefined when it is unknown, over, or the user is disabled. */
  find(token: string, now: number): SessionUser | undefined {
    const row = this.#find.get(sha256(token), now, now - SESSION_IDLE_MS) as
      | (SessionUser & { lastSeenAt: number })
      | undefined;
    if (!row) return undefined;
    const { lastSeenAt, ...user } = row;
    touch(this.#touch, lastSeenAt, now, user.tokenHash);
    return user;
  }

  /** For open streams: whether the session still holds. Being asked does not count as being seen. */
  isValid(tokenHash: string, now: number): boolean {
    return this.#find.get(tokenHash, now, now - SESSION_IDLE_MS) !== undefined;
  }

  end(tokenHash: string): void {
    this.#delete.run(tokenHash);
  }

  /** Ends all of a user's sessions, but the one given. */
  endAll(userId: number, exceptHash = ''): void {
    this.#deleteOfUser.run(userId, exceptHash);
  }

  /** Removes those that are over. */
  purge(now: number): void {
    this.#purge.run(now, now - SESSION_IDLE_MS);
  }
}
