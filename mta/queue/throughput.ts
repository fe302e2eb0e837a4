/** Settled mails per second, over the last ten full seconds. */
export class Throughput {
  readonly #seconds = new Array<number>(10).fill(0);
  #second = 0;
  #count = 0;

  count(): void {
    this.#count += 1;
  }

  /** Call at least once a second. */
  tick(now: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.#second) return;
    // Seconds that nobody looked at had nothing in them; more than ten of them empty the window.
    const gone = this.#second === 0 ? 1 : Math.min(second - this.#second, this.#seconds.length);
    for (let n = 0; n < gone; n += 1) {
      this.#seconds.shift();
      this.#seconds.push(n === 0 ? this.#count : 0);
    }
    this.#count = 0;
    this.#second = second;
  }

  perSecond(now: number): number {
    this.tick(now);
    return Math.round((10 * this.#seconds.reduce((sum, n) => sum + n, 0)) / this.#seconds.length) / 10;
  }
}
