import type { DeliverySettings } from '../types.ts';

/** settlements that may wait for the disk before nothing more is taken */
const BACKLOG = 2000;

/** May mail be taken at all? Everybody asks here, so that one word stops everything. */
export class Gate {
  settings: DeliverySettings | undefined;
  /** emergency stop */
  stopped = false;
  draining = false;
  readonly #disk: { readonly failing: boolean; readonly pending: number };

  constructor(disk: { readonly failing: boolean; readonly pending: number }) {
    this.#disk = disk;
  }

  get open(): boolean {
    return (
      !this.stopped &&
      !this.draining &&
      this.settings !== undefined &&
      !this.#disk.failing &&
      this.#disk.pending < BACKLOG
    );
  }

  /** Outcomes cannot be written, so nothing is sent. */
  get diskFull(): boolean {
    return this.#disk.failing;
  }
}
