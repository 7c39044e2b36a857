/**
 * Who stands beside and below whom: sibling lists in the order of ordinals, and the counts of children and descendants.
 */
import { type Columns, NIL } from "./columns.ts";

export class Links {
  readonly #columns: Columns;

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  lastChild(slot: number): number {
    return this.#columns.page(slot).lastChild[this.#columns.at(slot)]!;
  }

  /** Puts a znode without children under `parent`, after the child `previous`, or first if that is NIL. */
  add(slot: number, parent: number, previous: number): void {
    this.#linkAfter(slot, parent, previous);
    this.#countUp(parent, 1);
  }

  /** Takes away a znode that has no children. */
  remove(slot: number): void {
    const page = this.#columns.page(slot);
    const i = this.#columns.at(slot);
    const parent = page.parent[i]!;
    const above = this.#columns.page(parent);
    const p = this.#columns.at(parent);
    const previous = page.previous[i]!;
    const next = page.next[i]!;
    if (previous === NIL) above.firstChild[p] = next;
    else this.#columns.page(previous).next[this.#columns.at(previous)] = next;
    if (next === NIL) above.lastChild[p] = previous;
    else this.#columns.page(next).previous[this.#columns.at(next)] = previous;
    above.numChildren[p]!--;
    this.#countUp(parent, -1);
  }

  /** Links all live znodes, which know their parents and ordinals only. */
  rebuild(): void {
    const disordered = new Set<number>();
    for (let slot = 1; slot < this.#columns.end; slot++) {
      if (!this.#columns.isLive(slot)) continue;
      const parent = this.#columns.page(slot).parent[this.#columns.at(slot)]!;
      const last = this.lastChild(parent);
      if (last !== NIL && this.#ordinal(last) > this.#ordinal(slot)) disordered.add(parent);
      this.add(slot, parent, last);
    }
    for (const parent of disordered) this.#sort(parent);
  }

  #sort(parent: number): void {
    const page = this.#columns.page(parent);
    const i = this.#columns.at(parent);
    const children: number[] = [];
    for (let slot = page.firstChild[i]!; slot !== NIL; slot = this.#columns.page(slot).next[this.#columns.at(slot)]!)
      children.push(slot);
    children.sort((a, b) => this.#ordinal(a) - this.#ordinal(b));
    page.firstChild[i] = NIL;
    page.lastChild[i] = NIL;
    page.numChildren[i] = 0;
    for (const slot of children) this.#linkAfter(slot, parent, page.lastChild[i]);
  }

  #ordinal(slot: number): number {
    return this.#columns.page(slot).ordinal[this.#columns.at(slot)]!;
  }

  #linkAfter(slot: number, parent: number, previous: number): void {
    const page = this.#columns.page(slot);
    const i = this.#columns.at(slot);
    const above = this.#columns.page(parent);
    const p = this.#columns.at(parent);
    const next =
      previous === NIL ? above.firstChild[p]! : this.#columns.page(previous).next[this.#columns.at(previous)]!;
    page.previous[i] = previous;
    page.next[i] = next;
    if (previous === NIL) above.firstChild[p] = slot;
    else this.#columns.page(previous).next[this.#columns.at(previous)] = slot;
    if (next === NIL) above.lastChild[p] = slot;
    else this.#columns.page(next).previous[this.#columns.at(next)] = slot;
    above.numChildren[p]!++;
  }

  #countUp(from: number, by: number): void {
    for (let at = from; at !== NIL;) {
      const page = this.#columns.page(at);
      const i = this.#columns.at(at);
      page.descendants[i]! += by;
      at = page.parent[i]!;
    }
  }
}
