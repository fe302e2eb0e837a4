/** A new install has nobody who could log in: the first administrator is made from the environment, or made up. */
import { auditSystem } from '../audit/audit.ts';
import type { Config } from '../config.ts';
import type { Db } from '../deps.ts';
import { randomPassword } from './secrets.ts';
import { createUser, hasUsers } from './users.ts';

export interface FirstAdministrator {
  email: string;
  /** set when it was made up: it must be shown now, once, and never be logged */
  password: string | undefined;
}

/** Answers undefined when there are users already. */
export async function makeFirstAdministrator(
  db: Db,
  config: Pick<Config, 'admin'>,
): Promise<FirstAdministrator | undefined> {
  if (hasUsers(db)) return undefined;
  const { email, password } = config.admin;
  const made = password === undefined ? randomPassword() : undefined;
  const user = await createUser(db, {
    email,
    name: 'Administrator',
    role: 'administrator',
    password: password ?? made!,
  });
  auditSystem(db, 'first boot', 'user.create', `user:${user.id}`, { email: user.email, role: user.role });
  return { email: user.email, password: made };
}
