import type { HostTarget } from '../routing/types.ts';

/** ms that a host which did not answer is tried after all others */
const HOST_DOWN = 60_000;

/** Which hosts did not answer lately. Times are of the monotonic clock. */
export class HostsDown {
  readonly #until = new Map<string, number>();

  /** As given, but those that are down last. */
  last(hosts: readonly HostTarget[], now: number): HostTarget[] {
    const down = (host: HostTarget): boolean => (this.#until.get(nameOf(host)) ?? 0) > now;
    return [...hosts.filter((host) => !down(host)), ...hosts.filter(down)];
  }

  answered(host: HostTarget): void {
    this.#until.delete(nameOf(host));
  }

  failed(host: HostTarget, now: number): void {
    this.#until.set(nameOf(host), now + HOST_DOWN);
  }
}

const nameOf = (host: HostTarget): string => `${host.address} ${host.port}`;
