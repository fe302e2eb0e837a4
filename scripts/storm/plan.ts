/** When and what to kill: pure, so that a seed says it all. */

export const KILL_KINDS = ['mta', 'server', 'both', 'drain'] as const;
/**
 * `mta`: the server starts a new one. `server`: its MTA drains by itself while a new server starts. `both`: a container that is killed.
 * `drain`: SIGTERM, and the kill within the drain.
 */
export type KillKind = (typeof KILL_KINDS)[number];

export interface Kill {
  kind: KillKind;
  /** `enqueued`, `settled`: share of all recipients (0…1) from which on it may happen; `starting`: right after the restart before, ready or not */
  when: { what: 'enqueued' | 'settled'; share: number } | { what: 'starting' };
  /** ms from then on */
  delay: number;
  /** ms between SIGTERM and the kill; only of `drain` */
  drainFor: number;
}

/** During the enqueueing, a tenth; while processes start, another tenth; the others over the whole campaign. */
export function planKills(count: number, random: () => number): Kill[] {
  const enqueueing = Math.max(1, Math.round(count / 10));
  const shares = Array.from({ length: count - enqueueing }, () => random() * 0.95).sort((a, b) => a - b);
  const kills: Kill[] = [];
  for (let n = 0; n < count; n += 1) {
    const early = n < enqueueing;
    const starting = n > 0 && random() < 0.1;
    const kind = KILL_KINDS[weighted(random(), early ? ENQUEUEING : SENDING)]!;
    kills.push({
      kind,
      when: starting
        ? { what: 'starting' }
        : early
          ? { what: 'enqueued', share: (n + random()) / (enqueueing + 1) }
          : { what: 'settled', share: shares[n - enqueueing]! },
      delay: Math.floor(random() * (starting ? 2500 : early ? 20 : 200)),
      drainFor: Math.floor(random() ** 2 * 500),
    });
  }
  return kills;
}

/** Weights in the order of KILL_KINDS. Only the server's end interrupts the enqueueing. */
const SENDING = [4, 2, 3, 2] as const;
const ENQUEUEING = [0, 3, 3, 1] as const;

function weighted(at: number, weights: readonly number[]): number {
  let rest = at * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return index;
  }
  return weights.length - 1;
}
