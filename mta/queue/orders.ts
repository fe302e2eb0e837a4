import type { OrderBook } from '../spool/order-book.ts';
import { Controls } from './controls.ts';
import type { Errands } from './errands.ts';
import type { LaneSources } from './lane-sources.ts';
import type { Outlets } from './outlets.ts';
import type { Placer } from './placer.ts';

export interface OrderParts {
  book: OrderBook;
  placer: Placer;
  outlets: Outlets;
  sources: LaneSources;
  errands: Errands;
}

/** Brings what operators have ordered to those who carry it out. */
export class Orders {
  readonly #parts: OrderParts;

  constructor(parts: OrderParts) {
    this.#parts = parts;
  }

  /** When the server has changed something, the settings are new, or an order's time is over. */
  read(): void {
    const { book, placer, outlets, sources, errands } = this.#parts;
    const now = Date.now();
    const orders = book.active();
    const before = placer.controls;
    const controls = new Controls(orders, now);
    placer.controls = controls;
    if (orders.some(({ until }) => until !== null && until <= now)) book.expire(now);
    for (const source of sources) {
      source.paused = controls.pausedSources.has(source.address);
      if (source.paused) outlets.stopSource(source.address);
    }
    if (!before.none || !controls.none) placer.reconsider();
    outlets.tick();
    errands.set(orders.filter(({ action }) => action === 'bounce' || action === 'retry'));
  }
}
