/** Every checker refuses histories that must not happen, and takes those that may look odd. */
import type { Frame } from "@corral/testing/world";
import { Op, type WriteRequest } from "@corral/protocol";
import { DEFAULT_OPTIONS, TxnKind, type Txn } from "@corral/state-machine";
import { describe, expect, test } from "vitest";
import { judge } from "../src/check/judge.ts";
import { dumpOfModel } from "../src/check/states.ts";
import { replay } from "../src/check/replayed.ts";
import { checkOrder } from "../src/check/order.ts";
import { checkWatches } from "../src/check/watches.ts";
import { checkWitness, TAG_ROOT, tagData } from "../src/check/witness.ts";
import {
  type Call,
  type Followed,
  type History,
  newHistory,
  type Seen,
  type Told,
  type Violation,
} from "../src/history.ts";
import type { Entry, Model } from "../src/model/model.ts";
import { statOf } from "../src/model/tree.ts";

const SESSION = 1;

/** A log that begins with a session; each write takes the next zxid and xid. */
class Log {
  readonly entries: Entry[] = [];
  #xid = 0;

  constructor() {
    this.add({
      kind: TxnKind.open,
      origin: { daemon: 1, connection: 1 },
      secretHash: new Uint8Array(1),
      timeoutMs: 1_000,
      identities: [],
      replaces: null,
    });
  }

  add(txn: Txn): number {
    const zxid = this.entries.length + 1;
    this.entries.push({ zxid, timeMs: 1_000 + zxid, txn });
    return zxid;
  }

  write(
    body: Omit<WriteRequest, "xid" | "guards">,
    options: { readonly xid?: number; readonly tag?: string; readonly generation?: number } = {},
  ): number {
    const xid = options.xid ?? ++this.#xid;
    const guards = options.tag === undefined ? null : [{ path: TAG_ROOT + options.tag, kind: 4, value: 0 }];
    const request = { ...body, xid, guards } as WriteRequest;
    return this.add({
      kind: TxnKind.write,
      session: SESSION,
      generation: options.generation ?? SESSION,
      acked: 0,
      hash: 7,
      request,
    });
  }

  create(path: string, tag = "", mode = 0): number {
    return this.write({ op: Op.create, path, data: tagData(tag, 0), mode, acl: null, ttlMs: 0, flags: 0 } as never);
  }

  set(path: string, tag = ""): number {
    return this.write({ op: Op.set, path, data: tagData(tag, 0), version: -1 } as never);
  }

  delete(path: string, tag?: string): number {
    return this.write({ op: Op.delete, path, version: -1 } as never, tag === undefined ? {} : { tag });
  }

  close(): number {
    return this.write({ op: Op.close });
  }
}

/** The model as it was at this zxid. */
function modelAt(log: Log, zxid: number): Model {
  return replay(
    log.entries.filter((entry) => entry.zxid <= zxid),
    DEFAULT_OPTIONS,
  ).final;
}

const stat = (log: Log, path: string, zxid: number): number[] => statOf(modelAt(log, zxid).tree.get(path)!);

let events = 0;
function call(
  tag: string,
  outcome: Call["outcome"],
  times: { readonly start?: number; readonly end?: number } = {},
): Call {
  const start = times.start ?? ++events;
  return { client: "1", tag, op: "create", path: "/a", start, end: times.end ?? start + 0.5, outcome };
}

const checks = (violations: readonly Violation[]): string[] => [...new Set(violations.map(({ check }) => check))];

