/** What operators have ordered, held against what is known of a mail: pure decisions, table-tested. */
import type { Control } from '../types.ts';

/** What is known of a bucket's mail. */
export interface Standing {
  jobId: number;
  /** From domain, A-label */
  sendingDomain: string;
  domain: string;
  /**
   * As which the domain is known, and as which its hosts are by another domain's name; undefined until the domain is looked up, and so are
   * `sites`
   */
  providers?: readonly string[] | undefined;
  /** keys of the site that it leads to by itself and of that where it was sent instead */
  sites?: readonly string[] | undefined;
  /** addresses that it may leave by, `['']` when the system chooses */
  sources?: readonly string[] | undefined;
}

type Order = Pick<Control, 'scope' | 'value' | 'action'>;

/** Does the order speak of this mail? undefined: not before its domain is looked up. */
export function concerns(order: Order, mail: Standing): boolean | undefined {
  const { scope, value, action } = order;
  switch (scope) {
    case 'all':
      return true;
    case 'domain':
      return mail.domain === value;
    case 'job':
      return String(mail.jobId) === value;
    case 'sending-domain':
      return mail.sendingDomain === value;
    case 'provider':
      return mail.providers?.includes(value);
    case 'site':
      return mail.sites?.includes(value);
    case 'source':
      if (mail.sources === undefined) return undefined;
      // Mail that can leave by another address is not the source's to bounce.
      if (action === 'bounce') return mail.sources.length > 0 && mail.sources.every((each) => each === value);
      return mail.sources.includes(value);
  }
}

/** Orders that hold now, by what they do. */
export class Controls {
  readonly pauses: readonly Control[];
  readonly reroutes: readonly Control[];
  /** bounce and retry that are not done, the oldest first */
  readonly once: readonly Control[];
  /** by address: nothing leaves by it */
  readonly pausedSources: ReadonlyMap<string, Control>;
  /** epoch ms of the next change by time, Infinity: none */
  readonly changesAt: number;

  constructor(controls: readonly Control[], now: number) {
    const active = controls.filter(
      ({ state, until }) => state === 'active' && (until === null || until > now),
    );
    const of = (...actions: Control['action'][]): Control[] =>
      active.filter(({ action }) => actions.includes(action)).sort((a, b) => a.id - b.id);
    const pauses = of('pause');
    this.pauses = pauses.filter(({ scope }) => scope !== 'source');
    this.pausedSources = new Map(
      pauses.filter(({ scope }) => scope === 'source').map((control) => [control.value, control]),
    );
    // The newest word counts.
    this.reroutes = of('reroute').reverse();
    this.once = of('bounce', 'retry');
    this.changesAt = Math.min(Number.POSITIVE_INFINITY, ...active.flatMap(({ until }) => until ?? []));
  }

  get none(): boolean {
    return this.pauses.length === 0 && this.reroutes.length === 0;
  }

  /** The pause that holds the mail; of several the one that holds longest. */
  pause(mail: Standing): Control | undefined {
    let found: Control | undefined;
    for (const pause of this.pauses)
      if (concerns(pause, mail) && (!found || (found.until ?? Infinity) < (pause.until ?? Infinity)))
        found = pause;
    return found;
  }

  reroute(mail: Standing): Control | undefined {
    return this.reroutes.find((order) => concerns(order, mail));
  }

  /** There are orders of which only the domain's look-up tells whether they speak of this mail. */
  undecided(mail: Standing): boolean {
    const open = (order: Control): boolean => concerns(order, mail) === undefined;
    return this.pauses.some(open) || this.reroutes.some(open);
  }
}
