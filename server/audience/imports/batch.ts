/**
 * Writes people in batches. This is the hot part of an import: one look-up for the whole batch, one INSERT for fifty
 * people, one INSERT … SELECT for their memberships. Measured with 1,000,000 new people: 4.5 s of CPU, against 7.7 s
 * with an upsert and a membership for each.
 */
import type { Statement } from 'better-sqlite3';
import type { Spool } from '../../../mta/index.ts';
import type { Db } from '../../deps.ts';
import { Returning } from '../../suppression/returning.ts';
import type { Value } from '../values.ts';
import type { Person } from './people.ts';

const ROWS_OF_INSERT = 50;

export interface Written {
  created: number;
  updated: number;
  /** of `updated`: left the list before, so they stay unsubscribed */
  kept: Person[];
}

/** id, key, name, attributes, state of the membership */
type Existing = [number, string, string, string, string | null];

export class BatchWriter {
  readonly #listId: number;
  readonly #source: string;
  readonly #lookUp: Statement;
  readonly #sequence: Statement;
  readonly #insertMany: Statement;
  readonly #insertOne: Statement;
  readonly #addMembers: Statement;
  readonly #addMember: Statement;
  readonly #update: Statement;
  readonly #returning: Returning;

  constructor(db: Db, spool: Spool, listId: number, source: string) {
    const { $client: client } = db;
    this.#listId = listId;
    this.#source = source;
    this.#returning = new Returning(db, spool);
    this.#lookUp = client
      .prepare(
        `SELECT s.id, s.email_key, s.name, s.attributes, m.state FROM json_each(?) j CROSS JOIN subscribers s ON s.email_key = j.value
         LEFT JOIN memberships m ON m.list_id = ? AND m.subscriber_id = s.id`,
      )
      .raw();
    this.#sequence = client.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'subscribers'`).pluck();
    const insert =
      'INSERT INTO subscribers (email, email_key, name, attributes, created_at, updated_at) VALUES ';
    const row = '(?, ?, ?, ?, ?, ?)';
    this.#insertMany = client.prepare(insert + Array(ROWS_OF_INSERT).fill(row).join(', '));
    this.#insertOne = client.prepare(insert + row);
    this.#addMembers = client.prepare(
      `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at)
       SELECT ?, id, 'subscribed', ?, ? FROM subscribers WHERE id > ?`,
    );
    this.#addMember = client.prepare(
      `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at) VALUES (?, ?, 'subscribed', ?, ?)`,
    );
    this.#update = client.prepare(
      'UPDATE subscribers SET name = ?, attributes = ?, updated_at = ? WHERE id = ?',
    );
  }

  /** Call inside an IMMEDIATE transaction: who gets a new id here is found by it. */
  write(people: readonly Person[], now: number): Written {
    // The same address twice in a batch: the later row adds to the earlier, as it would in the next batch.
    const byKey = new Map<string, Person[]>();
    for (const person of people) {
      const same = byKey.get(person.key);
      if (same) same.push(person);
      else byKey.set(person.key, [person]);
    }
    const existing = this.#lookUp.all(JSON.stringify([...byKey.keys()]), this.#listId) as Existing[];
    const kept: Person[] = [];
    for (const row of existing) {
      const rows = byKey.get(row[1])!;
      byKey.delete(row[1]);
      this.#touch(row, rows, now);
      if (row[4] === 'unsubscribed') kept.push(...rows);
    }
    this.#create([...byKey.values()], now);
    return { created: byKey.size, updated: people.length - byKey.size, kept };
  }

  #create(people: readonly Person[][], now: number): void {
    const last = (this.#sequence.get() as number | undefined) ?? 0;
    let values: (string | number)[] = [];
    for (const rows of people) {
      const { email, key } = rows[0]!;
      let { name, attributes } = rows[0]!;
      if (rows.length > 1) ({ name, attributes } = merge('', '{}', rows));
      values.push(email, key, name, attributes, now, now);
      if (values.length === 6 * ROWS_OF_INSERT) {
        this.#insertMany.run(values);
        values = [];
      }
    }
    for (let i = 0; i < values.length; i += 6) this.#insertOne.run(values.slice(i, i + 6));
    if (people.length > 0) this.#addMembers.run(this.#listId, this.#source, now, last);
    for (const [first] of people) this.#returning.greet(first!.key, first!.email);
  }

  /** Writes only what changes. */
  #touch([id, , oldName, oldAttributes, state]: Existing, rows: readonly Person[], now: number): void {
    const { name, attributes } = merge(oldName, oldAttributes, rows);
    if (name !== oldName || attributes !== oldAttributes) this.#update.run(name, attributes, now, id);
    if (state === null) this.#addMember.run(this.#listId, id, this.#source, now);
  }
}

/** Later rows win; empty cells change nothing. */
function merge(
  oldName: string,
  oldAttributes: string,
  rows: readonly Person[],
): { name: string; attributes: string } {
  let name = oldName;
  const attributes = JSON.parse(oldAttributes) as Record<string, Value>;
  for (const row of rows) {
    name = row.name || name;
    Object.assign(attributes, JSON.parse(row.attributes));
  }
  return { name, attributes: JSON.stringify(attributes) };
}
