/**
 * One subscription, and the table of all: who follows which part of the tree, and how far it has come.
 *
 * A subscription is at the present (`lag` undefined) or behind, at a zxid up to which it has been told everything. While
 * `walk` is there its subtree is still being sent. It takes part in a change only at the present and with a credit left;
 * else it falls behind, and reads the history when credits come.
 */
import { Scope, isWithin, parentOf } from "@corral/protocol";
import type { Walk } from "@corral/state-machine";
import type { Connection } from "./connection.ts";

export interface Subscription {
  readonly id: number;
  readonly connection: Connection;
  readonly path: string;
  readonly scope: number;
  readonly flags: number;
  credits: number;
  lag: number | undefined;
  /** Not begun, under way, or done. */
  walk: "wanted" | Walk | undefined;
  isSynced: boolean;
  /** The history's turnover when it was last told something. */
  toldAt: number;
}

const NONE: ReadonlyMap<number, Subscription> = new Map();

export class SubscriptionTable {
  readonly #byRoot = new Map<string, Set<Subscription>>();
  readonly #byConnection = new Map<Connection, Map<number, Subscription>>();
  /** Those with something to send and the credit to do so. */
  readonly ready: Set<Subscription> = new Set();
  /** The round through all that looks for quiet ones: at which turnover of the history it began, and who is left in it. */
  readonly round: { begunAt: number; rest: IterableIterator<Subscription> | undefined } = {
    begunAt: 0,
    rest: undefined,
  };
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Those of one connection, by id. */
  of(connection: Connection): ReadonlyMap<number, Subscription> {
    return this.#byConnection.get(connection) ?? NONE;
  }

  add(subscription: Subscription): void {
    const { id, connection } = subscription;
    const own = this.#byConnection.get(connection);
    if (own === undefined) this.#byConnection.set(connection, new Map([[id, subscription]]));
    else own.set(id, subscription);
    const there = this.#byRoot.get(subscription.path);
    if (there === undefined) this.#byRoot.set(subscription.path, new Set([subscription]));
    else there.add(subscription);
    this.#count++;
  }

  remove(subscription: Subscription): void {
    const there = this.#byRoot.get(subscription.path);
    if (there === undefined || !there.delete(subscription)) return;
    if (there.size === 0) this.#byRoot.delete(subscription.path);
    const own = this.#byConnection.get(subscription.connection)!;
    own.delete(subscription.id);
    if (own.size === 0) this.#byConnection.delete(subscription.connection);
    this.ready.delete(subscription);
    this.#count--;
  }

  *[Symbol.iterator](): IterableIterator<Subscription> {
    for (const there of this.#byRoot.values()) yield* there;
  }

  /** Calls with each subscription whose part of the tree holds the path. */
  covering(path: string, tell: (subscription: Subscription) => void): void {
    for (let at = path; ; at = parentOf(at)) {
      const there = this.#byRoot.get(at);
      if (there !== undefined) for (const subscription of there) if (covers(subscription, path)) tell(subscription);
      if (at === "/") return;
    }
  }
}

export function covers({ path: root, scope }: Subscription, path: string): boolean {
  switch (scope) {
    case Scope.node:
      return path === root;
    case Scope.children:
      return path === root || (path !== "/" && parentOf(path) === root);
    default:
      return isWithin(root, path);
  }
}
