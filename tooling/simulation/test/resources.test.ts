/** What may be held: on frames, figures and directories made by hand; and what a lying disk may lose. */
import type { Frame } from "@corral/testing/world";
import type { Figures } from "@corral/server";
import { Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { checkInFlight } from "../src/check/in-flight.ts";
import { exceeded, leftBehind, tooMany } from "../src/check/rest.ts";
import { Budget, FAULT_KINDS, FAULTS_OF, familyOf, shareOf } from "../src/world/faults.ts";
import { Liar } from "../src/world/liar.ts";
import { filesOf, leftOnDisk } from "../src/world/resources.ts";

const figures = (changes: Partial<Figures> = {}): Figures => ({
  connections: 0,
  sessions: 0,
  watches: 0,
  subscriptions: 0,
  znodes: 0,
  ephemerals: 0,
  dataBytes: 0,
  zxid: 0,
  uncommittedBytes: 0,
  uncommittedBytesMax: 0,
  isDiskLow: false,
  isDraining: false,
  ...changes,
});

const link = { id: 3, client: "a", session: 5 };
const welcome = (inFlight: number): Frame =>
  ({
    link,
    from: "server",
    kind: "messages",
    welcome: { sessionId: 5, limits: { inFlight } },
    messages: [],
  }) as unknown as Frame;
const ask = (...xids: number[]): Frame =>
  ({
    link,
    from: "client",
    kind: "requests",
    messages: xids.map((xid) => ({ xid, op: Op.exists, path: "/" })),
  }) as unknown as Frame;
const end = (xid: number): Frame =>
  ({ link, from: "client", kind: "requests", messages: [{ xid, op: Op.close }] }) as unknown as Frame;
const answer = (...xids: number[]): Frame =>
  ({
    link,
    from: "server",
    kind: "messages",
    welcome: undefined,
    messages: xids.map((xid) => ({ kind: "reply", xid })),
  }) as unknown as Frame;

const plan = { fileLog: { segmentBytes: 1, idleMarkMs: 1, spacePollMs: 1, tornFilesKept: 2 }, snapshotsKept: 2 };
const files = (...names: string[]): string[] => tooMany(filesOf(names, plan));

describe("more is held than may be when", () => {
  test("a connection carries one request too many", () => {
    expect(checkInFlight([welcome(2), ask(1, 2), ask(3)])).toEqual([
      { check: "bounds", what: "connection 3 carries 3 requests, of 2" },
    ]);
  });

  test("answers make room, and more than that is asked", () => {
    expect(checkInFlight([welcome(2), ask(1, 2), answer(1), ask(3, 4)])).toHaveLength(1);
  });

  test("a server has more watches or sessions than its limits", () => {
    expect(exceeded(figures({ watches: 11, sessions: 5 }), { watches: 10, sessions: 4 })).toEqual([
      "5 sessions, of 4",
      "11 watches, of 10",
    ]);
  });

  test("anything is left when everybody has left", () => {
    expect(leftBehind(figures({ ephemerals: 1, watches: 2 }))).toEqual(["1 ephemerals are left", "2 watches are left"]);
  });

  test("snapshots, torn tails or temporary files pile up", () => {
    const snapshots = Array.from({ length: 6 }, (_, i) => `snapshot-000000000000000${i}`);
    expect(files(...snapshots)).toEqual(["6 snapshots, of 5"]);
    const torn = Array.from({ length: 4 }, (_, i) => `log-0000000000000001.torn-00000000000000${i}`);
    expect(files(...torn)).toEqual(["4 torn tails, of 3"]);
    expect(files("a.tmp", "b.tmp", "c.tmp", "d.tmp")).toEqual(["4 temporary files, of 3"]);
  });

  test("in the end a temporary file is left, or a snapshot too many", () => {
    expect(leftOnDisk(["snapshot-1.tmp"], plan, new Set())).toEqual(["snapshot-1.tmp is left"]);
    expect(leftOnDisk(["snapshot-1", "snapshot-2", "snapshot-3", "snapshot-4"], plan, new Set())).toEqual([
      "4 snapshots are kept, of 3",
    ]);
  });
});

describe("no more is held than may be when", () => {
  test("a connection is full, and again after an answer", () => {
    expect(checkInFlight([welcome(2), ask(1, 2), answer(1, 2), ask(3, 4)])).toEqual([]);
  });

  test("the same request is sent twice", () => {
    expect(checkInFlight([welcome(1), ask(1), ask(1)])).toEqual([]);
  });

  test("the session is closed behind a full connection", () => {
    expect(checkInFlight([welcome(1), ask(1), end(2)])).toEqual([]);
  });

  test("what a client says before it has been told the bound counts for nothing", () => {
    expect(checkInFlight([ask(1, 2, 3)])).toEqual([]);
  });

  test("one connection more is let in, to be told that it is one too many", () => {
    expect(exceeded(figures({ connections: 21 }), { connections: 20 })).toEqual([]);
    expect(exceeded(figures({ connections: 22 }), { connections: 20 })).toHaveLength(1);
  });

  test("a snapshot that rotted stands beside those that are kept", () => {
    const names = ["snapshot-1", "snapshot-2", "snapshot-3", "snapshot-4", "log-1", "reserve"];
    expect(leftOnDisk(names, plan, new Set(["snapshot-1"]))).toEqual([]);
    expect(files(...names)).toEqual([]);
  });
});

describe("a disk that lied may lose", () => {
  /** A write that reaches the disk, and is committed. */
  const written = (liar: Liar, zxid: number, file = "log-1"): void => {
    liar.diskDone("sync", file);
    liar.committed(zxid);
  };

  test("nothing, if it did not lie", () => {
    const liar = new Liar();
    written(liar, 5);
    liar.serverDown(true);
    expect(liar.mayLose(4)).toBe(false);
  });

  test("what was acknowledged while it lied about syncs, if the power went meanwhile, and nothing before", () => {
    const liar = new Liar();
    written(liar, 5);
    liar.begin();
    written(liar, 6);
    liar.serverDown(false);
    expect(liar.mayLose(5)).toBe(false);
    liar.serverDown(true);
    expect([liar.mayLose(5), liar.mayLose(4)]).toEqual([true, false]);
  });

  test("nothing once it has made up for it", () => {
    const liar = new Liar();
    liar.begin();
    written(liar, 6);
    liar.end();
    liar.serverDown(true);
    expect(liar.mayLose(5)).toBe(false);
  });

  test("the last write, and no more, if nothing was synced behind it", () => {
    const liar = new Liar();
    liar.lied();
    written(liar, 5);
    written(liar, 6);
    liar.committed(7);
    // Another file bears no witness to it.
    liar.diskDone("sync", "snapshot-1.tmp");
    liar.serverDown(false);
    expect([liar.mayLose(5), liar.mayLose(4)]).toEqual([true, false]);
  });

  test("nothing, if a mark was synced behind the last write", () => {
    const liar = new Liar();
    liar.lied();
    written(liar, 5);
    liar.diskDone("sync", "log-1");
    liar.serverDown(true);
    expect(liar.mayLose(4)).toBe(false);
  });
});

describe("the faults", () => {
  test("have each one family, and a share of the seeds; of lies a seed has at most one, so they have none", () => {
    expect(new Set(FAULT_KINDS).size).toBe(FAULT_KINDS.length);
    for (const kind of FAULT_KINDS) {
      const family = familyOf(kind);
      expect(FAULTS_OF[family]).toContain(kind);
      if (family === "lie") expect(shareOf(kind)).toBe(0);
      else expect(shareOf(kind)).toBeGreaterThan(0);
    }
  });

  test("allow what those that have struck allow, and nothing else", () => {
    const budget = new Budget();
    budget.struck("cut");
    expect([budget.allows("stops"), budget.allows("refuses"), budget.allows("loses")]).toEqual([false, false, false]);
    budget.struck("disk-error");
    expect([budget.allows("stops"), budget.allows("refuses"), budget.allows("loses")]).toEqual([true, false, false]);
    budget.struck("flipped-bit");
    expect(budget.allows("refuses")).toBe(true);
  });
});
