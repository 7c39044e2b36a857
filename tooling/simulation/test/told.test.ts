/** Every checker refuses histories that must not happen, and takes those that may look odd. */
import { Op, type WriteRequest } from "@corral/protocol";
import { DEFAULT_OPTIONS } from "@corral/state-machine";
import { describe, expect, test } from "vitest";
import { judge } from "../src/check/judge.ts";
import { dumpOfModel } from "../src/check/states.ts";
import { replay } from "../src/check/replayed.ts";
import { checkWatches } from "../src/check/watches.ts";
import { type Followed, type History, newHistory, type Told } from "../src/history.ts";
import { statOf } from "../src/model/tree.ts";

import { Log, modelAt, stat, checks, Wire, reply, event } from "./hand-made.ts";

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

  test("subscriptions: takes synced again where nothing has changed, and refuses it over a change that was not told", () => {
    const one = told("created", made, "/s/a");
    expect(verdict(follow(...beginning, told("synced", root), one, told("synced", made)))).toEqual([]);
    expect(verdict(follow(...beginning, told("synced", made)))).toEqual(["subscriptions"]);
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
