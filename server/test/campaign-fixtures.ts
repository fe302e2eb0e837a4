/** What tests of campaigns and tracking start from: people, lists and the worker's side of the harness. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LedgerRow, Reason } from '../../mta/index.ts';
import { eventRow } from '../../mta/spool/ledger.ts';
import { openSpoolDb } from '../../mta/spool/open.ts';
import { Returned } from '../../mta/spool/returned.ts';
import { SettleWriter } from '../../mta/spool/settle.ts';
import { attributes, lists, memberships, subscribers } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import type { Harness } from '../testing/harness.ts';
import type { WorkerContext } from '../worker.ts';

/** The worker's context on the harness's own database; what it sends is noted where the harness notes it. */
export function workerContext(
  harness: Harness,
  signal: AbortSignal = new AbortController().signal,
): WorkerContext {
  return {
    dataDir: harness.dataDir,
    db: harness.db,
    spool: harness.deps.spool,
    signal,
    live: (event) => harness.sent.events.push(event),
    mta: (message) => harness.sent.mta.push(message),
    failed: (error) => {
      throw error;
    },
    breathe: () => nextTurn(),
  };
}

export function addList(db: Db, name: string): number {
  return db.insert(lists).values({ name }).returning().get().id;
}

export function addAttribute(db: Db, key: string): void {
  db.insert(attributes).values({ key, label: key, type: 'text' }).run();
}

export interface NewPerson {
  email: string;
  name?: string;
  attributes?: Record<string, string | number | boolean>;
  lists: number[];
  state?: 'subscribed' | 'unsubscribed';
  /** of the membership */
  since?: number;
}

export function addPerson(db: Db, person: NewPerson): number {
  const { id } = db
    .insert(subscribers)
    .values({
      email: person.email,
      emailKey: person.email.toLowerCase(),
      name: person.name ?? '',
      attributes: person.attributes ?? {},
    })
    .returning()
    .get();
  for (const listId of person.lists) {
    db.insert(memberships)
      .values({
        listId,
        subscriberId: id,
        state: person.state ?? 'subscribed',
        source: 'test',
        createdAt: person.since ?? 1000,
      })
      .run();
  }
  return id;
}

/** `count` people `p1@example.jp`… on one list; answers their ids. */
export function addPeople(db: Db, listId: number, count: number): number[] {
  const addSubscriber = db.$client
    .prepare('INSERT INTO subscribers (email, email_key, name) VALUES (?, ?, ?) RETURNING id')
    .pluck();
  const addMember = db.$client.prepare(
    `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at) VALUES (?, ?, 'subscribed', 'test', 1000)`,
  );
  return db.$client
    .transaction(() =>
      Array.from({ length: count }, (_, i) => {
        const email = `p${i + 1}@example.jp`;
        const id = addSubscriber.get(email, email, `人${i + 1}`) as number;
        addMember.run(listId, id);
        return id;
      }),
    )
    .immediate();
}

/** The MTA's side of the spool, driven by hand. */
export class FakeMta {
  readonly db: ReturnType<typeof openSpoolDb>;
  readonly #writer: SettleWriter;
  readonly #returned: Returned;

  constructor(dataDir: string) {
    this.db = openSpoolDb(dataDir);
    this.#returned = new Returned(this.db);
    this.#writer = new SettleWriter(this.db);
  }

  queued(jobId: number): {
    id: number;
    bucketId: number;
    attempts: number;
    subscriberId: number;
    listId: number;
    address: string;
    merge: string;
  }[] {
    return this.db
      .prepare(
        `SELECT q.id, q.bucket_id AS bucketId, q.attempts, q.subscriber_id AS subscriberId, q.list_id AS listId, q.address, q.merge
         FROM queue q JOIN bucket b ON b.id = q.bucket_id WHERE b.job_id = ? ORDER BY q.id`,
      )
      .all(jobId) as ReturnType<FakeMta['queued']>;
  }

  /** Settles one queued mail as the dispatcher would. */
  settle(
    jobId: number,
    mail: ReturnType<FakeMta['queued']>[number],
    outcome: Pick<LedgerRow, 'kind'> & Partial<LedgerRow>,
  ): number {
    const suppressed = outcome.kind === 'suppressed';
    return this.#writer.write([
      {
        bucketId: mail.bucketId,
        attempts: mail.attempts,
        retryAt: Date.now(),
        row: {
          ...eventRow({
            at: Date.now(),
            kind: outcome.kind,
            jobId,
            deliveryId: mail.id,
            subscriberId: mail.subscriberId,
            listId: mail.listId,
            link: -1,
            ip: '',
            userAgent: '',
          }),
          recipient: mail.address,
          domain: 'example.jp',
          provider: suppressed ? '' : 'generic',
          attempt: mail.attempts + (suppressed ? 0 : 1),
          ms: 1,
          ...outcome,
        },
      },
    ]);
  }

  /** Takes a delivery back, as a bounce does that comes by mail. */
  comeBack(deliveryId: number, reason: Reason, at: number): void {
    const report = { code: 550, status: '5.0.0', reason, phase: 'rcpt', diagnostic: 'no' } as const;
    const event = { deliveryId, at, matches: () => true, report: () => report, host: 'mx.test', ip: '' };
    this.#returned.write([{ ...event, kind: 'bounced' }], this.#returned.cursor() + 1);
  }

  close(): void {
    this.db.close();
  }
}
