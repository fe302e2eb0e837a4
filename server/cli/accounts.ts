import { auditSystem } from '../audit/audit.ts';
import { createKey } from '../auth/keys.ts';
import { ROLES, type Role, SCOPES, type Scope } from '../auth/permissions.ts';
import { randomPassword } from '../auth/secrets.ts';
import { createUser } from '../auth/users.ts';
import { PASSWORD_MAX, PASSWORD_MIN } from '../config.ts';
import { type Command, EXIT, required, UsageError } from './commands.ts';
import { withDatabase } from './database.ts';

const ACTOR = 'todoke command';

export const userCreate: Command = {
  name: 'user create',
  summary: 'add somebody who can log in',
  help: `  --email ADDRESS     what they log in with
  --name NAME         how they are called
  --role ROLE         ${ROLES.join(', ')} (default administrator)
  --password-stdin    read the password from standard input; without it one is made and printed

Works while the server runs.`,
  options: {
    email: { type: 'string' },
    name: { type: 'string' },
    role: { type: 'string' },
    'password-stdin': { type: 'boolean' },
  },
  async run(options, io) {
    const email = required(options, 'email');
    const name = typeof options.name === 'string' && options.name.trim() ? options.name : email;
    const role = oneOf(ROLES, typeof options.role === 'string' ? options.role : 'administrator', 'role');
    const given = options['password-stdin'] ? (await io.input()).replace(/\r?\n$/, '') : undefined;
    if (given !== undefined && (given.length < PASSWORD_MIN || given.length > PASSWORD_MAX)) {
      throw new UsageError(
        `The password should have ${PASSWORD_MIN} to ${PASSWORD_MAX} characters, but has ${given.length}.`,
      );
    }
    const password = given ?? randomPassword();
    const user = await withDatabase(io, async (db) => {
      const created = await createUser(db, { email, name, role: role as Role, password });
      auditSystem(db, ACTOR, 'user.create', `user:${created.id}`, { email: created.email, role });
      return created;
    });
    if (options.json)
      io.out(`${JSON.stringify({ ...user, ...(given === undefined ? { password } : {}) })}\n`);
    else
      io.out(
        `${user.email} can log in as ${user.role}${given === undefined ? ` with the password ${password}` : ''}\n`,
      );
    return EXIT.ok;
  },
};

export const keyCreate: Command = {
  name: 'key create',
  summary: 'make an API key',
  help: `  --name NAME       what the key is for
  --scope SCOPE     what it may do; repeat it, separate by commas, or "all"
                    ${SCOPES.join('\n                    ')}

The key is printed once and cannot be shown again. Works while the server runs.`,
  options: { name: { type: 'string' }, scope: { type: 'string', multiple: true } },
  async run(options, io) {
    const name = required(options, 'name');
    const asked = ((options.scope as string[] | undefined) ?? [])
      .flatMap((text) => text.split(','))
      .map((scope) => scope.trim())
      .filter(Boolean);
    if (asked.length === 0) throw new UsageError('--scope is missing.');
    const scopes: readonly Scope[] = asked.includes('all')
      ? SCOPES
      : asked.map((scope) => oneOf(SCOPES, scope, 'scope'));
    const key = await withDatabase(io, (db) => {
      const created = createKey(db, { name, scopes, createdBy: null });
      auditSystem(db, ACTOR, 'api-key.create', `api-key:${created.id}`, {
        name: created.name,
        scopes: created.scopes,
      });
      return created;
    });
    io.out(options.json ? `${JSON.stringify(key)}\n` : `${key.key}\n`);
    return EXIT.ok;
  },
};

function oneOf<T extends string>(allowed: readonly T[], value: string, what: string): T {
  const found = allowed.find((item) => item === value);
  if (!found) throw new UsageError(`--${what} ${value}: should be one of ${allowed.join(', ')}.`);
  return found;
}
