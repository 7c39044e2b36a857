/**
 * Who waits for what: one registration for each owner, whatever the server makes of it. Owns the table of them by kind and
 * path, and knows which of them an event is for. Knows no connection.
 */
import { errorCode, Op, parentOf, type Reply, type RequestBody, WatchKind, WatcherType } from "@corral/protocol";
import type { CorralError } from "../error.ts";
import type { WatchEvent } from "./event.ts";

export interface WatchOwner {
  event(event: WatchEvent): void;
  /** It cannot be kept. */
  failed(error: CorralError): void;
}

export class Registration {
  readonly kind: WatchKind;
  readonly path: string;
  readonly owner: WatchOwner;
  /** What happened up to this zxid was before it began. Infinity until the server has said that it has it. */
  from: number;

  constructor(kind: WatchKind, path: string, owner: WatchOwner, from: number) {
    this.kind = kind;
    this.path = path;
    this.owner = owner;
    this.from = from;
  }

  /** False while its addWatch is not answered: that is sent again as it was, and its answer says where it begins. */
  get isSet(): boolean {
    return this.from !== Infinity;
  }

  get isOneShot(): boolean {
    return this.kind === WatchKind.data || this.kind === WatchKind.exist || this.kind === WatchKind.child;
  }
}

const NO_NODE = errorCode("NO_NODE");

/** The one-shot watch that an answered read has set, if it has. */
export function oneShotOf(
  body: RequestBody,
  { code }: Reply,
): { readonly type: WatcherType; readonly path: string } | undefined {
  if (!("watch" in body) || !body.watch) return undefined;
  if (code !== 0 && !(body.op === Op.exists && code === NO_NODE)) return undefined;
  return { type: body.op === Op.children ? WatcherType.children : WatcherType.data, path: body.path };
}

/** Which one-shot watches an event fires. */
const FIRES: Readonly<Record<WatchEvent["kind"], readonly WatchKind[]>> = {
  created: [WatchKind.data, WatchKind.exist],
  changed: [WatchKind.data, WatchKind.exist],
  deleted: [WatchKind.data, WatchKind.exist, WatchKind.child],
  children: [WatchKind.child],
  resync: [],
};

/** What the server knows the kinds by: data and exist are one to it. */
export const WATCHER_TYPE: Readonly<Record<WatchKind, WatcherType>> = {
  [WatchKind.data]: WatcherType.data,
  [WatchKind.exist]: WatcherType.data,
  [WatchKind.child]: WatcherType.children,
  [WatchKind.persistent]: WatcherType.persistent,
  [WatchKind.recursive]: WatcherType.persistentRecursive,
};

const KINDS: readonly WatchKind[] = Object.values(WatchKind);
const NONE: ReadonlySet<Registration> = new Set();

export class RegistrationTable {
  readonly #byKind: Readonly<Record<WatchKind, Map<string, Set<Registration>>>> = {
    [WatchKind.data]: new Map(),
    [WatchKind.exist]: new Map(),
    [WatchKind.child]: new Map(),
    [WatchKind.persistent]: new Map(),
    [WatchKind.recursive]: new Map(),
  };

  /** Pairs of kind and path. */
  get size(): number {
    return KINDS.reduce<number>((sum, kind) => sum + this.#byKind[kind].size, 0);
  }

  add(registration: Registration): void {
    const { kind, path } = registration;
    const there = this.#byKind[kind].get(path);
    if (there === undefined) this.#byKind[kind].set(path, new Set([registration]));
    else there.add(registration);
  }

  has(registration: Registration): boolean {
    return this.#at(registration.kind, registration.path).has(registration);
  }

  /** False if it was not there. */
  remove(registration: Registration): boolean {
    const { kind, path } = registration;
    const there = this.#byKind[kind].get(path);
    if (there?.delete(registration) !== true) return false;
    if (there.size === 0) this.#byKind[kind].delete(path);
    return true;
  }

  clear(): void {
    for (const kind of KINDS) this.#byKind[kind].clear();
  }

  #at(kind: WatchKind, path: string): ReadonlySet<Registration> {
    return this.#byKind[kind].get(path) ?? NONE;
  }

  /** As the server sees them. */
  ofType(type: WatcherType, path: string): Registration[] {
    const kinds = KINDS.filter((kind) => type === WatcherType.any || WATCHER_TYPE[kind] === type);
    return kinds.flatMap((kind) => [...this.#at(kind, path)]);
  }

  /** All that the server has, or had before the connection broke. */
  allSet(): Registration[] {
    const all: Registration[] = [];
    for (const kind of KINDS)
      for (const there of this.#byKind[kind].values())
        for (const registration of there) if (registration.isSet) all.push(registration);
    return all;
  }

  all(): Registration[] {
    return KINDS.flatMap((kind) => [...this.#byKind[kind].values()].flatMap((there) => [...there]));
  }

  /** Those that an event is for; those that began after it are not among them. */
  wanting(event: WatchEvent): Registration[] {
    const { kind, path, zxid } = event;
    const wanting: Registration[] = [];
    const take = (there: ReadonlySet<Registration>): void => {
      for (const registration of there) if (registration.from < zxid) wanting.push(registration);
    };
    for (const oneShot of FIRES[kind]) take(this.#at(oneShot, path));
    take(this.#at(WatchKind.persistent, path));
    if (kind === "children" || this.#byKind[WatchKind.recursive].size === 0) return wanting;
    for (let at = path; ; at = parentOf(at)) {
      take(this.#at(WatchKind.recursive, at));
      if (at === "/") return wanting;
    }
  }
}
