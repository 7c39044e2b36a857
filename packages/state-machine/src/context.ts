/**
 * What a transition is given: the state, the place in the log, who asks; and where it reports what it changed.
 */
import { type AclEntry, EventType, type Identity, parentOf } from "@corral/protocol";
import { ACL_CHANGED } from "./history.ts";
import { allows } from "./permission.ts";
import type { State } from "./state.ts";
import type { Stamp } from "./tree/journal.ts";
import { Undo } from "./undo.ts";

/** One change, for the watchers. */
export interface Change {
  /** created, deleted or changed. */
  readonly type: EventType;
  readonly path: string;
  /** Who may hear of it: readers of the znode created, deleted or changed … */
  readonly acl: readonly AclEntry[];
  /** … and, of the children event that goes with a creation or deletion, readers of the parent. */
  readonly parentAcl: readonly AclEntry[];
}

export class Context {
  readonly state: State;
  stamp: Stamp = { zxid: 0, timeMs: 0 };
  /** Of the session that asks; empty for the server's own entries. */
  identities: readonly Identity[] = [];
  /** The session that asks, 0 for the server's own entries. */
  session = 0;
  readonly changes: Change[] = [];
  #isUndoable = false;

  constructor(state: State) {
    this.state = state;
  }

  may(slot: number, permission: number): boolean {
    return allows(this.state.tree.acl(slot), permission, this.identities, this.state.options);
  }

  created(slot: number, path: string): void {
    const { tree, history } = this.state;
    const parent = tree.parent(slot);
    history.add(this.stamp.zxid, EventType.created, tree, slot, path, tree.aclNumber(parent));
    this.changes.push({ type: EventType.created, path, acl: tree.acl(slot), parentAcl: tree.acl(parent) });
    this.state.quotas.changed(path, 1, Math.max(0, tree.dataLength(slot)));
  }

  /** `bytes`: by how much the data grew. */
  dataChanged(slot: number, path: string, bytes: number): void {
    const { tree, history } = this.state;
    history.add(this.stamp.zxid, EventType.changed, tree, slot, path);
    const acl = tree.acl(slot);
    this.changes.push({ type: EventType.changed, path, acl, parentAcl: acl });
    this.state.quotas.changed(path, 0, bytes);
  }

  /** Watches do not hear of it; subscribers do. `before` must still be in use: call while it is shared by the journal, or share it. */
  aclChanged(slot: number, path: string, before: number): void {
    this.state.history.add(this.stamp.zxid, ACL_CHANGED, this.state.tree, slot, path, before);
  }

  /** Takes the znode away and reports it. */
  remove(slot: number, path: string): void {
    const { tree, history } = this.state;
    const bytes = Math.max(0, tree.dataLength(slot));
    history.addDeleted(this.stamp.zxid, tree, slot, path);
    this.changes.push({ type: EventType.deleted, path, acl: tree.acl(slot), parentAcl: tree.acl(tree.parent(slot)) });
    tree.remove(slot, this.stamp.zxid);
    this.state.quotas.changed(path, -1, -bytes);
  }

  /**
   * Runs a transition that may be refused half-way: if it is, everything that it changed is as before, and nobody hears of it.
   * Within another one (a create with parents in a multi) it only runs: its refusal refuses, and undoes, the whole.
   */
  atomically<T>(isRefused: (result: T) => boolean, run: () => T): T {
    if (this.#isUndoable) return run();
    const { tree, history, quotas } = this.state;
    const undo = new Undo(tree);
    const mark = history.mark();
    const changes = this.changes.length;
    this.#isUndoable = true;
    tree.journals.push(undo);
    quotas.begin();
    const result = run();
    const isWasted = isRefused(result);
    tree.journals.splice(tree.journals.indexOf(undo), 1);
    this.#isUndoable = false;
    if (isWasted) {
      undo.revert();
      history.rewind(mark);
      this.changes.length = changes;
    }
    quotas.end(isWasted);
    return result;
  }

  /** For the next entry. */
  reset(stamp: Stamp, session: number, identities: readonly Identity[]): void {
    this.stamp = stamp;
    this.session = session;
    this.identities = identities;
    this.changes.length = 0;
  }
}

/** The parent's path, as ZooKeeper cuts it: everything before the last slash, which for a path without one is nothing. */
export function cutParent(path: string): string {
  return path.lastIndexOf("/") <= 0 ? "/" : parentOf(path);
}
