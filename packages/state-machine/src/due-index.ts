/**
 * What is due when: numbers (slots, sessions) by due time, in a binary heap with positions, so that one that is put off or
 * no longer waits is moved at once. Ties go to the smaller number, so that the order is the same at each run.
 */

export class DueIndex {
  readonly #heap: number[] = [];
  readonly #due = new Map<number, number>();
  readonly #position = new Map<number, number>();

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest due time; undefined if nothing waits. */
  nextDue(): number | undefined {
    const first = this.#heap[0];
    return first === undefined ? undefined : this.#due.get(first);
  }

  /** Up to `max` that are due at `now`. */
  due(now: number, max: number): number[] {
    const found: number[] = [];
    const walk = (at: number): void => {
      const slot = this.#heap[at];
      if (slot === undefined || found.length >= max || this.#due.get(slot)! > now) return;
      found.push(slot);
      walk(2 * at + 1);
      walk(2 * at + 2);
    };
    walk(0);
    return found;
  }

  /** Due from `due` on; undefined: not at all. */
  set(slot: number, due: number | undefined): void {
    if (due === undefined) {
      if (this.#due.has(slot)) this.#remove(slot);
      return;
    }
    const known = this.#due.has(slot);
    this.#due.set(slot, due);
    if (!known) this.#put(this.#heap.length, slot);
    const at = this.#position.get(slot)!;
    this.#up(at);
    this.#down(this.#position.get(slot)!);
  }

  #remove(slot: number): void {
    const at = this.#position.get(slot)!;
    this.#due.delete(slot);
    this.#position.delete(slot);
    const last = this.#heap.pop()!;
    if (last === slot) return;
    this.#put(at, last);
    this.#up(at);
    this.#down(this.#position.get(last)!);
  }

  #put(at: number, slot: number): void {
    this.#heap[at] = slot;
    this.#position.set(slot, at);
  }

  #before(a: number, b: number): boolean {
    const dueA = this.#due.get(a)!;
    const dueB = this.#due.get(b)!;
    return dueA < dueB || (dueA === dueB && a < b);
  }

  #up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const slot = this.#heap[at]!;
      const above = this.#heap[parent]!;
      if (!this.#before(slot, above)) return;
      this.#put(parent, slot);
      this.#put(at, above);
      at = parent;
    }
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#before(this.#heap[child]!, this.#heap[least]!)) least = child;
      }
      if (least === at) return;
      const slot = this.#heap[at]!;
      this.#put(at, this.#heap[least]!);
      this.#put(least, slot);
      at = least;
    }
  }
}
