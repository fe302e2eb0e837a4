import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LedgerEvent, LedgerRow, Reason } from '../../mta/index.ts';
import {
  campaignLinks,
  campaignProviderStats,
  campaignStats,
  campaignTimeStats,
  engagements,
  foldCursors,
  linkEngagements,
  memberships,
  suppressions,
} from '../db/schema.ts';
import { addList, addPeople, FakeMta, workerContext } from '../test/campaign-fixtures.ts';
import { type Harness, startHarness } from '../testing/harness.ts';
import { runEnqueue } from './enqueue.ts';
import { Fold } from './fold.ts';
import { cancelCampaign, pauseCampaign } from './lifecycle.ts';
import { startCampaign } from './start.ts';
import { createCampaign, getCampaign } from './store.ts';

let harness: Harness;
let mta: FakeMta;
let fold: Fold;

beforeEach(async () => {
  harness = await startHarness();
  mta = new FakeMta(harness.dataDir);
  fold = new Fold(workerContext(harness));
});
afterEach(async () => {
  await fold.stop();
  mta.close();
  await harness.close();
});

interface Sent {
  id: number;
  jobId: number;
  listId: number;
}

async function campaign(people: number): Promise<Sent> {
  const { db, deps } = harness;
  const listId = addList(db, 'A');
  if (people > 0) addPeople(db, listId, people);
  const { id } = createCampaign(
    db,
    {
      name: 'A',
      subject: 'A',
      fromAddress: 'news@example.jp',
      html: '<a href="https://example.jp/0">0</a><a href="https://example.jp/1">1</a>',
      listIds: [listId],
    },
    '',
  );
  const row = await startCampaign(deps, id, { overrides: [], now: Date.now() });
  await runEnqueue(workerContext(harness), id);
  return { id, jobId: row.jobId!, listId };
}

const cursor = (): number => harness.db.select().from(foldCursors).get()?.ledgerId ?? 0;
/** Until every row of the ledger is folded. */
async function folded(): Promise<void> {
  fold.wake();
  await vi.waitFor(() => expect(cursor()).toBe(harness.deps.spool.lastLedgerId()), { timeout: 10_000 });
}
const stateOf = (id: number) => getCampaign(harness.db, id);
const statsOf = (id: number) =>
  harness.db.select().from(campaignStats).where(eq(campaignStats.campaignId, id)).get()!;

function event(
  sent: Sent,
  subscriberId: number,
  fields: Partial<LedgerEvent> & Pick<LedgerEvent, 'kind'>,
): LedgerEvent {
  const { jobId, listId } = sent;
  return {
    at: Date.now(),
    jobId,
    deliveryId: 1,
    subscriberId,
    listId,
    link: -1,
    ip: '',
    userAgent: '',
    ...fields,
  };
}

