// How the zxids of two servers are told to be alike though their numbers are not. It owns the pairs found so far.

/** Pairs the zxids of one server with those of the other, keeping their order: each has one twin, none overtakes. */
export class ZxidOrder {
  readonly #twin = new Map<bigint, bigint>();
  readonly #back = new Map<bigint, bigint>();
  /** Ascending on both sides. */
  readonly #pairs: [bigint, bigint][] = [];

  same(one: bigint, other: bigint): boolean {
    const twin = this.#twin.get(one);
    if (twin !== undefined) return twin === other;
    if (this.#back.has(other)) return false;
    let at = this.#pairs.length;
    while (at > 0 && (this.#pairs[at - 1]?.[0] ?? one) > one) at--;
    const [below, above] = [this.#pairs[at - 1], this.#pairs[at]];
    if ((below !== undefined && below[1] > other) || (above !== undefined && above[1] < other)) return false;
    this.#pairs.splice(at, 0, [one, other]);
    this.#twin.set(one, other);
    this.#back.set(other, one);
    return true;
  }
}
