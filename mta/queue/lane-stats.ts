import type { SiteStatus } from '../types.ts';
import { Throughput } from './throughput.ts';

const REPLIES = 5;

/** What came of a lane's mail, for the screen; survives a change of settings. */
export class LaneStats {
  delivered = 0;
  deferred = 0;
  bounced = 0;
  /** newest first */
  replies: SiteStatus['replies'] = [];
  /** made with the first mail, as there may be 100,000 lanes */
  #throughput: Throughput | undefined;

  count(kind: 'delivered' | 'deferred' | 'bounced', now: number): void {
    this[kind] += 1;
    this.#throughput ??= new Throughput();
    this.#throughput.tick(now);
    this.#throughput.count();
  }

  get settled(): number {
    return this.delivered + this.deferred + this.bounced;
  }

  said(text: string, at: number): void {
    this.replies.unshift({ at, text });
    if (this.replies.length > REPLIES) this.replies.length = REPLIES;
  }

  perSecond(now: number): number {
    return this.#throughput?.perSecond(now) ?? 0;
  }
}
