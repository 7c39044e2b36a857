// A whole sequence from a seed: which session does what, when one leaves, comes back, closes or expires. It owns the
// shape of sequences and keeps the model in step; the single operations come from draw.ts.
import { bob, drawOp, eve, opKinds, root, type Draw, type OpKind } from "./draw.ts";
import { Model, type Effect } from "./model.ts";
import type { Op, Sequence, Step } from "./operation.ts";
import { quirk } from "./quirks.ts";
import { restoredWatches } from "./restored-watches.ts";
import { seededRandom, type Random } from "./random.ts";

/** Tries to draw an operation that goes the way it is meant to. */
const aimTries = 12;

export function generateSequence(seed: number, opCount: number): Sequence {
  return new Builder(seed, opCount).build();
}

class Builder {
  readonly #seed: number;
  readonly #random: Random;
  readonly #model: Model;
  readonly #mortal: boolean[];
  readonly #secrets: boolean;
  readonly #steps: Step[] = [];
  #opsLeft: number;
  #expired = false;
  /** For each path, the sessions that have ever set a watch there. */
  readonly #watchers = new Map<string, Set<number>>();
  /** What has happened while a session was away. */
  #missed: Effect[] = [];

  constructor(seed: number, opCount: number) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    this.#opsLeft = opCount;
    const sessions = 2 + this.#random.below(3);
    this.#mortal = Array.from({ length: sessions }, () => false);
    if (this.#random.chance(0.2)) this.#mortal.push(true);
    this.#secrets = this.#random.chance(0.3);
    this.#model = new Model(this.#mortal.length);
  }

