import type { Mail, SendOutcome } from '../smtp/types.ts';
import type { QueueRow } from '../spool/claim.ts';
import type { Bucket } from './bucket.ts';
import { type Composer, UnfitContent } from './composer.ts';
import type { Courier, CourierOwner, Taken } from './courier.ts';
import type { Gate } from './gate.ts';
import { BULK } from './group.ts';
import type { Holdings } from './holdings.ts';
import { ALL_IN_USE, type OpenFailure } from './opening.ts';
import { judge } from './outcome.ts';
import type { Outlets } from './outlets.ts';
import { troubleOf } from './relay-state.ts';
import type { SessionOpener } from './session-opener.ts';
import { synthetic, type Verdict } from './settlement.ts';
import { type Settler, SLICE } from './settler.ts';
import type { Shaping } from './shaping.ts';

/** ms to the next try of a mail that a relay may have while another relay is up: the schedule's 15 min would be for nothing */
const ELSEWHERE = 30_000;

/** connections to relays that may end under a mail before it costs it an attempt */
const LOSSES = 2;

export interface TrafficParts {
  gate: Gate;
  holdings: Holdings;
  settler: Settler;
  shaping: Shaping;
  outlets: Outlets;
  composer: Composer;
  opener(): SessionOpener;
  /** ms to the next probe of servers that cannot be reached */
  probeDelay(): number;
  sourceFailed(address: string, error: string): void;
  /** mail of a cancelled job has come back */
  cancel(bucket: Bucket): void;
  onError(what: string, error: unknown): void;
}

/** What happens to mails between their line and their outcome: what couriers ask for and tell. */
export class Traffic implements CourierOwner {
  /** set once everything is built: couriers come later */
  parts!: TrafficParts;

  take(courier: Courier, urgent: boolean): Taken | undefined {
    const { gate, holdings, settler, outlets } = this.parts;
    if (!gate.open) return undefined;
    const { line, lane, relay } = courier;
    const relays = relay && lane.site.relays;
    const now = performance.now();
    let wait = lane.mailWait(now);
    if (relay) wait = Math.max(wait, relay.rate.wait(now));
    if (wait > 0) {
      lane.wakeIn(wait, () => outlets.pumpSoon(lane.site));
      return undefined;
    }
    const wall = Date.now();
    let last = urgent ? BULK - 1 : lane.lastRank(wall);
    if (courier.forUrgent) {
      if (outlets.beyondBulk(lane)) last = BULK - 1;
      else courier.forUrgent = false;
    }
    if (relay && last === BULK && relays?.waits(relay, now)) last = BULK - 1;
    for (let skipped = 0; skipped < SLICE; skipped += 1) {
      const bucket = line.next(last, now);
      if (!bucket) return undefined;
      const row = holdings.take(bucket, wall);
      if (!row) {
        bucket.group!.remove(bucket);
        holdings.rest(bucket, wall);
        continue;
      }
      if (settler.unsent(bucket, row)) continue;
      const group = bucket.group!;
      lane.countMail(now);
      relay?.rate.take(now);
      const goesOn = line.count(group, now);
      if ((relay && relays?.count(relay, now)) || goesOn) outlets.pumpSoon(lane.site);
      return { bucket, row, group, lane, pace: lane.pace, mail: undefined };
    }
    outlets.pumpSoon(lane.site);
    return undefined;
  }

  get opener(): SessionOpener {
    return this.parts.opener();
  }

  compose(taken: Taken): Promise<Mail> {
    return this.parts.composer.compose(taken.bucket.job, taken.row);
  }

  composed(taken: Taken): boolean {
    const most = taken.lane.profile?.maxMessageBytes;
    if (most === undefined || taken.mail!.message.length <= most) return true;
    taken.lane.mailDone();
    const text = `The mail has ${taken.mail!.message.length} bytes; ${taken.bucket.provider} takes ${most} at most`;
    this.parts.settler.settle(taken.bucket, taken.row, synthetic('bounced', 'too-big', '5.3.4', text));
    return false;
  }

  composeFailed({ bucket, row, lane }: Taken, error: unknown): void {
    const { settler, onError } = this.parts;
    lane.mailDone();
    const text = String((error as Error).message ?? error);
    if (error instanceof UnfitContent) {
      settler.settle(bucket, row, synthetic('bounced', 'content', '5.6.0', text));
      return;
    }
    // Our own failure (signing, memory): no reason to give anybody up.
    onError('a mail could not be composed', error);
    settler.settle(bucket, row, synthetic('deferred', 'system', '4.3.0', text));
  }

  mayStillGo(taken: Taken): boolean {
    const { gate, settler } = this.parts;
    const { bucket, group, lane } = taken;
    if (
      gate.stopped ||
      bucket.job.state !== 'active' ||
      bucket.hold !== undefined ||
      bucket.group !== group ||
      !lane.mayCarry ||
      // Servers have asked for fewer mails a minute since.
      taken.pace !== lane.pace
    ) {
      this.giveBack(taken);
      return false;
    }
    if (!settler.stopped(bucket, taken.row)) return true;
    lane.mailDone();
    return false;
  }