describe("witness", () => {
  const log = new Log();
  const zxid = log.create("/a", "t1");
  const { steps } = replay(log.entries, DEFAULT_OPTIONS);
  const told = { kind: "ok", value: { path: "/a", stat: stat(log, "/a", zxid) } } as const;

  test("takes a write that was acknowledged as it was executed", () => {
    expect(checkWitness([call("t1", told)], steps)).toEqual([]);
  });

  test("takes an unknown outcome, executed or not", () => {
    const unknown = { kind: "error", code: "TIMEOUT", outcome: "unknown" } as const;
    expect(checkWitness([call("t1", unknown), call("t2", unknown)], steps)).toEqual([]);
  });

  test("takes a refusal that the log decided", () => {
    const refused = new Log();
    refused.delete("/never", "t3");
    const { steps: refusing } = replay(refused.entries, DEFAULT_OPTIONS);
    expect(checkWitness([call("t3", { kind: "error", code: "NO_NODE", outcome: "no" })], refusing)).toEqual([]);
  });

  test("refuses an acknowledged write that is not in the log", () => {
    expect(checks(checkWitness([call("lost", told)], steps))).toEqual(["witness"]);
  });

  test("refuses a result that is another one's", () => {
    const wrong = { kind: "ok", value: { path: "/b", stat: stat(log, "/a", zxid) } } as const;
    expect(checks(checkWitness([call("t1", wrong)], steps))).toEqual(["witness"]);
  });

  test("refuses a write that failed for certain and was executed all the same", () => {
    expect(checks(checkWitness([call("t1", { kind: "error", code: "OVERLOADED", outcome: "no" })], steps))).toEqual([
      "witness",
    ]);
  });

  test("refuses a write that was executed twice", () => {
    const twice = new Log();
    twice.set("/zookeeper", "t4");
    twice.set("/zookeeper", "t4");
    const replayed = replay(twice.entries, DEFAULT_OPTIONS);
    const unknown = { kind: "error", code: "TIMEOUT", outcome: "unknown" } as const;
    expect(checks(checkWitness([call("t4", unknown)], replayed.steps))).toEqual(["witness"]);
  });

  test("refuses a refusal that nobody can have decided", () => {
    expect(checks(checkWitness([call("t9", { kind: "error", code: "NO_NODE", outcome: "no" })], steps))).toEqual([
      "witness",
    ]);
  });

  test("a request that stands in the log twice with one number is executed once", () => {
    const again = new Log();
    again.write(
      { op: Op.create, path: "/a", data: tagData("t5", 0), mode: 0, acl: null, ttlMs: 0, flags: 0 } as never,
      { xid: 9 },
    );
    again.write(
      { op: Op.create, path: "/a", data: tagData("t5", 0), mode: 0, acl: null, ttlMs: 0, flags: 0 } as never,
      { xid: 9 },
    );
    const replayed = replay(again.entries, DEFAULT_OPTIONS);
    expect(replayed.steps.map(({ outcome }) => outcome)).toEqual(["none", "executed", "recalled"]);
  });
});

describe("order", () => {
  const log = new Log();
  const first = log.create("/a", "w1");
  const second = log.set("/a", "w2");
  log.delete("/a", "w3");
  const replayed = replay(log.entries, DEFAULT_OPTIONS);
  const done = { kind: "ok", value: undefined } as const;
  const read = (path: string, at: number | undefined, start: number, isLinearizable = false, client = "1"): Seen => ({
    client,
    path,
    stat: at === undefined ? undefined : stat(log, path, at),
    start,
    isLinearizable,
    end: start + 0.5,
  });

  test("takes writes that overlap, in either order", () => {
    const overlapping = [call("w1", done, { start: 1, end: 10 }), call("w2", done, { start: 2, end: 3 })];
    expect(checkOrder(overlapping, [], replayed)).toEqual([]);
  });

  test("refuses a write that stands before one acknowledged before it was called", () => {
    const swapped = [call("w2", done, { start: 1, end: 2 }), call("w1", done, { start: 3, end: 4 })];
    expect(checks(checkOrder(swapped, [], replayed))).toEqual(["order"]);
  });

  test("refuses a read that does not show the client's own write", () => {
    const own = [call("w2", done, { start: 1, end: 2 })];
    expect(checks(checkOrder(own, [read("/a", first, 3)], replayed))).toEqual(["order"]);
  });

  test("takes a stale read of what another client wrote, unless it is linearizable", () => {
    const other = [call("w2", done, { start: 1, end: 2 })];
    expect(checkOrder(other, [read("/a", first, 3, false, "2")], replayed)).toEqual([]);
    expect(checks(checkOrder(other, [read("/a", first, 3, true, "2")], replayed))).toEqual(["order"]);
  });

  test("refuses a client's reads that go back", () => {
    expect(checks(checkOrder([], [read("/a", second, 1), read("/a", first, 2)], replayed))).toEqual(["order"]);
  });

  test("refuses what was never there", () => {
    const never = { ...read("/a", first, 1), stat: [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9] };
    expect(checks(checkOrder([], [never], replayed))).toEqual(["order"]);
  });

  test("takes an absent znode before and after its life", () => {
    expect(
      checkOrder([], [read("/a", undefined, 1), read("/a", first, 2), read("/a", undefined, 3)], replayed),
    ).toEqual([]);
  });
});

