/**
 * The local addresses that mail leaves by. One that cannot be bound (its interface is down, it was never configured) is out until binding it
 * works again; its mail waits or leaves by another source of the same pool, never by an address that nobody chose (DELIVERY.md, case 12).
 */
import { createServer } from 'node:net';
import type { IpPool, SourceStatus } from '../types.ts';

/** ms between tries to bind a source that failed */
const RETEST = 30_000;

/** Rejects when the address cannot be bound. */
export type Binder = (address: string) => Promise<void>;

export interface SourcesOptions {
  bind?: Binder | undefined;
  setTimer?: ((run: () => void, ms: number) => unknown) | undefined;
  clearTimer?: ((timer: unknown) => void) | undefined;
  now?: (() => number) | undefined;
  /** A source has failed or works again: lanes look anew. */
  onChange?: ((address: string, usable: boolean) => void) | undefined;
}

interface Source {
  address: string;
  ehlo: string;
  state: 'ok' | 'failed';
  error: string;
  since: number;
}

/** What is known of the sources of all pools. */
export class Sources {
  readonly #options: Required<Omit<SourcesOptions, 'onChange'>> & Pick<SourcesOptions, 'onChange'>;
  #sources = new Map<string, Source>();
  #timer: unknown;
  #closed = false;

  constructor(options: SourcesOptions = {}) {
    this.#options = {
      bind: options.bind ?? bindAddress,
      setTimer: options.setTimer ?? ((run, ms) => setTimeout(run, ms).unref()),
      clearTimer: options.clearTimer ?? ((timer) => clearTimeout(timer as NodeJS.Timeout)),
      now: options.now ?? Date.now,
      onChange: options.onChange,
    };
  }

  /** The pools of the settings. New addresses are tried at once; one that failed stays out. Resolves when they were tried. */
  async configure(pools: readonly IpPool[]): Promise<void> {
    const known = this.#sources;
    this.#sources = new Map();
    for (const { address, ehlo } of pools.flatMap(({ sources }) => sources)) {
      if (this.#sources.has(address)) continue;
      const source = known.get(address) ?? {
        address,
        ehlo,
        state: 'ok',
        error: '',
        since: this.#options.now(),
      };
      source.ehlo = ehlo;
      this.#sources.set(address, source);
    }
    const fresh = [...this.#sources.keys()].filter((address) => !known.has(address));
    await Promise.all(fresh.map((address) => this.test(address)));
  }

  /** May a connection be bound to it? '' (the system chooses) always; an address of no pool never. */
  usable(address: string): boolean {
    return address === '' || this.#sources.get(address)?.state === 'ok';
  }

  /** The name that belongs to the address, undefined: it is in no pool. */
  ehlo(address: string): string | undefined {
    return this.#sources.get(address)?.ehlo;
  }

  /** A session could not bind it. */
  failed(address: string, error: string): void {
    const source = this.#sources.get(address);
    if (!source) return;
    source.error = error;
    if (source.state === 'failed') return;
    source.state = 'failed';
    source.since = this.#options.now();
    this.#retestLater();
    this.#options.onChange?.(address, false);
  }

  /** Binds it and says whether that works. */
  async test(address: string): Promise<boolean> {
    try {
      await this.#options.bind(address);
    } catch (error) {
      this.failed(address, (error as Error).message);
      return false;
    }
    const source = this.#sources.get(address);
    if (source?.state === 'failed') {
      source.state = 'ok';
      source.error = '';
      source.since = this.#options.now();
      this.#options.onChange?.(address, true);
    }
    return true;
  }

  /** Without what only the lanes know. */
  status(): Pick<SourceStatus, 'address' | 'ehlo' | 'state' | 'error' | 'since'>[] {
    return [...this.#sources.values()].map((source) => ({ ...source }));
  }

  close(): void {
    this.#closed = true;
    this.#options.clearTimer(this.#timer);
  }

  #retestLater(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#options.setTimer(() => void this.#retest(), RETEST);
  }

  async #retest(): Promise<void> {
    const failed = [...this.#sources.values()].filter(({ state }) => state === 'failed');
    await Promise.all(failed.map(({ address }) => this.test(address)));
    this.#timer = undefined;
    if ([...this.#sources.values()].some(({ state }) => state === 'failed')) this.#retestLater();
  }
}

/** Listens on a port of the address that the system chooses, for a moment: exactly what binding a connection needs. */
export function bindAddress(address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: address, port: 0, exclusive: true }, () => server.close(() => resolve()));
  });
}

export interface SourceCandidate {
  source: string;
  /** ≥ 1 */
  weight: number;
  /** mails it has sent lately */
  sent: number;
}

/**
 * The candidate that is furthest behind its share; undefined without candidates. The half makes it smooth (Webster's method of seats): 5:1
 * alternates through the round instead of giving one source five in a row first.
 */
export function chooseSource<T extends SourceCandidate>(candidates: readonly T[]): T | undefined {
  let best: T | undefined;
  for (const each of candidates) if (!best || load(each) < load(best)) best = each;
  return best;
}

const load = ({ sent, weight }: SourceCandidate): number => (sent + 0.5) / weight;