  build(): Sequence {
    const closesAt = this.#random.chance(0.7) ? this.#random.below(this.#opsLeft) : -1;
    let closed = closesAt < 0;
    while (this.#opsLeft > 0) {
      if (!closed && this.#opsLeft <= closesAt) {
        closed = true;
        this.#close();
      } else if (!this.#expired && this.#mortal.includes(true) && this.#opsLeft < 12) this.#expire();
      else this.#block();
    }
    if (!this.#expired && this.#mortal.includes(true)) this.#expire();
    this.#steps.push({ step: "fence", unordered: false });
    return { seed: this.#seed, mortal: this.#mortal, steps: this.#steps };
  }

  #block(): void {
    const kind = this.#random.weighted({ burst: 90, sandwich: 8, absence: 3, badAuth: 1.2, quirk: 1.2, fence: 15 });
    const session = this.#attached();
    switch (kind) {
      case "burst":
        return this.#burst(session);
      case "sandwich":
        return this.#sandwich(session);
      case "absence":
        return this.#absence(session);
      case "badAuth":
        return this.#badAuth(session);
      case "quirk": {
        const ops = quirk(this.#draw(session), this.#model);
        if (ops.length <= this.#opsLeft) this.#emit(session, ops);
        return;
      }
      case "fence":
        return void this.#steps.push({ step: "fence", unordered: false });
    }
  }

  #burst(session: number): void {
    const size = Math.min(this.#opsLeft, 1 + this.#random.below(this.#random.chance(0.25) ? 12 : 4));
    const ops: Op[] = [];
    if (this.#random.chance(0.1))
      ops.push(
        this.#apply(session, {
          op: "addAuth",
          scheme: "digest",
          credentials: this.#random.weighted({ [bob]: 6, [eve]: 4, [root]: 1 }),
        }),
      );
    while (ops.length < size) {
      const op = this.#apply(session, this.#aimed(session, this.#random.weighted(opKinds)));
      ops.push(op);
      // ZooKeeper checks a write against the old ACL while the new one is still under way, if chance wants it so.
      if (op.op === "setACL") break;
      const registered = registration(op);
      if (registered !== undefined && ops.length < size && this.#random.chance(0.2)) {
        const edit = this.#random.pick(["removeWatches", "checkWatches"] as const);
        ops.push(
          this.#apply(session, { op: edit, path: registered.path, type: this.#random.pick([registered.type, "any"]) }),
        );
      }
    }
    this.#push(session, ops);
  }

  /** Reads between the writes of one session, sent at once, with watches. */
  #sandwich(session: number): void {
    const draw = this.#draw(session);
    const path = this.#random.pick(this.#model.paths());
    const read = (op: "getData" | "exists"): Op => ({ op, path, watch: draw.watchStyle(path) === "oneShot" });
    const write = (data: string): Op => ({ op: "setData", path: path === "/" ? "/a" : path, data, version: -1 });
    this.#emit(
      session,
      [write("1"), read("getData"), write("2"), read("exists"), write("3"), read("getData")].slice(0, this.#opsLeft),
    );
  }

  /** A session loses its connection, the others go on, it comes back and tells what it had been watching. */
  #absence(session: number): void {
    if (this.#mortal[session] === true || this.#attachedSessions().length < 2 || this.#opsLeft < 6) return;
    this.#steps.push({ step: "fence", unordered: false }, { step: "drop", session });
    this.#model.session(session).state = "dropped";
    this.#missed = [];
    const before = new Set(this.#model.paths());
    for (let bursts = 1 + this.#random.below(2); bursts > 0 && this.#opsLeft > 3; bursts--)
      this.#burst(this.#attached());
    this.#attach(session);
    if (this.#opsLeft > 0) this.#emit(session, [restoredWatches(this.#draw(session), before, this.#missed)]);
  }

  /** A refused identity costs the connection. */
  #badAuth(session: number): void {
    if (this.#mortal[session] === true) return;
    this.#steps.push({ step: "fence", unordered: false });
    this.#emit(session, [{ op: "addAuth", scheme: "kerberos", credentials: "bob" }]);
    this.#steps.push({ step: "drop", session });
    this.#attach(session);
  }

  #close(): void {
    const sessions = this.#attachedSessions().filter((session) => this.#mortal[session] !== true);
    if (sessions.length < 2) return;
    const session = this.#random.pick(sessions);
    const tail = Array.from({ length: 2 + this.#random.below(4) }, (): Op => {
      const kind = this.#random.pick([
        "sync",
        "whoAmI",
        "getEphemerals",
        "addWatch",
        "setWatches",
        "addWatch",
        "create.persistent",
        "getData",
      ] as const);
      return kind === "setWatches"
        ? restoredWatches(this.#draw(session), new Set(), [])
        : drawOp(this.#draw(session), kind, false);
    });
    this.#steps.push({ step: "fence", unordered: true });
    this.#emit(session, [{ op: "close" }, ...tail].slice(0, this.#opsLeft) as Op[]);
    this.#steps.push({ step: "fence", unordered: false });
  }

  #expire(): void {
    this.#expired = true;
    const session = this.#mortal.indexOf(true);
    this.#steps.push({ step: "fence", unordered: true });
    this.#steps.push({ step: "expire", session, how: this.#random.pick(["silent", "dropped"]) });
    this.#model.expire(session);
    this.#steps.push({ step: "fence", unordered: false });
    if (this.#opsLeft > 0) this.#emit(session, [{ op: "ping" }, { op: "close" }].slice(0, this.#opsLeft) as Op[]);
    this.#steps.push({ step: "drop", session }, { step: "attach", session });
  }

  #attach(session: number): void {
    this.#steps.push({ step: "attach", session });
    this.#model.session(session).state = "attached";
  }

  /** An operation of this kind that the model foretells to succeed, or to be refused, as the dice want it. */
  #aimed(session: number, kind: OpKind): Op {
    const mischief = this.#random.chance(0.42);
    const draw = this.#draw(session);
    let op = drawOp(draw, kind, mischief);
    for (let tries = 1; tries < aimTries && this.#goesWell(session, op) === mischief; tries++)
      op = drawOp(draw, kind, mischief);
    return op;
  }

  #goesWell(session: number, op: Op): boolean {
    const { error, parts } = this.#model.foretell(session, op);
    return error === "OK" && (op.op !== "multiRead" || parts?.every((part) => part === "OK") === true);
  }

  #draw(session: number): Draw {
    const styles = ["oneShot", "oneShot", "oneShot", "persistent", "recursive"] as const;
    const watchStyle = (path: string): (typeof styles)[number] =>
      styles[hash(`${this.#seed} ${session} ${path}`) % styles.length] ?? "oneShot";
    const watchedByOthers = (path: string): boolean =>
      [...(this.#watchers.get(path) ?? [])].some((one) => one !== session);
    return { random: this.#random, model: this.#model, session, secrets: this.#secrets, watchStyle, watchedByOthers };
  }

  #emit(session: number, ops: readonly Op[]): void {
    this.#push(
      session,
      ops.map((op) => this.#apply(session, op)),
    );
  }

  /** Older releases show any znode to exists, and set the watch; newer ones do neither. The answer is compared, the watch left out. */
  #tame(session: number, op: Op): Op {
    if (op.op !== "exists" || !op.watch) return op;
    const node = this.#model.node(op.path);
    return node === undefined || this.#model.mayRead(session, node.acl) ? op : { ...op, watch: false };
  }

  #push(session: number, ops: readonly Op[]): void {
    if (ops.length === 0) return;
    this.#opsLeft -= ops.length;
    this.#steps.push({ step: "burst", session, ops });
  }

  /** Takes the operation into the model; gives the one to send. */
  #apply(session: number, drawn: Op): Op {
    const op = this.#tame(session, drawn);
    for (const path of watchedPaths(op)) {
      const sessions = this.#watchers.get(path) ?? new Set();
      this.#watchers.set(path, sessions.add(session));
    }
    this.#missed.push(...this.#model.apply(session, op).effects);
    return op;
  }

  #attachedSessions(): number[] {
    return [...this.#mortal.keys()].filter((session) => this.#model.session(session).state === "attached");
  }

  #attached(): number {
    return this.#random.pick(this.#attachedSessions());
  }
}

/** What a removal could name to undo this operation. */
function registration(op: Op): { readonly path: string; readonly type: "data" | "children" | "any" } | undefined {
  if (op.op === "addWatch") return op.mode === "unknown" ? undefined : { path: op.path, type: "any" };
  if (!("watch" in op) || !op.watch) return undefined;
  return { path: op.path, type: op.op === "exists" || op.op === "getData" ? "data" : "children" };
}

/** The paths on which this operation may set a watch. */
function watchedPaths(op: Op): readonly string[] {
  if (op.op === "setWatches") return [...op.data, ...op.exists, ...op.children, ...op.persistent, ...op.recursive];
  return op.op === "addWatch" || ("watch" in op && op.watch) ? [op.path] : [];
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return sum >>> 3;
}