/** A connection as frames. */
class Wire {
  readonly frames: Frame[] = [];
  readonly #link = { id: 1, session: SESSION } as Frame["link"];

  constructor(zxid: number) {
    const welcome = {
      version: 1,
      clusterId: "c",
      sessionId: SESSION,
      timeoutMs: 1_000,
      zxid,
      resumed: false,
      limits: {} as never,
    };
    this.frames.push({
      link: this.#link,
      from: "server",
      bytes: new Uint8Array(),
      kind: "messages",
      welcome,
      messages: [],
    });
  }

  asked(...messages: readonly object[]): this {
    this.frames.push({
      link: this.#link,
      from: "client",
      bytes: new Uint8Array(),
      kind: "requests",
      messages: messages as never,
    });
    return this;
  }

  told(...messages: readonly object[]): this {
    this.frames.push({
      link: this.#link,
      from: "server",
      bytes: new Uint8Array(),
      kind: "messages",
      welcome: undefined,
      messages: messages as never,
    });
    return this;
  }
}

const reply = (xid: number, zxid: number, result: readonly unknown[] = [], code = 0): object => ({
  kind: "reply",
  xid,
  zxid,
  code,
  result,
  detail: {},
});
const event = (zxid: number, type: number, path: string): object => ({ kind: "event", zxid, type, path });

describe("watches", () => {
  const log = new Log();
  const created = log.create("/a");
  const changed = log.set("/a");
  const deleted = log.delete("/a");
  const replayed = replay(log.entries, DEFAULT_OPTIONS);
  const watching = (): Wire =>
    new Wire(created).asked({ op: Op.get, xid: 1, path: "/a", watch: true, consistency: 0 }).told(reply(1, created));

  test("takes one event before the reply that shows the change", () => {
    const wire = watching()
      .asked({ op: Op.get, xid: 2, path: "/a", watch: false, consistency: 0 })
      .told(event(changed, 3, "/a"), reply(2, changed));
    expect(checkWatches(wire.frames, replayed)).toEqual([]);
  });

  test("takes a connection that ends before it could tell", () => {
    expect(checkWatches(watching().frames, replayed)).toEqual([]);
  });

  test("refuses a reply that shows the change before its event", () => {
    const wire = watching()
      .asked({ op: Op.get, xid: 2, path: "/a", watch: false, consistency: 0 })
      .told(reply(2, changed), event(changed, 3, "/a"));
    expect(checks(checkWatches(wire.frames, replayed))).toEqual(["watches"]);
  });

  test("refuses an event that never comes", () => {
    expect(checks(checkWatches(watching().told(reply(0 + 9, deleted)).frames, replayed))).toEqual(["watches"]);
  });

  test("refuses a one-shot watch that fires twice", () => {
    const wire = watching().told(event(changed, 3, "/a"), event(deleted, 2, "/a"));
    expect(checks(checkWatches(wire.frames, replayed))).toEqual(["watches"]);
  });

  test("refuses an event of another type or path", () => {
    expect(checks(checkWatches(watching().told(event(changed, 2, "/a")).frames, replayed))).toEqual(["watches"]);
    expect(checks(checkWatches(watching().told(event(changed, 3, "/b")).frames, replayed))).toEqual(["watches"]);
  });

  test("refuses events out of order", () => {
    const wire = new Wire(1)
      .asked({ op: Op.addWatch, xid: 1, path: "/a", mode: 0 })
      .told(reply(1, 1), event(changed, 3, "/a"), event(created, 1, "/a"));
    expect(checks(checkWatches(wire.frames, replayed))).toEqual(["watches"]);
  });

  test("takes what a setWatches missed, and refuses it when something is left out or invented", () => {
    const restoring = (): Wire =>
      new Wire(deleted).asked({ op: Op.setWatches, xid: 1, watches: [{ path: "/a", kind: 3, zxid: created }] });
    const missed = [event(changed, 3, "/a"), event(deleted, 2, "/a")];
    expect(checkWatches(restoring().told(...missed, reply(1, deleted, [[]])).frames, replayed)).toEqual([]);
    expect(checks(checkWatches(restoring().told(missed[1]!, reply(1, deleted, [[]])).frames, replayed))).toEqual([
      "watches",
    ]);
    expect(
      checks(
        checkWatches(restoring().told(event(created, 1, "/a"), ...missed, reply(1, deleted, [[]])).frames, replayed),
      ),
    ).toEqual(["watches"]);
  });
});

