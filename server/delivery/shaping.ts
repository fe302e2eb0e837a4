/** Each provider's limits and back-off: the built-in values, and what an administrator changed of them. */
import { eq } from 'drizzle-orm';
import type { Static } from 'typebox';
import { checkOverride, createProfiles, type ShapingOverride, type ShapingValues } from '../../mta/index.ts';
import { shapingOverrides } from '../db/schema.ts';
import type { Db, Deps } from '../deps.ts';
import { AppError, type FieldErrorCode, invalid } from '../errors.ts';
import { readOverrides } from '../settings/publish.ts';
import type { ShapingCreate, ShapingPatch, ShapingProvider } from './schemas.ts';

type Context = Pick<Deps, 'db'>;
type Row = typeof shapingOverrides.$inferSelect;
type Override = Omit<ShapingOverride, 'provider'>;

/** One's own first, `generic` last. */
export function listShaping({ db }: Context): ShapingProvider[] {
  return createProfiles(readOverrides(db))
    .list()
    .map(({ limits, backoff, ...provider }) => ({
      ...provider,
      limits,
      backoff,
      changed:
        provider.own ||
        backoff.override !== null ||
        Object.values(limits).some(({ override }) => override !== null),
    }));
}

/** @throws AppError `not-found` */
export function getShaping(context: Context, provider: string): ShapingProvider {
  const found = listShaping(context).find((each) => each.provider === provider);
  if (!found) throw new AppError('not-found', `There is no provider ${provider}`);
  return found;
}

/** @throws AppError `already-exists`, `value-invalid` */
export function createShaping(context: Context, body: Static<typeof ShapingCreate>): ShapingProvider {
  const { provider, values = {}, ...rest } = body;
  if (listShaping(context).some((each) => each.provider === provider)) {
    throw new AppError('already-exists', `There is already a provider ${provider}`, [
      {
        pointer: '/provider',
        code: 'already-exists',
        message: 'There is already one of this name; change that one',
        value: provider,
      },
    ]);
  }
  save(context.db, provider, {
    ...rest,
    label: rest.label?.trim() || provider,
    mx: rest.mx?.map(tidy) ?? [],
    domains: rest.domains?.map(tidy) ?? [],
    values,
  });
  return getShaping(context, provider);
}

/**
 * Only what is named changes; null goes back to the built-in value.
 * @throws AppError `not-found`, `value-invalid`
 */
export function patchShaping(
  context: Context,
  provider: string,
  body: Static<typeof ShapingPatch>,
): ShapingProvider {
  const { db } = context;
  const before = getShaping(context, provider);
  const row = find(db, provider);
  if (!before.own) {
    // Which mail a built-in provider is about is knowledge, not taste: one's own provider can take a part of it.
    for (const field of ['label', 'mx', 'domains'] as const)
      if (body[field] !== undefined)
        throw invalid(
          `/${field}`,
          'value-invalid',
          `of a built-in provider (${provider}) cannot be changed`,
          body[field],
        );
  }
  const backoff = body.backoff === undefined ? (row?.backoff ?? undefined) : (body.backoff ?? undefined);
  save(db, provider, {
    label: body.label?.trim() || row?.label || undefined,
    mx: body.mx?.map(tidy) ?? row?.mx ?? undefined,
    domains: body.domains?.map(tidy) ?? row?.domains ?? undefined,
    values: mergeValues(row?.values ?? {}, body.values ?? {}),
    backoff,
  });
  return getShaping(context, provider);
}

/**
 * A built-in provider goes back to its built-in values, one's own is removed.
 * @throws AppError `not-found`
 */
export function deleteShaping(context: Context, provider: string): ShapingProvider {
  const before = getShaping(context, provider);
  context.db.delete(shapingOverrides).where(eq(shapingOverrides.provider, provider)).run();
  return before;
}

function mergeValues(
  before: Partial<ShapingValues>,
  change: { [K in keyof ShapingValues]?: ShapingValues[K] | null | undefined },
): Partial<ShapingValues> {
  const merged: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = value;
  }
  return merged as Partial<ShapingValues>;
}

const tidy = (name: string): string => name.trim().toLowerCase().replace(/\.$/, '');

function find(db: Db, provider: string): Row | undefined {
  return db.select().from(shapingOverrides).where(eq(shapingOverrides.provider, provider)).get();
}

/** What the MTA would not use is not kept. @throws AppError `value-invalid` */
function save(db: Db, provider: string, override: Override): void {
  const checked = checkOverride({ provider, ...override });
  if (!checked.ok) throw refused(checked.field, checked.message, override);
  const { label = null, mx = null, domains = null, values, backoff = null } = override;
  if (Object.keys(values).length === 0 && backoff === null && mx === null && domains === null) {
    db.delete(shapingOverrides).where(eq(shapingOverrides.provider, provider)).run();
    return;
  }
  const row = { label, mx, domains, values, backoff, updatedAt: Date.now() };
  db.insert(shapingOverrides)
    .values({ provider, ...row })
    .onConflictDoUpdate({ target: shapingOverrides.provider, set: row })
    .run();
}

/** `field` is a path with dots: `backoff.2.match`. */
function refused(field: string, message: string, override: Override): AppError {
  const path = field.split('.');
  const value = path.reduce<unknown>(
    (part, name) =>
      typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[name] : undefined,
    override,
  );
  const code: FieldErrorCode = path.at(-1) === 'match' ? 'pattern' : 'value-invalid';
  return invalid(`/${path.join('/')}`, code, message, typeof value === 'object' ? undefined : value);
}
