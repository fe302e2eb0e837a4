/** Where a click goes: the links of a campaign or a message as they were compiled, in memory for those of the day. */
import { compileContent, type Spool } from '../../mta/index.ts';
import { contentSource, findLists } from '../campaigns/content.ts';
import { findCampaign } from '../campaigns/store.ts';
import type { Db } from '../deps.ts';
import { messageOf } from '../messages/accept.ts';

/** A table of links is a few kilobytes. */
const JOBS_KEPT = 200;

export class LinkTables {
  readonly #db: Db;
  readonly #spool: Pick<Spool, 'job'>;
  readonly #tables = new Map<number, Map<number, string>>();

  constructor(db: Db, spool: Pick<Spool, 'job'>) {
    this.#db = db;
    this.#spool = spool;
  }

  /** The URL as the author wrote it, or undefined: no such job or link. */
  find(jobId: number, index: number): string | undefined {
    const cached = this.#tables.get(jobId);
    if (cached) {
      // Used again, so it is the last to go.
      this.#tables.delete(jobId);
      this.#tables.set(jobId, cached);
      return cached.get(index);
    }
    const frozen = this.#frozen(jobId) ?? this.#ofMessage(jobId);
    if (!frozen) return this.#ofTest(jobId).get(index);
    if (this.#tables.size >= JOBS_KEPT) this.#tables.delete(this.#tables.keys().next().value!);
    this.#tables.set(jobId, frozen);
    return frozen.get(index);
  }

  #frozen(jobId: number): Map<number, string> | undefined {
    const rows = this.#db.$client
      .prepare(
        `SELECT l.link_index AS "index", l.url FROM campaigns c LEFT JOIN campaign_links l ON l.campaign_id = c.id WHERE c.job_id = ?`,
      )
      .all(jobId) as { index: number | null; url: string }[];
    if (rows.length === 0) return undefined;
    return new Map(rows.flatMap(({ index, url }) => (index === null ? [] : [[index, url]])));
  }

  #ofMessage(jobId: number): Map<number, string> | undefined {
    const id = messageOf(this.#spool.job(jobId)?.ref ?? '');
    if (id === undefined) return undefined;
    const links = this.#db.$client.prepare('SELECT links FROM messages WHERE id = ?').pluck().get(id);
    return new Map((JSON.parse((links as string | undefined) ?? '[]') as string[]).entries());
  }

  /** A test mail's links are those of the campaign as it stands now: not kept, as a draft changes. */
  #ofTest(jobId: number): Map<number, string> {
    const campaignId = /^test:(\d+):/.exec(this.#spool.job(jobId)?.ref ?? '')?.[1];
    const row = campaignId === undefined ? undefined : findCampaign(this.#db, Number(campaignId));
    if (!row) return new Map();
    const compiled = compileContent(contentSource(row, findLists(this.#db, row.listIds)));
    return new Map(compiled.ok ? compiled.content.links.map(({ index, url }) => [index, url]) : []);
  }
}

/** The Location header's form: ASCII, http(s) only. Undefined for what is no such URL. */
export function redirectTarget(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed.href : undefined;
}
