/** When a session or a key was last seen. */
import type { Statement } from 'better-sqlite3';

/** It is written down at most this often: a read must not cost a synced write each time. */
const TOUCH_MS = 60_000;

/**
 * @param statement takes time and id
 * @param last epoch ms that is written down
 */
export function touch(statement: Statement, last: number, now: number, id: string | number): void {
  if (now - last < TOUCH_MS) return;
  try {
    statement.run(now, id);
  } catch {
    // The disk is full or locked: that is when somebody must be able to look. What cannot be kept is asked for again.
  }
}
