/**
 * Who stands beside and below whom: sibling lists in the order of ordinals, and the counts of children and descendants.
 */
import { Int, NIL, Real, type Rows } from "./rows.ts";

export class Links {
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  lastChild(slot: number): number {
    return this.#rows.int(slot, Int.lastChild);
  }

  /** Puts a znode without children under `parent`, after the child `previous`, or first if that is NIL. */
  add(slot: number, parent: number, previous: number): void {
    this.#linkAfter(slot, parent, previous);
    this.#countUp(parent, 1);
  }

  /** Takes away a znode that has no children. */
  remove(slot: number): void {
    const rows = this.#rows;
    const parent = rows.int(slot, Int.parent);
    const previous = rows.int(slot, Int.previous);
    const next = rows.int(slot, Int.next);
    if (previous === NIL) rows.setInt(parent, Int.firstChild, next);
    else rows.setInt(previous, Int.next, next);
    if (next === NIL) rows.setInt(parent, Int.lastChild, previous);
    else rows.setInt(next, Int.previous, previous);
    rows.addInt(parent, Int.numChildren, -1);
    this.#countUp(parent, -1);
  }

  /** Links all live znodes, which know their parents and ordinals only. */
  rebuild(): void {
    const disordered = new Set<number>();
    for (let slot = 1; slot < this.#rows.end; slot++) {
      if (!this.#rows.isLive(slot)) continue;
      const parent = this.#rows.int(slot, Int.parent);
      const last = this.lastChild(parent);
      if (last !== NIL && this.#ordinal(last) > this.#ordinal(slot)) disordered.add(parent);
      this.add(slot, parent, last);
    }
    for (const parent of disordered) this.#sort(parent);
  }

  #sort(parent: number): void {
    const rows = this.#rows;
    const children: number[] = [];
    for (let slot = rows.int(parent, Int.firstChild); slot !== NIL; slot = rows.int(slot, Int.next))
      children.push(slot);
    children.sort((a, b) => this.#ordinal(a) - this.#ordinal(b));
    rows.setInt(parent, Int.firstChild, NIL);
    rows.setInt(parent, Int.lastChild, NIL);
    rows.setInt(parent, Int.numChildren, 0);
    for (const slot of children) this.#linkAfter(slot, parent, this.lastChild(parent));
  }

  #ordinal(slot: number): number {
    return this.#rows.real(slot, Real.ordinal);
  }

  #linkAfter(slot: number, parent: number, previous: number): void {
    const rows = this.#rows;
    const next = previous === NIL ? rows.int(parent, Int.firstChild) : rows.int(previous, Int.next);
    rows.setInt(slot, Int.previous, previous);
    rows.setInt(slot, Int.next, next);
    if (previous === NIL) rows.setInt(parent, Int.firstChild, slot);
    else rows.setInt(previous, Int.next, slot);
    if (next === NIL) rows.setInt(parent, Int.lastChild, slot);
    else rows.setInt(next, Int.previous, slot);
    rows.addInt(parent, Int.numChildren, 1);
  }

  #countUp(from: number, by: number): void {
    for (let at = from; at !== NIL; at = this.#rows.int(at, Int.parent)) this.#rows.addInt(at, Int.descendants, by);
  }
}