describe("the whole", () => {
  const log = new Log();
  const root = log.create("/s");
  const made = log.create("/s/a", "x");
  const changed = log.set("/s/a", "y");
  const ephemeral = log.create("/s/e", "z", 1);
  const numbered = log.create("/s/n-", "n", 2);

  const history = (parts: Partial<History> = {}): History => ({ ...newHistory(), entries: log.entries, ...parts });
  const verdict = (parts: Partial<History>): string[] => checks(judge(history(parts), { checksWatches: true }));
  const told = (kind: Told["kind"], zxid: number, path?: string): Told => {
    const node = path === undefined ? undefined : modelAt(log, zxid).tree.get(path);
    return { kind, zxid, path, data: node?.data ?? null, stat: node === undefined ? undefined : statOf(node) };
  };
  const follow = (...list: readonly Told[]): Partial<History> => {
    const followed: Followed = {
      client: "1",
      path: "/s",
      scope: "tree",
      continues: undefined,
      told: [...list],
      wholeUntil: 0,
    };
    return { followed: [followed] };
  };
  const beginning = [told("entry", root, "/s"), told("synced", root)];

  test("subscriptions: takes a snapshot and every change after it, and one that stops anywhere", () => {
    const all = [
      ...beginning,
      told("created", made, "/s/a"),
      told("changed", changed, "/s/a"),
      told("created", ephemeral, "/s/e"),
    ];
    for (let length = 0; length <= all.length; length++) expect(verdict(follow(...all.slice(0, length)))).toEqual([]);
  });

  test("subscriptions: takes a hole that a resync announces", () => {
    const anew = [
      told("entry", ephemeral, "/s"),
      told("entry", ephemeral, "/s/a"),
      told("entry", ephemeral, "/s/e"),
      told("synced", ephemeral),
    ];
    expect(verdict(follow(...beginning, told("resync", ephemeral), ...anew))).toEqual([]);
  });

  test("subscriptions: refuses a silent hole", () => {
    expect(verdict(follow(...beginning, told("changed", changed, "/s/a")))).toEqual(["subscriptions"]);
  });

  test("subscriptions: refuses a synced state that is not the state", () => {
    expect(verdict(follow(told("entry", root, "/s"), told("synced", made)))).toEqual(["subscriptions"]);
  });

  test("subscriptions: refuses a change with other data", () => {
    expect(verdict(follow(...beginning, { ...told("created", made, "/s/a"), data: Buffer.from("other") }))).toEqual([
      "subscriptions",
    ]);
  });

  test("subscriptions: refuses a change that never was, and one told twice", () => {
    expect(verdict(follow(...beginning, { ...told("created", made, "/s/a"), path: "/s/zzz" }))).toEqual([
      "subscriptions",
    ]);
    const one = told("created", made, "/s/a");
    const two = told("changed", changed, "/s/a");
    expect(verdict(follow(...beginning, one, two, two, told("created", ephemeral, "/s/e")))).toEqual(["subscriptions"]);
    expect(verdict(follow(...beginning, one, told("synced", made), { ...one, zxid: changed }, two))).toEqual([
      "subscriptions",
    ]);
  });

  test("states: takes a state that is the model's, and refuses one that lacks a znode, a session, or stands where no entry does", () => {
    const text = dumpOfModel(modelAt(log, changed));
    const dump = (zxid: number, content: string): Partial<History> => ({
      dumps: [{ zxid, why: "test", text: content }],
    });
    expect(verdict(dump(changed, text))).toEqual([]);
    for (const word of ["znode /s/a", "session"]) {
      const without = text.split("\n").filter((line) => !line.startsWith(word));
      expect(verdict(dump(changed, without.join("\n")))).toEqual(["states"]);
    }
    expect(verdict(dump(changed + 0.5, text))).toEqual(["states"]);
  });

  test("replies: takes what the model says, and refuses another stat, a zxid that goes back, a reply out of order or to no request", () => {
    const get = (xid: number): object => ({ op: Op.get, xid, path: "/s/a", watch: false, consistency: 0 });
    const answer = (xid: number, zxid: number, at = zxid): object => {
      const node = modelAt(log, at).tree.get("/s/a")!;
      return reply(xid, zxid, [node.data, statOf(node)]);
    };
    const wire = (...answers: readonly object[]): Partial<History> => ({
      frames: new Wire(made).asked(get(1), get(2)).told(...answers).frames,
    });
    expect(verdict(wire(answer(1, made), answer(2, changed)))).toEqual([]);
    expect(verdict(wire(answer(1, changed, made)))).toEqual(["wire"]);
    expect(verdict(wire(answer(1, changed), answer(2, made)))).toEqual(["wire"]);
    expect(verdict(wire(answer(2, made), answer(1, made)))).toEqual(["wire"]);
    expect(verdict(wire(answer(3, made)))).toEqual(["wire"]);
    expect(verdict(wire(reply(1, made, [], -101)))).toEqual(["wire"]);
  });

  test("replies to writes: the remembered one comes again as it was, and no other", () => {
    const request = (log.entries[made - 1]!.txn as { request: WriteRequest }).request;
    const wire = (...answers: readonly object[]): Partial<History> => ({
      frames: new Wire(numbered).asked(request).told(...answers).frames,
    });
    expect(verdict(wire(reply(request.xid, made, ["/s/a", stat(log, "/s/a", made)])))).toEqual([]);
    expect(verdict(wire(reply(request.xid, changed, ["/s/a", stat(log, "/s/a", made)])))).toEqual(["wire"]);
    expect(verdict(wire(reply(request.xid, made, ["/s/a", stat(log, "/s/a", changed)])))).toEqual(["wire"]);
    expect(verdict(wire(reply(request.xid, made, [], -110)))).toEqual(["wire"]);
  });

  test("sequential names: the model gives out each number once, also after a deletion", () => {
    const sequence = new Log();
    sequence.create("/p");
    sequence.create("/p/n-", "a", 2);
    sequence.delete("/p/n-0000000000");
    const last = sequence.create("/p/n-", "b", 2);
    expect([...modelAt(sequence, last).tree.keys()]).toContain("/p/n-0000000001");
    expect(judge({ ...newHistory(), entries: sequence.entries }, { checksWatches: true })).toEqual([]);
  });

  test("ephemerals: they go with their session in one entry", () => {
    const closing = new Log();
    closing.create("/e", "a", 1);
    const end = closing.close();
    const { steps, final } = replay(closing.entries, DEFAULT_OPTIONS);
    expect(final.tree.has("/e")).toBe(false);
    expect(steps[end - 1]!.changes.map(({ type, path }) => [type, path])).toEqual([["deleted", "/e"]]);
    expect(final.sessions.size).toBe(0);
  });
});
