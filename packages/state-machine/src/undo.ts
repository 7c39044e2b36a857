/**
 * Undo of a transition that was refused half-way: what each change did is noted as it happens, and taken back in reverse.
 *
 * It stands among the tree's journals while its transition runs. Freed slots come back in the reverse order of their
 * freeing, so every znode that was removed finds its old slot again, and every walk its old place.
 */
import type { TreeJournal, ZnodeImage } from "./tree/journal.ts";
import type { Tree } from "./tree/tree.ts";

type Step =
  | { readonly kind: "created"; readonly slot: number }
  | { readonly kind: "changed"; readonly image: ZnodeImage }
  | { readonly kind: "removed"; readonly image: ZnodeImage; readonly previous: number };

export class Undo implements TreeJournal {
  readonly #tree: Tree;
  readonly #steps: Step[] = [];
  /** Slots whose present znode needs no further image: it has one, or was made by this transition. */
  readonly #covered = new Set<number>();
  /** Taken before the first removal; nothing else moves a walk. */
  #places: (() => void)[] | undefined;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  created(slot: number): void {
    this.#covered.add(slot);
    this.#steps.push({ kind: "created", slot });
  }

  changing(slot: number): void {
    if (this.#covered.has(slot)) return;
    this.#covered.add(slot);
    this.#steps.push({ kind: "changed", image: this.#tree.image(slot) });
  }

  removing(slot: number): void {
    this.#places ??= [...this.#tree.walks].map((walk) => walk.place());
    this.#steps.push({ kind: "removed", image: this.#tree.image(slot), previous: this.#tree.previous(slot) });
  }

  revert(): void {
    for (const step of this.#steps.reverse()) {
      switch (step.kind) {
        case "created":
          this.#tree.uncreate(step.slot);
          break;
        case "changed":
          this.#tree.revert(step.image);
          break;
        case "removed":
          this.#tree.unremove(step.image, step.previous);
          break;
      }
    }
    for (const goBack of this.#places ?? []) goBack();
  }
}