/** Deterministic, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('the fold', () => {
  it('counts what a naive recount counts, in pieces or from scratch', async () => {
    const sent = await campaign(120);
    const { spool } = harness.deps;
    const test = spool.createJob({
      ref: 'test:1:x',
      class: 'test',
      content: {
        from: { name: '', address: 'a@example.jp' },
        subject: '',
        text: 'x',
        track: { opens: true, clicks: true },
      },
    });
    const next = random(7);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)]!;
    const start = Date.now();
    const outcomes: Partial<LedgerRow>[] = [
      { kind: 'delivered', provider: 'gmail' },
      { kind: 'delivered', provider: 'docomo' },
      { kind: 'deferred', provider: 'gmail', code: 450 },
      { kind: 'bounced', provider: 'docomo', reason: 'mailbox-full' },
      { kind: 'suppressed', reason: 'unsubscribed' },
    ];
    const people = harness.db
      .select()
      .from(memberships)
      .all()
      .map(({ subscriberId }) => subscriberId);
    for (let round = 0; round < 6; round += 1) {
      for (const mail of mta.queued(sent.jobId)) {
        if (round < 5 && next() < 0.4) continue;
        const outcome = round === 5 ? outcomes[0]! : pick(outcomes);
        mta.settle(sent.jobId, mail, {
          ...outcome,
          kind: outcome.kind!,
          at: start + Math.floor(next() * 600_000),
        });
      }
      // Some come back by mail, some of them twice.
      for (const { deliveryId, kind } of spool.readLedger(0, 100_000)) {
        if (kind !== 'delivered' || next() > 0.15) continue;
        mta.comeBack(
          deliveryId,
          pick(['unknown-user', 'mailbox-full']),
          start + 900_000 + Math.floor(next() * 600_000),
        );
      }
      const events = Array.from({ length: 80 }, (): LedgerEvent => {
        const kind = pick(['opened', 'opened', 'clicked', 'clicked', 'unsubscribed', 'complained'] as const);
        return event(sent, pick([0, ...people]), {
          kind,
          jobId: next() < 0.1 ? test : sent.jobId,
          link: kind === 'clicked' ? pick([0, 1]) : -1,
          at: start + Math.floor(next() * 600_000),
        });
      });
      spool.recordEvents(events);
      if (round % 2 === 0) {
        await folded();
        // Another worker goes on where this one stopped.
        await fold.stop();
        fold = new Fold(workerContext(harness));
      }
    }
    await folded();
    const counted = snapshot(sent.id);
    expect(counted).toEqual(recount(sent, spool.readLedger(0, 100_000)));
    expect(counted.stats.deferred).toBe(0);
    expect(counted.stats.deferrals).toBeGreaterThan(10);
    expect(
      spool.readLedger(0, 100_000).filter((row) => row.attempt === 0 && row.kind === 'bounced').length,
    ).toBeGreaterThan(5);
    expect(counted.stats.delivered + counted.stats.bounced + counted.stats.suppressed).toBe(120);
    expect(spool.job(sent.jobId)).toMatchObject({
      settled: 120,
      delivered: counted.stats.delivered,
      bounced: counted.stats.bounced,
    });

    await fold.stop();
    for (const table of [
      campaignStats,
      campaignProviderStats,
      campaignTimeStats,
      engagements,
      linkEngagements,
      foldCursors,
    ]) {
      harness.db.delete(table).run();
    }
    harness.db.update(campaignLinks).set({ clicks: 0, uniqueClicks: 0 }).run();
    fold = new Fold(workerContext(harness));
    await folded();
    expect(snapshot(sent.id)).toEqual(counted);
  });

  it('knows how many wait for another attempt at any moment', async () => {
    const { id, jobId } = await campaign(3);
    const settleAll = (kind: 'deferred' | 'delivered') => {
      for (const mail of mta.queued(jobId)) mta.settle(jobId, mail, { kind });
    };
    settleAll('deferred');
    await folded();
    expect(statsOf(id)).toMatchObject({ deferred: 3, deferrals: 3 });
    settleAll('deferred');
    await folded();
    expect(statsOf(id)).toMatchObject({ deferred: 3, deferrals: 6 });
    const [a, b, c] = mta.queued(jobId);
    mta.settle(jobId, a!, { kind: 'delivered' });
    mta.settle(jobId, b!, { kind: 'bounced', reason: 'expired' });
    await folded();
    expect(statsOf(id)).toMatchObject({ deferred: 1, delivered: 1, bounced: 1 });
    mta.settle(jobId, c!, { kind: 'suppressed', reason: 'cancelled' });
    await folded();
    expect(statsOf(id)).toMatchObject({ deferred: 0, suppressed: 1 });
  });

  it('counts people once for opens, clicks, links and unsubscribes; a click is also an open', async () => {
    const sent = await campaign(2);
    const [a, b] = mta.queued(sent.jobId).map(({ subscriberId }) => subscriberId) as [number, number];
    const { spool } = harness.deps;
    spool.recordEvents([
      event(sent, a, { kind: 'opened' }),
      event(sent, a, { kind: 'opened' }),
      event(sent, a, { kind: 'clicked', link: 1 }),
      event(sent, a, { kind: 'clicked', link: 1 }),
      event(sent, b, { kind: 'clicked', link: 0 }),
    ]);
    await folded();
    spool.recordEvents([
      event(sent, b, { kind: 'opened' }),
      event(sent, b, { kind: 'clicked', link: 1 }),
      event(sent, a, { kind: 'unsubscribed' }),
      event(sent, a, { kind: 'unsubscribed' }),
    ]);
    await folded();
    expect(statsOf(sent.id)).toMatchObject({
      opens: 3,
      uniqueOpens: 2,
      clicks: 4,
      uniqueClicks: 2,
      unsubscribes: 1,
    });
    expect(harness.db.select().from(campaignLinks).all()).toMatchObject([
      { index: 0, clicks: 1, uniqueClicks: 1 },
      { index: 1, clicks: 3, uniqueClicks: 2 },
    ]);
  });
});

describe('what follows', () => {
  const reasons: [Reason, boolean][] = [
    ['unknown-user', true],
    ['moved', true],
    ['unknown-host', false],
    ['null-mx', true],
    ['mailbox-full', false],
    ['filtered', false],
    ['blocked', false],
    ['expired', false],
    ['syntax', false],
  ];
  it('a dead address is suppressed with its evidence, a sender’s problem is not', async () => {
    const { jobId } = await campaign(reasons.length);
    const expected: object[] = [];
    for (const [i, mail] of mta.queued(jobId).entries()) {
      const [reason, dead] = reasons[i]!;
      const ledgerId = mta.settle(jobId, mail, { kind: 'bounced', reason });
      if (dead) expected.push({ email: mail.address, reason, scope: 'all', origin: 'bounce', ledgerId });
    }
    await folded();
    expect(harness.db.select().from(suppressions).all()).toMatchObject(expected);
    const stops = mta.db.prepare('SELECT list_id AS listId, active FROM stop').all();
    expect(stops).toEqual(expected.map(() => ({ listId: 0, active: 1 })));
    expect(harness.sent.mta).toContainEqual({ type: 'stops' });
  });

  it('the bounce of a single message counts as much as a campaign’s', async () => {
    const { jobId } = harness.deps.spool.submit(
      {
        ref: 'message:1',
        class: 'transactional',
        content: {
          from: { name: '', address: 'shop@example.jp' },
          subject: 's',
          text: 't',
          track: { opens: false, clicks: false },
        },
      },
      [{ address: 'dead@example.jp', subscriberId: 0, listId: 0, merge: {} }],
    );
    const ledgerId = mta.settle(jobId, mta.queued(jobId)[0]!, { kind: 'bounced', reason: 'unknown-user' });
    await folded();
    const expected = { email: 'dead@example.jp', reason: 'unknown-user', scope: 'all', ledgerId };
    expect(harness.db.select().from(suppressions).all()).toMatchObject([expected]);
  });

  it('a domain that does not exist ends mail only when it did not a day before either', async () => {
    const day = 24 * 3_600_000;
    const { jobId } = await campaign(3);
    const now = Date.now();
    // One address's bounces, by three mails.
    const bounces = [now - day + 1000, now, now + 1000].map((at) => ({
      recipient: 'gone@nowhere.example',
      at,
    }));
    const mails = mta.queued(jobId);
    const settle = (n: number): number =>
      mta.settle(jobId, mails[n]!, { ...bounces[n], kind: 'bounced', reason: 'unknown-host' });
    settle(0);
    settle(1);
    await folded();
    expect(harness.db.select().from(suppressions).all()).toEqual([]);
    const ledgerId = settle(2);
    await folded();
    expect(harness.db.select().from(suppressions).all()).toMatchObject([
      { email: 'gone@nowhere.example', reason: 'unknown-host', scope: 'all', origin: 'bounce', ledgerId },
    ]);
  });

  it('a complaint ends marketing mail to that person, and only that', async () => {
    const sent = await campaign(1);
    const [mail] = mta.queued(sent.jobId);
    harness.deps.spool.recordEvents([event(sent, mail!.subscriberId, { kind: 'complained' })]);
    await folded();
    expect(harness.db.select().from(suppressions).all()).toMatchObject([
      { email: mail!.address, reason: 'complaint', scope: 'marketing', origin: 'complaint' },
    ]);
    expect(mta.db.prepare('SELECT list_id AS listId FROM stop').all()).toEqual([{ listId: sent.listId }]);
    expect(statsOf(sent.id).complaints).toBe(1);
  });

  it('an unsubscribe whose membership was not written before a crash is made up for', async () => {
    const sent = await campaign(1);
    const [mail] = mta.queued(sent.jobId);
    const at = Date.now();
    harness.deps.spool.recordEvents([event(sent, mail!.subscriberId, { kind: 'unsubscribed', at })]);
    await folded();
    expect(harness.db.select().from(memberships).get()).toMatchObject({
      state: 'unsubscribed',
      unsubscribedAt: at,
      unsubscribedBy: `campaign:${sent.id}`,
    });
    expect(mta.db.prepare('SELECT list_id AS listId, active FROM stop').all()).toEqual([
      { listId: sent.listId, active: 1 },
    ]);
  });

  it('an unsubscribe that the person has taken back meanwhile stays taken back', async () => {
    const sent = await campaign(1);
    const [mail] = mta.queued(sent.jobId);
    const at = Date.now();
    harness.db.update(memberships).set({ state: 'subscribed', unsubscribedAt: at }).run();
    harness.deps.spool.recordEvents([event(sent, mail!.subscriberId, { kind: 'unsubscribed', at })]);
    await folded();
    expect(harness.db.select().from(memberships).get()).toMatchObject({ state: 'subscribed' });
  });
});

describe('the end of a campaign', () => {
  const ended = (id: number) =>
    vi.waitFor(() => expect(stateOf(id).finishedAt).not.toBeNull(), { timeout: 10_000 });

  it('comes with the last settled mail and is told to every screen', async () => {
    const { id, jobId } = await campaign(3);
    const [a, b, c] = mta.queued(jobId);
    mta.settle(jobId, a!, { kind: 'delivered' });
    mta.settle(jobId, b!, { kind: 'deferred' });
    mta.settle(jobId, c!, { kind: 'bounced' });
    await folded();
    expect(stateOf(id)).toMatchObject({ state: 'sending', finishedAt: null });
    mta.settle(jobId, mta.queued(jobId)[0]!, { kind: 'delivered' });
    fold.wake();
    await ended(id);
    expect(stateOf(id).state).toBe('finished');
    await vi.waitFor(() =>
      expect(harness.sent.events.at(-1)).toMatchObject({
        type: 'campaign',
        data: {
          id,
          state: 'finished',
          counts: { recipients: 3, queued: 0, deferred: 0, delivered: 2, bounced: 1 },
        },
      }),
    );
  });

  it('does not come while recipients are still being added, nor before their outcome is folded', async () => {
    const { id, jobId } = await campaign(1);
    mta.db.prepare('UPDATE job SET sealed = 0 WHERE id = ?').run(jobId);
    mta.settle(jobId, mta.queued(jobId)[0]!, { kind: 'delivered' });
    await folded();
    await fold.stop();
    expect(stateOf(id).state).toBe('sending');
  });

  it('comes for a paused campaign whose last mails were on their way', async () => {
    const { id, jobId } = await campaign(1);
    pauseCampaign(harness.deps, id);
    mta.settle(jobId, mta.queued(jobId)[0]!, { kind: 'delivered' });
    fold.wake();
    await ended(id);
    expect(stateOf(id).state).toBe('finished');
  });

  it('comes for a cancelled campaign when all that was unsent is settled, and it stays cancelled', async () => {
    const { id, jobId } = await campaign(2);
    cancelCampaign(harness.deps, id);
    const [a, b] = mta.queued(jobId);
    mta.settle(jobId, a!, { kind: 'suppressed', reason: 'cancelled' });
    await folded();
    expect(stateOf(id)).toMatchObject({ state: 'cancelled', finishedAt: null });
    mta.settle(jobId, b!, { kind: 'suppressed', reason: 'cancelled' });
    fold.wake();
    await ended(id);
    expect(stateOf(id).state).toBe('cancelled');
  });
});

function snapshot(campaignId: number) {
  const { campaignId: _, ...stats } = statsOf(campaignId);
  const sorted = <T>(rows: T[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
  return {
    stats,
    providers: sorted(
      harness.db
        .select()
        .from(campaignProviderStats)
        .all()
        .map((r) => [r.provider, r.delivered, r.deferrals, r.bounced, r.suppressed]),
    ),
    times: sorted(
      harness.db
        .select()
        .from(campaignTimeStats)
        .all()
        // all of that minute came back
        .filter((r) => r.count !== 0)
        .map((r) => [r.minute, r.kind, r.count]),
    ),
    links: sorted(
      harness.db
        .select()
        .from(campaignLinks)
        .all()
        .map((r) => [r.index, r.clicks, r.uniqueClicks]),
    ),
    engaged: sorted(
      harness.db
        .select()
        .from(engagements)
        .all()
        .map((r) => [r.subscriberId, r.openedAt !== null, r.clickedAt !== null, r.unsubscribedAt !== null]),
    ),
  };
}

/** Written without a look at the fold: filters over the whole ledger. */
function recount({ jobId }: Sent, ledger: LedgerRow[]): ReturnType<typeof snapshot> {
  const all = ledger.filter((row) => row.jobId === jobId);
  const cameBack = new Set(
    all.filter((row) => row.kind === 'bounced' && row.attempt === 0).map((row) => row.deliveryId),
  );
  const rows = all.filter((row) => row.kind !== 'delivered' || !cameBack.has(row.deliveryId));
  const of = (...kinds: string[]) => rows.filter((row) => kinds.includes(row.kind));
  const people = (list: LedgerRow[]) =>
    [...new Set(list.map((row) => row.subscriberId))].filter((id) => id > 0);
  const final = new Set(of('delivered', 'bounced', 'suppressed').map((row) => row.deliveryId));
  const waiting = new Set(
    of('deferred')
      .map((row) => row.deliveryId)
      .filter((delivery) => !final.has(delivery)),
  );
  const minute = (row: LedgerRow) => Math.floor(row.at / 60_000) * 60_000;
  const firstUnsubscribes = people(of('unsubscribed')).map(
    (id) => of('unsubscribed').find((row) => row.subscriberId === id)!,
  );
  const timed = [...of('delivered', 'bounced', 'deferred', 'opened', 'clicked'), ...firstUnsubscribes];
  const timeKeys = [...new Set(timed.map((row) => `${minute(row)} ${row.kind}`))];
  const providers = [...new Set(rows.map((row) => row.provider))].filter((name) => name !== '');
  const count = (list: LedgerRow[], provider: string) =>
    list.filter((row) => row.provider === provider).length;
  return {
    stats: {
      delivered: of('delivered').length,
      deferred: waiting.size,
      deferrals: of('deferred').length,
      bounced: of('bounced').length,
      suppressed: of('suppressed').length,
      opens: of('opened').length,
      uniqueOpens: people(of('opened', 'clicked')).length,
      clicks: of('clicked').length,
      uniqueClicks: people(of('clicked')).length,
      unsubscribes: people(of('unsubscribed')).length,
      complaints: of('complained').length,
    },
    providers: providers
      .map((name) =>
        JSON.stringify([
          name,
          count(of('delivered'), name),
          count(of('deferred'), name),
          count(of('bounced'), name),
          count(of('suppressed'), name),
        ]),
      )
      .sort(),
    times: timeKeys
      .map((key) => {
        const kind = key.split(' ')[1]!;
        const inMinute = timed.filter((row) => `${minute(row)} ${row.kind}` === key);
        return JSON.stringify([Number(key.split(' ')[0]), kind, inMinute.length]);
      })
      .sort(),
    links: [0, 1]
      .map((index) => {
        const clicks = of('clicked').filter((row) => row.link === index);
        return JSON.stringify([index, clicks.length, people(clicks).length]);
      })
      .sort(),
    engaged: people(of('opened', 'clicked', 'unsubscribed'))
      .map((id) => {
        const did = (...kinds: string[]) => of(...kinds).some((row) => row.subscriberId === id);
        return JSON.stringify([id, did('opened', 'clicked'), did('clicked'), did('unsubscribed')]);
      })
      .sort(),
  };
}