  giveBack({ bucket, row, lane }: Taken): void {
    const { gate, holdings, outlets, cancel } = this.parts;
    lane.mailDone();
    bucket.giveBack(row);
    const { group } = bucket;
    if (
      bucket.job.state === 'active' &&
      !bucket.hold &&
      group &&
      !gate.stopped &&
      outlets.stands(group.site)
    ) {
      outlets.enter(bucket, group);
      return;
    }
    holdings.release(bucket);
    // It was with a courier when the rest of its job was cancelled: nobody else comes for it.
    if (bucket.job.state === 'cancelled') cancel(bucket);
  }

  sent(courier: Courier, taken: Taken, outcome: SendOutcome): void {
    const { shaping, settler } = this.parts;
    const { bucket, row, lane } = taken;
    const verdict = judge(outcome, bucket.provider);
    if (verdict.kind === 'release') {
      this.giveBack(taken);
      return;
    }
    const wall = Date.now();
    if (outcome.kind === 'lost' && !outcome.reply && courier.host) {
      lane.hostFailed(courier.host);
      if (!courier.relay)
        shaping.connectionFailed(lane, { phase: outcome.phase, code: 0, text: outcome.error });
    }
    let retryIn: number | undefined;
    if (this.#elsewhere(courier, row, outcome)) {
      // At once, unless this one may have it already. A mail that ends every connection does not go round for ever.
      row.losses = (row.losses ?? 0) + 1;
      if (!(outcome.kind === 'lost' && outcome.duplicateRisk) && row.losses <= LOSSES) {
        this.giveBack(taken);
        return;
      }
      retryIn = ELSEWHERE;
    }
    lane.mailDone();
    if (outcome.kind === 'local') {
      // No server has heard of it.
      bucket.said(verdict.reply, wall);
      lane.stats.said(verdict.reply, wall);
    } else this.#learn(courier, bucket, verdict, wall);
    settler.settle(bucket, row, verdict, courier.where, { retryIn });
  }

  /** It was the relay's trouble, and another one takes the mail. */
  #elsewhere({ relay }: Courier, { losses = 0 }: QueueRow, outcome: SendOutcome): boolean {
    const trouble = relay && troubleOf(outcome);
    if (!trouble) return false;
    const another = this.parts.outlets.routeRelays.of(relay.routeId)?.another(relay) === true;
    // The only one is better than none: then it is asked as often as its mails' schedule says. While other connections are open, one that ends
    // says little; but a mail that has been lost before must not meet the same relay for the third time, which would cost it an attempt.
    if (another && (trouble.itself || losses > 0)) relay.down(trouble.text);
    else if (!trouble.itself) relay.failed(trouble.text);
    return another;
  }

  #learn(courier: Courier, bucket: Bucket, verdict: Verdict, wall: number): void {
    const { lane } = courier;
    const { kind, code, reply } = verdict;
    // What was lost without a reply has reached the provider all the same.
    lane.warming?.count(kind === 'deferred' ? 'deferred' : 'sent', wall);
    const atOnce = code === 0 ? undefined : this.parts.shaping.observe(lane, verdict, bucket.job.fromDomain);
    lane.stats.count(kind, wall);
    lane.source.throughput.count();
    if (courier.relay) {
      courier.relay.throughput.count();
      if (code > 0) lane.site.relays?.answered(courier.relay, verdict.ms, performance.now());
    }
    if (code > 0 && code !== 421) lane.answered();
    if (kind === 'delivered') lane.succeeded();
    else {
      bucket.said(reply, wall);
      lane.stats.said(reply, wall);
      if (code === 421 && atOnce !== 'recipient-only') lane.refused();
    }
    if (atOnce === 'reconnect') courier.stop();
  }

  opened(courier: Courier): void {
    courier.lane.connected(courier.line);
    this.parts.outlets.opened(courier);
  }

  openFailed(courier: Courier, failure: OpenFailure): void {
    const { settler, shaping, outlets, probeDelay, sourceFailed } = this.parts;
    const { lane, line } = courier;
    if (failure.bindFailed) {
      // No server was asked and no mail was tried.
      sourceFailed(lane.source.address, failure.text);
      outlets.pumpSoon(lane.site);
      return;
    }
    const text = failure.host ? `${failure.host}: ${failure.text}` : failure.text;
    lane.stats.said(text, Date.now());
    if (failure.tlsUnmet) {
      // The server was there: neither too many connections nor dead, and mail with other demands goes on.
      lane.lineDied(line, probeDelay());
    } else {
      lane.refused();
      shaping.connectionFailed(lane, failure);
      const another = [...lane.couriers].some(({ opening }) => !opening);
      // One too many, or all that the relays allow: those that are open do the work.
      if (another || failure.status === ALL_IN_USE) {
        lane.pauseConnecting();
        return;
      }
      lane.died(probeDelay());
    }
    const now = performance.now();
    // Mail that can leave by another source has nothing to do with it.
    const stuck = line.groups.filter(({ shares, tls }) =>
      shares.every((share) => share.lane.closed(share.lane.line(tls), now) !== undefined),
    );
    const verdict: Verdict = {
      ...synthetic('deferred', 'network', failure.status, text),
      phase: failure.phase,
      code: failure.code,
    };
    settler.witness(
      stuck.flatMap((group) => [...group]),
      verdict,
      { mx: failure.host, sourceIp: '', tls: '', tlsPolicy: failure.tlsPolicy },
    );
  }

  ended(courier: Courier): void {
    this.parts.outlets.ended(courier);
  }
}
