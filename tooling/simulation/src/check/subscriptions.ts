/**
 * Subscriptions as their readers saw them: the state put together is the model's at each `synced` and after each unit, and
 * between two units nothing is missing without a `resync`.
 */
import type { Followed, Told, Violation } from "../history.ts";
import type { Model, Step } from "../model/model.ts";
import { above, isIn, statOf, type Znode } from "../model/tree.ts";

type Scope = Followed["scope"];

const covers = (root: string, scope: Scope, path: string): boolean =>
  scope === "tree" ? isIn(root, path) : path === root || (scope === "children" && path !== "/" && above(path) === root);

/** Of a Stat, in the order of the wire. A change of the children alone (cversion, numChildren, pzxid) is none that is told of. */
const textOf = (data: Uint8Array | null, stat: readonly number[] | undefined): string => {
  const text = data === null ? "nil" : Buffer.from(data).toString("latin1");
  if (stat === undefined) return `${text} without a Stat`;
  const [czxid, mzxid, ctime, mtime, version, , aversion, owner, length] = stat;
  return `${text} ${czxid},${mzxid},${ctime},${mtime},${version},${aversion},${owner},${length}`;
};
const nodeText = (node: Readonly<Znode>): string => textOf(node.data, statOf(node));

/** One reader, walked through the log along with the model. */
class Reader {
  readonly #followed: Followed;
  readonly #told: readonly Told[];
  readonly #violations: Violation[];
  readonly #state = new Map<string, string>();
  #at = 0;
  /** What was told is the state at this zxid or later; undefined while the subtree is being sent. */
  #live: boolean;

  constructor(followed: Followed, violations: Violation[]) {
    this.#followed = followed;
    this.#told = wholeOf(followed);
    this.#violations = violations;
    this.#live = false;
  }

  #fail(what: string): void {
    const { client, path, scope } = this.#followed;
    this.#violations.push({ check: "subscriptions", what: `${client} follows ${path} (${scope}): ${what}` });
  }

  get isDone(): boolean {
    return this.#at >= this.#told.length;
  }

  /** The model is as it is at this zxid, and the next entry has a higher one. */
  look(model: Model, step: Step | undefined, next: number): void {
    const mine = step?.changes.filter(({ path }) => covers(this.#followed.path, this.#followed.scope, path)) ?? [];
    if (this.#live && mine.length > 0 && this.#shows(model.zxid)) this.#unit(model, mine.length);
    while (!this.isDone && this.#told[this.#at]!.zxid < next) {
      const told = this.#told[this.#at]!;
      if (this.#live && told.kind !== "synced" && told.kind !== "resync") {
        this.#fail(`told of ${told.kind} ${told.path} at ${told.zxid}, where nothing of it changed`);
        this.#at = this.#told.length;
        return;
      }
      this.#take(told, model);
      this.#at++;
    }
  }

  /** Does the reader know of anything at or after this zxid, without having been told to begin anew before it? */
  #shows(zxid: number): boolean {
    const next = this.#told[this.#at];
    if (next === undefined) return false;
    if (next.kind === "resync") return false;
    if (next.zxid > zxid) {
      this.#fail(`nothing was told of the change at ${zxid}; the next is ${next.kind} at ${next.zxid}`);
      this.#at = this.#told.length;
      return false;
    }
    return next.zxid === zxid && next.kind !== "synced";
  }

  /** All changes of one zxid: afterwards the state is the model's. */
  #unit(model: Model, changes: number): void {
    const { zxid } = model;
    let taken = 0;
    while (!this.isDone) {
      const told = this.#told[this.#at]!;
      if (told.zxid !== zxid || told.kind === "synced" || told.kind === "resync") break;
      this.#take(told, model);
      this.#at++;
      taken++;
    }
    // A reader that stopped within a unit knows no more, and a resync makes the rest of one void.
    if (taken < changes && (this.isDone || this.#told[this.#at]!.kind === "resync")) return;
    if (taken === changes) return this.#compare(model, `after the unit of ${zxid}`);
    this.#fail(`was told of ${taken} changes at ${zxid}; there are ${changes}`);
    this.#at = this.#told.length;
  }

  #take({ kind, path, data, stat, zxid }: Told, model: Model): void {
    switch (kind) {
      case "resync":
        this.#state.clear();
        this.#live = false;
        return;
      case "synced":
        this.#compare(model, `synced at ${zxid}`);
        this.#live = true;
        return;
      case "deleted":
        this.#state.delete(path!);
        return;
      default:
        this.#state.set(path!, textOf(data, stat));
    }
  }

  #compare(model: Model, when: string): void {
    const { path: root, scope } = this.#followed;
    const differs = (path: string, told: string | undefined, meant: string | undefined): void => {
      this.#fail(`${when}: ${path} is told as ${told}, the model has ${meant}`);
      this.#at = this.#told.length;
    };
    let known = 0;
    for (const [path, node] of model.tree) {
      if (!covers(root, scope, path)) continue;
      const [told, meant] = [this.#state.get(path), nodeText(node)];
      if (told !== meant) return differs(path, told, meant);
      known++;
    }
    if (known === this.#state.size) return;
    for (const [path, told] of this.#state)
      if (!covers(root, scope, path) || !model.tree.has(path)) return differs(path, told, undefined);
  }
}

function wholeOf(followed: Followed): readonly Told[] {
  const before = followed.continues;
  return before === undefined ? followed.told : [...wholeOf(before).slice(0, before.wholeUntil), ...followed.told];
}

export class SubscriptionCheck {
  readonly violations: Violation[] = [];
  readonly #readers: readonly Reader[];

  constructor(followed: readonly Followed[]) {
    this.#readers = followed.map((one) => new Reader(one, this.violations));
  }

  look(model: Model, step: Step | undefined, next: number): void {
    for (const reader of this.#readers) if (!reader.isDone) reader.look(model, step, next);
  }
}
