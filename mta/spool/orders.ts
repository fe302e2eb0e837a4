/**
 * Controls (what operators order), throttles (what replies brought about), warm-up and TLS counters: small tables that both
 * sides read. `meta.orders` tells the MTA that the server has changed one of the first two.
 */
import type { Database } from 'better-sqlite3';
import type { Control, Throttle, TlsReportRow, WarmUpRow } from '../types.ts';
import type { ControlInput, Spool } from './api.ts';

export const CONTROL = `id, scope, value, action, route_id AS routeId, pool_id AS poolId, reason, made_by AS "by",
  created_at AS createdAt, until, state, affected`;
export const THROTTLE = `id, kind, source, site, provider, sending_domain AS sendingDomain, per_minute AS perMinute, connections,
  since, until, cause AS "trigger", times, reply`;

/** Orders that are done and still shown. */
const DONE_KEPT = 50;

type Orders = Pick<
  Spool,
  | 'addControl'
  | 'removeControl'
  | 'controls'
  | 'throttles'
  | 'liftThrottle'
  | 'warmUps'
  | 'resetWarmUp'
  | 'tlsReport'
>;

/** The server's side. */
export function createOrders(db: Database): Orders {
  const changed = db.prepare(`UPDATE meta SET value = value + 1 WHERE key = 'orders'`);
  const insert = db.prepare(
    `INSERT INTO control (scope, value, action, route_id, pool_id, reason, made_by, created_at, until, last_queue_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'queue'), 0))`,
  );
  const prune = db.prepare(
    `DELETE FROM control WHERE state = 'done' AND id NOT IN (SELECT id FROM control WHERE state = 'done' ORDER BY id DESC LIMIT ?)`,
  );
  const remove = db.prepare('DELETE FROM control WHERE id = ?');
  const controls = db.prepare(`SELECT ${CONTROL} FROM control ORDER BY id DESC`);
  const throttles = db.prepare(`SELECT ${THROTTLE} FROM throttle ORDER BY id DESC`);
  const lift = db.prepare('DELETE FROM throttle WHERE id = ?');
  const warmUps = db.prepare('SELECT source, provider, day, step, sent, deferred FROM warm_up');
  const reset = db.prepare('DELETE FROM warm_up WHERE source = ? AND (? IS NULL OR provider = ?)');
  // Every recipient domain has its rows each day: which are read is decided before they are.
  const report = db.prepare(
    `SELECT r.day, r.policy_domain AS policyDomain, policy_type AS policyType, policy_string AS policyString, mx_host AS mxHost,
       result, sessions
     FROM (
       SELECT day, policy_domain FROM tls_report
       WHERE day >= ? AND day <= ? AND (? IS NULL OR policy_domain = ?)
       GROUP BY day, policy_domain ORDER BY max(result <> '') DESC, day DESC, policy_domain LIMIT ?
     ) AS chosen
     JOIN tls_report r ON r.day = chosen.day AND r.policy_domain = chosen.policy_domain
     ORDER BY r.day, r.policy_domain, policy_type, mx_host, result`,
  );

  const add = db.transaction((input: ControlInput): number => {
    const { lastInsertRowid } = insert.run(
      input.scope,
      input.value,
      input.action,
      input.routeId ?? null,
      input.poolId ?? null,
      input.reason,
      input.by,
      Date.now(),
      input.until ?? null,
    );
    prune.run(DONE_KEPT);
    changed.run();
    return lastInsertRowid as number;
  });
  const removing = (statement: typeof remove) =>
    db.transaction((id: number): boolean => {
      changed.run();
      return statement.run(id).changes > 0;
    });
  const removeControl = removing(remove);
  const liftThrottle = removing(lift);
  const resetWarmUp = db.transaction((source: string, provider: string | undefined) => {
    reset.run(source, provider ?? null, provider ?? null);
    changed.run();
  });

  return {
    addControl: (input) => add.immediate(input),
    removeControl: (id) => removeControl.immediate(id),
    controls: () => controls.all() as Control[],
    throttles: () => throttles.all() as Throttle[],
    liftThrottle: (id) => liftThrottle.immediate(id),
    warmUps: () => warmUps.all() as WarmUpRow[],
    resetWarmUp: (source, provider) => void resetWarmUp.immediate(source, provider),
    tlsReport: (from, to, { domain, limit } = {}) =>
      report.all(from, to, domain ?? null, domain ?? null, limit ?? -1) as TlsReportRow[],
  };
}
