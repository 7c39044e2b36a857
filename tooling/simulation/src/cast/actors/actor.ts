/**
 * One program that uses a client: it does this and that at random, as the seed decides, and notes what it called and what
 * came of it. It never decides whether that was right, but for what only it can see: the order in which things reach it.
 */
import { type Client, CorralError, isCorralError, open, type Stat, type Watch } from "@corral/client";
import { type Draw, drawFrom, type Process } from "@corral/testing/world";
import type { Call, Followed, Told } from "../../history.ts";
import type { Life, Stage } from "../cast.ts";

/** A one-shot watch that was asked for. */
interface Waiting {
  readonly path: string;
  readonly of: "znode" | "children";
  /** What the read showed when it was set; undefined until it is. */
  seen: { readonly mzxid: number; readonly names: string | undefined } | undefined;
  calls: number;
}

/** One act of one actor. */
export interface Step {
  readonly actor: Actor;
  /** Of this act alone. */
  readonly draw: Draw;
  /** For its write, if it makes one. */
  readonly tag: string;
}

export class Actor {
  readonly name: string;
  readonly client: Client;
  readonly stage: Stage;
  readonly #process: Process;
  readonly #following: {
    readonly followed: Followed;
    readonly close: () => Promise<void>;
    readonly isOver: () => boolean;
  }[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #watches: Watch[] = [];
  #acts = 0;
  #turns = 0;
  isStopped = false;
  pending = 0;

  constructor({ name, process, options }: Life, stage: Stage) {
    this.name = name;
    this.stage = stage;
    this.#process = process;
    this.client = open(options);
    this.client.on("state", (state) => {
      stage.note(`client ${name} is ${state.name}`);
    });
  }

  /** Acts until it is stopped. Each turn and each act draws for itself: without one of them the others are the same. */
  begin(take: (step: Step) => void): void {
    const { stage, name } = this;
    const { plan } = stage;
    const draw = drawFrom(plan.seed, `${name} turn ${++this.#turns}`);
    this.#process.after(1 + draw() * plan.thinkMs, "timer", () => {
      if (this.isStopped || this.#acts >= plan.actsMax) return;
      const mayCall = this.pending < PENDING_MAX;
      for (let i = Math.floor(draw() * plan.pipeline); i >= 0; i--) {
        const act = ++this.#acts;
        const step = `${name} act ${act}`;
        if (mayCall && stage.mayAct(step))
          take({ actor: this, draw: drawFrom(plan.seed, step), tag: `${name}.${act}` });
      }
      this.begin(take);
    });
  }

  /** Notes a call from its beginning to its end. `value` makes of the result what is compared. */
  async call<T>(
    op: string,
    path: string,
    tag: string | undefined,
    run: () => Promise<T>,
    value: (result: T) => unknown,
  ): Promise<T | undefined> {
    const call: Call = {
      client: this.name,
      tag,
      op,
      path,
      start: this.stage.nextEvent(),
      end: Number.POSITIVE_INFINITY,
      outcome: { kind: "pending" },
    };
    this.stage.history.calls.push(call);
    this.pending++;
    try {
      const result = await run();
      call.end = this.stage.nextEvent();
      call.outcome = { kind: "ok", value: value(result) };
      this.stage.note(`${this.name} ${op} ${path} ${tag ?? ""} ok`);
      return result;
    } catch (error) {
      call.end = this.stage.nextEvent();
      if (!(error instanceof CorralError)) {
        this.violation(`${op} ${path} failed with what is no CorralError: ${String((error as Error)?.stack ?? error)}`);
        return undefined;
      }
      call.outcome = { kind: "error", code: error.code, outcome: error.outcome };
      this.stage.note(`${this.name} ${op} ${path} ${tag ?? ""} ${error.code}`);
      return undefined;
    } finally {
      this.pending--;
    }
  }

  violation(what: string): void {
    this.stage.violate("client", `${this.name}: ${what}`);
  }

  /** A read of a znode: it must show no less than this client has seen, and no change before its watch has told of it. */
  saw(path: string, stat: Stat | undefined, start: number, isLinearizable: boolean): void {
    this.stage.history.seen.push({
      client: this.name,
      path,
      stat: stat === undefined ? undefined : statFields(stat),
      start,
      isLinearizable,
      end: this.stage.nextEvent(),
    });
    for (const watch of this.#waiting) {
      if (watch.of !== "znode" || watch.path !== path || watch.calls > 0 || watch.seen === undefined) continue;
      if ((stat?.mzxid ?? 0) > watch.seen.mzxid) {
        const what = `${this.name}: saw ${path} change from ${watch.seen.mzxid} to ${stat!.mzxid} before its watch told of it`;
        this.stage.violate("client", what, true);
      }
    }
  }

  /** A function to be given as `watch`, and one to say what was seen when it was set. */
  waitFor(
    path: string,
    of: "znode" | "children",
  ): { readonly watch: () => void; readonly set: (mzxid: number, names: string | undefined) => void } {
    // Where ACLs change, a watch may be spent on a change that its owner must not hear of.
    const isOpen = !path.startsWith("/acl");
    const waiting: Waiting = { path, of, seen: undefined, calls: 0 };
    this.#waiting.push(waiting);
    return {
      watch: () => {
        waiting.calls++;
        this.stage.note(`${this.name} watch of ${path}`);
        if (waiting.calls > 1) this.violation(`a one-shot watch of ${path} fired ${waiting.calls} times`);
      },
      set: (mzxid, names) => {
        if (isOpen) waiting.seen = { mzxid, names };
      },
    };
  }

  /** In the end: a watch that did not fire has nothing to tell. */
  checkWaiting(znode: (path: string) => { readonly mzxid: number; readonly names: string } | undefined): void {
    for (const { path, of, seen, calls } of this.#waiting) {
      if (calls > 0 || seen === undefined) continue;
      const now = znode(path);
      const hasChanged =
        of === "znode" ? (now?.mzxid ?? 0) !== seen.mzxid : now === undefined || now.names !== seen.names;
      if (hasChanged)
        this.violation(
          `the watch of ${path} (${of}), set at ${JSON.stringify(seen)}, never fired; it is ${JSON.stringify(now)}`,
        );
    }
  }

  keep(watch: Watch): void {
    this.#watches.push(watch);
    void this.#drain(watch);
  }

  async #drain(watch: Watch): Promise<void> {
    try {
      let last = 0;
      for await (const event of watch) {
        this.stage.note(`${this.name} event ${event.kind} ${event.path} ${event.zxid}`);
        if (event.kind !== "resync" && event.zxid < last)
          this.violation(`the watch of ${watch.path} told of ${event.zxid} after ${last}`);
        last = event.kind === "resync" ? last : event.zxid;
      }
    } catch (error) {
      if (!isCorralError(error, "CLOSED", "LIMIT_EXCEEDED", "NO_WATCHER"))
        this.violation(`the watch of ${watch.path} ended with ${String(error)}`);
    }
  }

  async closeWatch(): Promise<void> {
    await this.#watches.shift()?.close();
  }

  /** Follows a subtree, from the beginning or from where an earlier subscription has come to. */
  async follow(path: string, scope: Followed["scope"], window: number, draw: Draw): Promise<void> {
    const earlier = this.#following.find(
      ({ followed, isOver }) =>
        isOver() && followed.path === path && followed.scope === scope && followed.wholeUntil > 0,
    );
    const since = earlier?.followed.told[earlier.followed.wholeUntil - 1]?.zxid;
    const followed: Followed = {
      client: this.name,
      path,
      scope,
      continues: since === undefined ? undefined : earlier?.followed,
      told: [],
      wholeUntil: 0,
    };
    let isOver = false;
    const subscription = await this.client.subscribe(path, {
      scope,
      window,
      ...(since === undefined ? {} : { since }),
    });
    this.stage.history.followed.push(followed);
    this.#following.push({ followed, close: () => subscription.close(), isOver: () => isOver });
    try {
      for (;;) {
        const next = await subscription.next();
        // Asking for the next event says that the one before has been dealt with.
        if (subscription.cursor !== undefined && subscription.cursor === followed.told.at(-1)?.zxid && !next.done)
          followed.wholeUntil = followed.told.length;
        if (next.done === true) break;
        followed.told.push(toldOf(next.value));
        this.stage.note(
          `${this.name} told ${next.value.kind} ${"path" in next.value ? next.value.path : path} ${next.value.zxid}`,
        );
        if (draw() < 0.05)
          await new Promise<void>((resolve) => void this.#process.after(draw() * 500, "timer", resolve));
      }
    } catch (error) {
      if (!isCorralError(error, "CLOSED", "LIMIT_EXCEEDED"))
        this.violation(`the subscription of ${path} ended with ${String(error)}`);
    } finally {
      isOver = true;
    }
  }

  async unfollow(draw: Draw): Promise<void> {
    const open = this.#following.filter(({ isOver }) => !isOver());
    await open[Math.floor(draw() * open.length)]?.close();
  }
}

/** An actor waits when it has so many calls that were not answered. */
const PENDING_MAX = 200;

/** In the order of the wire. */
const STAT_NAMES: readonly (keyof Stat)[] = [
  "czxid",
  "mzxid",
  "ctime",
  "mtime",
  "version",
  "cversion",
  "aversion",
  "ephemeralOwner",
  "dataLength",
  "numChildren",
  "pzxid",
];

export const statFields = (stat: Stat): number[] => STAT_NAMES.map((name) => stat[name]);

function toldOf(event: {
  readonly kind: string;
  readonly zxid: number;
  readonly path?: string;
  readonly value?: unknown;
  readonly stat?: Stat;
}): Told {
  return {
    kind: event.kind as Told["kind"],
    zxid: event.zxid,
    path: event.path,
    data: (event.value as Uint8Array | null | undefined) ?? null,
    stat: event.stat === undefined ? undefined : statFields(event.stat),
  };
}
