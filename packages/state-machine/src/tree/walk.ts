/**
 * A walk through a subtree, parents before children, that may be interrupted between any two znodes while the tree goes
 * on changing. Every znode that is there from the beginning to the end of the walk is met exactly once.
 *
 * The tree tells each walk of every znode that is about to go; a place that stands on it steps back to the sibling before.
 */
import { NIL } from "./rows.ts";

/** What a walk needs of the tree. */
interface Walked {
  readonly walks: Set<Walk>;
  firstChild(slot: number): number;
  next(slot: number): number;
  previous(slot: number): number;
}

/** A level of the walk: the child last met among the children of `parent`; NIL before the first. */
interface Level {
  parent: number;
  at: number;
}

export class Walk {
  #levels: Level[] = [];
  readonly #depth: number;
  #root: number;

  /** `depth` 0 meets the root alone, 1 its children too, and so on. */
  constructor(tree: Walked, root: number, depth: number) {
    this.#root = root;
    this.#depth = depth;
    tree.walks.add(this);
  }

  /** The next znode, or NIL at the end. */
  step(tree: Walked): number {
    if (this.#root !== NIL) {
      const root = this.#root;
      this.#root = NIL;
      this.#descend(root);
      return root;
    }
    for (;;) {
      const level = this.#levels.at(-1);
      if (level === undefined) return NIL;
      const next = level.parent === NIL ? NIL : level.at === NIL ? tree.firstChild(level.parent) : tree.next(level.at);
      if (next === NIL) {
        this.#levels.pop();
        continue;
      }
      level.at = next;
      this.#descend(next);
      return next;
    }
  }

  #descend(slot: number): void {
    if (this.#levels.length < this.#depth) this.#levels.push({ parent: slot, at: NIL });
  }

  /** The znode in this slot is about to be taken away; it has no children any more. */
  leave(slot: number, tree: Walked): void {
    if (this.#root === slot) this.#root = NIL;
    for (const level of this.#levels) {
      if (level.at === slot) level.at = tree.previous(slot);
      else if (level.parent === slot) level.parent = NIL;
    }
  }

  /** Its place now, to go back to if what is about to go comes back: see Undo. */
  place(): () => void {
    const root = this.#root;
    const levels = this.#levels.map((level) => ({ ...level }));
    return () => {
      this.#root = root;
      this.#levels = levels;
    };
  }

  end(tree: Walked): void {
    tree.walks.delete(this);
  }
}
