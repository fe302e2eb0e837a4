import type { TlsRequirement } from '../routing/tls-policy.ts';
import { DELIVERY_CLASSES } from '../types.ts';
import type { Bucket } from './bucket.ts';
import type { Share } from './share.ts';
import { Sharing } from './sharing.ts';
import type { Site } from './site.ts';
import { Tally } from './tally.ts';
import { Turns } from './turns.ts';

/** Place of a class in the order of who waits for whom; what comes before it is urgent. */
export const BULK = DELIVERY_CLASSES.indexOf('bulk');

/** The buckets of a site that need the same of a connection: a source of this pool, and this TLS. */
export class Group {
  readonly key: string;
  readonly site: Site;
  readonly tls: TlsRequirement;
  readonly #sharing: Sharing<Share>;
  /** buckets that may have due mail, by the class's rank; made when the first comes, as there may be 100,000 sites */
  readonly #turns: (Turns | undefined)[] = [undefined, undefined, undefined];
  #size = 0;
  /** of their domains; made when the second bucket comes, for the same reason */
  #tally: Tally | undefined;

  constructor(key: string, site: Site, tls: TlsRequirement, shares: readonly Share[]) {
    this.key = key;
    this.site = site;
    this.tls = tls;
    this.#sharing = new Sharing(shares);
  }

  get shares(): readonly Share[] {
    return this.#sharing.all;
  }

  /** Its lane has had its share for now: another's turn. `now`: monotonic ms. */
  waits(share: Share, now: number): boolean {
    return this.#sharing.waits(share, now);
  }

  /** A lane has taken a mail; answers whether one that waits may go on now. */
  count(share: Share, now: number): boolean {
    return this.#sharing.count(share, now);
  }

  add(bucket: Bucket): void {
    if (this.has(bucket)) return;
    const { rank } = bucket.job;
    let turns = this.#turns[rank];
    if (!turns) {
      turns = new Turns();
      this.#turns[rank] = turns;
    }
    turns.add(bucket);
    this.#size += 1;
    if (this.#tally) this.#tally.add(bucket.domain);
    else if (this.#size > 1) {
      this.#tally = new Tally();
      for (const { domain } of this) this.#tally.add(domain);
    }
  }

  remove(bucket: Bucket): void {
    if (!this.has(bucket)) return;
    this.#turns[bucket.job.rank]!.remove(bucket);
    this.#size -= 1;
    this.#tally?.remove(bucket.domain);
    if (this.#size === 0) this.#tally = undefined;
  }

  /** recipient domains that wait here */
  get domains(): number {
    return this.#tally?.size ?? this.#size;
  }

  has(bucket: Bucket): boolean {
    return this.#turns[bucket.job.rank]?.has(bucket) ?? false;
  }

  /** The next bucket of a class. */
  next(rank: number): Bucket | undefined {
    return this.#turns[rank]?.next();
  }

  hasWork(rank: number): boolean {
    const turns = this.#turns[rank];
    return turns !== undefined && !turns.empty;
  }

  get busy(): boolean {
    return this.hasWork(BULK) || this.urgent;
  }

  /** Mail that comes before bulk mail waits. */
  get urgent(): boolean {
    for (let rank = 0; rank < BULK; rank += 1) if (this.hasWork(rank)) return true;
    return false;
  }

  /** a recipient domain that waits here, '' without one */
  get sample(): string {
    for (const { domain } of this) return domain;
    return '';
  }

  *[Symbol.iterator](): Iterator<Bucket> {
    for (const turns of this.#turns) if (turns) yield* turns;
  }
}
