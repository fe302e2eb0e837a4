/**
 * What servers' replies do to the pace of a lane (one site over one source). Pure but for its own memory: told of verdicts with
 * their time, it answers what is to be done; `Throttles` keeps what holds.
 */
import type { BackoffAction, BackoffTrigger, Phase } from '../types.ts';
import type { Profile } from './profiles.ts';
import { replyForTriggers } from './triggers.ts';
import { UnknownUsers } from './unknown-users.ts';

/** A verdict as shaping sees it; `queue/outcome.ts`'s has all of it. */
export interface ShapingVerdict {
  kind: 'delivered' | 'deferred' | 'bounced';
  reason: string;
  phase: Phase;
  /** 0: no server said it */
  code: number;
  reply: string;
}

/** A connection that could not be opened or that ended in the middle of a mail. */
export interface ConnectionFailure {
  phase: Phase;
  /** the server's refusal, 0 when there was none */
  code: number;
  text: string;
}

/** A trigger that has tripped. */
export interface BackOffHit {
  action: BackoffAction;
  /** epoch ms */
  since: number;
  /** null: until somebody lifts it; for `reconnect` and `recipient-only`, which are done at once, equal to `since` */
  until: number | null;
  /** the trigger's `match`, `unknown-users` or `failed-connection` */
  trigger: string;
  times: number;
  reply: string;
}

const NONE: readonly BackOffHit[] = [];
const UNKNOWN_USERS_REST = 3_600_000;
/** More of one trigger's times than this are not kept: enough to say how often, whatever its window. */
const TIMES_KEPT = 1000;
const ENDED_BY_SERVER = /ECONNREFUSED|ECONNRESET|EPIPE|closed/;

/** The memory of one lane. */
export class BackOff {
  #profile: Profile;
  /** by the trigger's text, so that a change of other settings forgets nothing */
  #seen = new Map<string, number[]>();
  readonly #unknown = new UnknownUsers();

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  /** The settings have changed: what was counted for triggers that are still there stays. */
  set profile(profile: Profile) {
    this.#profile = profile;
    const kept = new Set(profile.triggers.all.map(({ trigger }) => keyOf(trigger)));
    for (const key of this.#seen.keys()) if (!kept.has(key)) this.#seen.delete(key);
  }

  /** Somebody has lifted the back-off: it takes as many replies as at first to trip again. */
  forget(): void {
    this.#seen.clear();
    this.#unknown.clear();
  }

  /** To be told of every verdict of the lane; answers what it brings about, mostly nothing. */
  observe(verdict: ShapingVerdict, now: number): readonly BackOffHit[] {
    const { unknownUserShare, suspendOnFailedConnection, triggers } = this.#profile;
    const { code } = verdict;
    // Our own words trip nothing: they would make one trouble into two.
    if (code < 200 || verdict.phase === 'none' || verdict.phase === 'dns') return NONE;
    const rest =
      unknownUserShare === undefined ? undefined : this.#countRecipient(verdict, unknownUserShare, now);
    if (code < 400) return NONE;
    const hits = triggers.any === undefined ? [] : this.#match(verdict.reply, now);
    if (hits[0]?.action.type === 'recipient-only') return hits;
    if (rest) hits.push(rest);
    if (code === 421 && suspendOnFailedConnection !== undefined)
      hits.push(failedConnection(suspendOnFailedConnection, verdict.reply, now));
    return hits.length === 0 ? NONE : hits;
  }

  /** To be told when no host could be reached, or a connection was lost that a mail was tried on. */
  connectionFailed({ phase, code, text }: ConnectionFailure, now: number): readonly BackOffHit[] {
    if (code > 0) return this.observe({ kind: 'deferred', reason: '', phase, code, reply: text }, now);
    const seconds = this.#profile.suspendOnFailedConnection;
    if (seconds === undefined || phase === 'none' || phase === 'dns' || !ENDED_BY_SERVER.test(text))
      return NONE;
    return [failedConnection(seconds, text, now)];
  }

  #match(reply: string, now: number): BackOffHit[] {
    const text = replyForTriggers(reply);
    if (!this.#profile.triggers.any!.test(text)) return [];
    const hits: BackOffHit[] = [];
    for (const { trigger, pattern } of this.#profile.triggers.all) {
      if (!pattern.test(text)) continue;
      const times = this.#count(trigger, now);
      if (times < trigger.times) continue;
      const hit: BackOffHit = {
        action: trigger.action,
        since: now,
        until: untilOf(trigger, now),
        trigger: trigger.match,
        times,
        reply,
      };
      // It says that this reply speaks of one mailbox: then it says nothing about the pace.
      if (trigger.action.type === 'recipient-only') return [hit];
      hits.push(hit);
    }
    return hits;
  }

  #count(trigger: BackoffTrigger, now: number): number {
    const key = keyOf(trigger);
    const seen = (this.#seen.get(key) ?? []).filter(
      (at) => at > now - trigger.withinSeconds * 1000 && at <= now,
    );
    seen.push(now);
    if (seen.length > TIMES_KEPT) seen.shift();
    this.#seen.set(key, seen);
    return seen.length;
  }

  #countRecipient(verdict: ShapingVerdict, limit: number, now: number): BackOffHit | undefined {
    // Only a final word tells whether somebody lives there.
    if (verdict.kind === 'deferred') return undefined;
    const unknown = verdict.reason === 'unknown-user';
    const share = this.#unknown.count(unknown, now);
    if (!unknown || share === undefined || share.share <= limit) return undefined;
    this.#unknown.clear();
    return {
      action: { type: 'suspend' },
      since: now,
      until: now + UNKNOWN_USERS_REST,
      trigger: 'unknown-users',
      times: share.unknown,
      reply: verdict.reply,
    };
  }
}

const keyOf = (trigger: BackoffTrigger): string =>
  `${trigger.times} ${trigger.withinSeconds} ${trigger.action.type} ${trigger.match}`;

function untilOf({ action, forSeconds }: BackoffTrigger, now: number): number | null {
  if (action.type === 'reconnect' || action.type === 'recipient-only') return now;
  return forSeconds === 0 ? null : now + forSeconds * 1000;
}

const failedConnection = (seconds: number, reply: string, now: number): BackOffHit => ({
  action: { type: 'suspend' },
  since: now,
  until: now + seconds * 1000,
  trigger: 'failed-connection',
  times: 1,
  reply,
});
