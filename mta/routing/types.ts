/** Where a mail goes: the words that mx.ts and routes.ts share with the queue. */
import type { Reason, RelayHost } from '../types.ts';

/** One address to connect to. */
export interface HostTarget {
  /** the MX's or relay's name (or its address when the route gives one) */
  host: string;
  address: string;
  port: number;
  /** the route's relay entry: TLS mode, login and connection limit; absent for an MX */
  relay?: RelayHost | undefined;
}

export type MxOutcome =
  | {
      kind: 'hosts';
      /** canonical key of the set of hosts: domains with the same key share limits and connections */
      site: string;
      /** every host name of the set, sorted, for `Profiles.for` */
      mxHosts: string[];
      /** in the order to try, bounded */
      hosts: HostTarget[];
    }
  /** a synthetic refusal: never an answer of a mail server */
  | { kind: 'permanent'; code: number; status: string; reason: Reason; text: string }
  | { kind: 'temporary'; text: string };
