/** Loaded into the appliance's processes before everything else: while the flag file exists, no database of theirs may grow. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Database } from 'better-sqlite3';

const flag = process.env.TODOKE_TEST_FULL ?? '';
const { prototype } = createRequire(import.meta.url)('better-sqlite3') as { prototype: Database };
const open = new Set<Database>();
const { pragma } = prototype;
let full = false;

prototype.pragma = function (this: Database, ...args: Parameters<typeof pragma>) {
  if (!this.readonly) open.add(this);
  return pragma.apply(this, args);
};

setInterval(() => {
  if (existsSync(flag) === full) return;
  full = !full;
  for (const db of open) {
    if (!db.open) open.delete(db);
    // SQLite makes no limit smaller than what there is.
    else pragma.call(db, `max_page_count = ${full ? 1 : 1_000_000_000}`);
  }
}, 20).unref();
