import type { Db } from '../deps.ts';

/** A receiver that complains of an event may have named the person: who is erased is forgotten there as well. */
export function forgetAnswers(db: Db, addresses: readonly string[]): void {
  const forget = db.$client.prepare(
    `UPDATE webhook_deliveries SET response = '' WHERE instr(lower(response), lower(?)) > 0`,
  );
  for (const address of addresses) forget.run(address);
}
