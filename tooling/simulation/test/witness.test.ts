/** Every checker refuses histories that must not happen, and takes those that may look odd. */
import { Op } from "@corral/protocol";
import { DEFAULT_OPTIONS } from "@corral/state-machine";
import { describe, expect, test } from "vitest";
import { replay } from "../src/check/replayed.ts";
import { checkOrder } from "../src/check/order.ts";
import { checkWitness, tagData } from "../src/check/witness.ts";
import { type Seen } from "../src/history.ts";

import { Log, stat, call, checks } from "./hand-made.ts";

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
