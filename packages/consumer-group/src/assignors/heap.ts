/**
 * A binary heap of numbers, ordered by keys that live outside. Only the key of the first one may change, towards the
 * end, and whoever changes it says so; for any other change the caller has to show that it does no harm.
 */
export class Heap {
  readonly #items: Int32Array;
  readonly #before: (a: number, b: number) => boolean;
  #size: number;

  /** `before` says which of two comes first. It must order all of them, so that nothing depends on chance. */
  constructor(items: Iterable<number>, before: (a: number, b: number) => boolean) {
    this.#items = Int32Array.from(items);
    this.#before = before;
    this.#size = this.#items.length;
    for (let at = (this.#size >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  get size(): number {
    return this.#size;
  }

  /** The first one; there must be one. */
  first(): number {
    return this.#items[0]!;
  }

  /** The first one's key has moved towards the end. */
  firstChanged(): void {
    this.#sink(0);
  }

  dropFirst(): void {
    this.#size -= 1;
    this.#items[0] = this.#items[this.#size]!;
    this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    const size = this.#size;
    const sinking = items[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(items[child + 1]!, items[child]!)) child += 1;
      if (!this.#before(items[child]!, sinking)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = sinking;
  }
}
