import { Op, Writer, writeRequest } from "@corral/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TxnKind, requestHash, writeWriteTxn } from "../src/index.ts";
import { World, answerOf, create, del, multi, printHistory, set } from "./world.ts";

const secretHash = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const origin = { daemon: 1, connection: 2 };
const attach = (
  world: World,
  session: number,
  acked = 0,
  secret = 1,
  identities: { scheme: string; id: string }[] = [],
) =>
  world.txn({
    kind: TxnKind.attach,
    origin,
    session,
    secretHash: secretHash(secret),
    timeoutMs: 5000,
    identities,
    acked,
  }).attached;

describe("a write is applied exactly once", () => {
  test("sent again, it gets the very answer of the first time, and changes nothing", () => {
    const world = new World();
    const session = world.open();
    const first = world.send(session, 1, create("/q/", 2, { path: "/q-", data: new Uint8Array([1]) }));
    world.send(session, 2, create("/other"));
    const again = world.send(session, 1, create("/q/", 2, { path: "/q-", data: new Uint8Array([1]) }));
    expect(first).toMatchObject({ code: "OK", result: [expect.stringMatching("^/q-0000000000$"), expect.anything()] });
    expect(again).toMatchObject({ outcome: "answered", changes: [] });
    expect(again.bytes).toEqual(first.bytes);
    expect(world.state.tree.count).toBe(4 + 2);
  });

  test("a refusal is remembered like any answer", () => {
    const world = new World();
    const session = world.open();
    const first = world.send(session, 1, del("/a"));
    world.send(session, 2, create("/a"));
    expect(world.send(session, 1, del("/a")).bytes).toEqual(first.bytes);
    expect(first.code).toBe("NO_NODE");
    expect(world.state.tree.find("/a")).not.toBe(-1);
  });

  test("the number of a remembered write with other content is misnumbered", () => {
    const world = new World();
    const session = world.open();
    world.send(session, 1, create("/a"));
    expect(world.send(session, 1, create("/b"))).toMatchObject({
      outcome: "misnumbered",
      code: undefined,
      changes: [],
    });
    expect(world.state.tree.find("/b")).toBe(-1);
  });

  test("a write whose answer was acknowledged, or whose number was passed over, is misnumbered", () => {
    const world = new World();
    const session = world.open();
    world.send(session, 1, create("/a"));
    world.send(session, 5, create("/b"), { acked: 1 });
    expect(world.send(session, 1, create("/a")).outcome).toBe("misnumbered");
    expect(world.send(session, 3, create("/c")).outcome).toBe("misnumbered");
    expect(world.send(session, 5, create("/b"), { acked: 5 }).outcome).toBe("misnumbered");
  });

  test("what a connection sent before the session moved to another is not applied, and nobody is answered", () => {
    const world = new World();
    const session = world.open();
    const { generation } = world.state.sessions.get(session)!;
    expect(attach(world, session)?.generation).toBe(world.zxid);
    expect(world.send(session, 1, create("/a"), { generation })).toMatchObject({
      outcome: "moved",
      code: undefined,
      changes: [],
    });
    expect(world.send(session, 1, create("/a"))).toMatchObject({ outcome: "answered", code: "OK" });
  });

  test("on a session that is gone it is not applied", () => {
    const world = new World();
    const session = world.open();
    world.expire(session);
    expect(world.send(session, 1, create("/a"))).toMatchObject({ outcome: "expired", code: undefined, changes: [] });
    expect(world.state.tree.find("/a")).toBe(-1);
  });

  test("whatever is sent, repeated, acknowledged and attached: the rules S1 and S2 hold, and each number is executed once", () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant("new" as const), skip: fc.integer({ min: 1, max: 3 }), acked: fc.nat(25) }),
      fc.record({ kind: fc.constant("again" as const), back: fc.nat(5), other: fc.boolean(), acked: fc.nat(25) }),
      fc.record({ kind: fc.constant("attach" as const), acked: fc.nat(25) }),
      fc.record({ kind: fc.constant("restart" as const) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const world = new World();
        const id = world.open();
        world.do(world.open(), create("/n"));
        const answers = new Map<number, Uint8Array>();
        let last = 0;
        let acked = 0;
        let sets = 0;
        const body = (xid: number, other = false) => set("/n", Uint8Array.from([xid, other ? 1 : 0]));
        for (const act of actions) {
          if (act.kind === "new") {
            const xid = last + act.skip;
            acked = Math.max(acked, Math.min(act.acked, last));
            const answer = world.send(id, xid, body(xid), { acked: act.acked });
            expect(answer).toMatchObject({ outcome: "answered", code: "OK" });
            answers.set(xid, answer.bytes);
            last = xid;
            sets++;
          } else if (act.kind === "again" && last - act.back > 0) {
            const xid = last - act.back;
            acked = Math.max(acked, Math.min(act.acked, last));
            const answer = world.send(id, xid, body(xid, act.other), { acked: act.acked });
            const isKnown = xid > acked && answers.has(xid) && !act.other;
            expect(answer.outcome).toBe(isKnown ? "answered" : "misnumbered");
            if (isKnown) expect(answer.bytes).toEqual(answers.get(xid));
          } else if (act.kind === "attach") {
            acked = Math.max(acked, Math.min(act.acked, last));
            expect(attach(world, id, act.acked)?.id).toBe(id);
          } else if (act.kind === "restart") {
            world.restart();
          }
          const session = world.state.sessions.get(id)!;
          expect([session.lastWrite, session.acked]).toEqual([last, acked]);
          const kept = [...answers.keys()].filter((xid) => xid > acked);
          expect([...session.results].map(([xid]) => xid)).toEqual(kept);
          expect(session.results.count).toBe(kept.length);
          expect(session.results.bytes).toBe(kept.reduce((sum, xid) => sum + answers.get(xid)!.length, 0));
          expect(session.results.above(acked)).toEqual({ count: session.results.count, bytes: session.results.bytes });
          expect(session.results.above(last)).toEqual({ count: 0, bytes: 0 });
        }
        const { tree } = world.state;
        expect(tree.version(tree.find("/n"))).toBe(sets);
      }),
      { numRuns: 80 },
    );
  });

  test("what was acknowledged frees its memory, thousands of writes long", () => {
    const world = new World();
    const session = world.open();
    world.send(session, 1, create("/a"));
    const live = world.state.tree.slab.liveBytes;
    for (let xid = 2; xid <= 3000; xid++) world.send(session, xid, set("/a"), { acked: xid < 2500 ? 0 : xid - 1 });
    expect(world.state.sessions.get(session)!.results.count).toBe(1);
    expect(world.state.tree.slab.liveBytes).toBeLessThan(live + 200);
  });

  test("the session's later number decides, not the place of a copy in the log", () => {
    const world = new World();
    const session = world.open();
    const w = new Writer();
    writeRequest(w, 1, create("/a"));
    const bytes = w.take();
    const head = { session, generation: session, acked: 0, hash: requestHash(bytes, 0, bytes.length) };
    const [first, second] = [1, 2].map(() => answerOf(world.apply((out) => writeWriteTxn(out, head, bytes))));
    expect(second!.bytes).toEqual(first!.bytes);
    expect([first!.changes.length, second!.changes.length]).toEqual([1, 0]);
  });
});

describe("a session", () => {
  test("has the zxid that opened it as its id, and as its generation until it is attached", () => {
    const world = new World();
    const id = world.open();
    expect(world.state.sessions.get(id)).toMatchObject({ id: world.zxid, generation: world.zxid, timeoutMs: 10_000 });
    attach(world, id, 0, 1, [{ scheme: "ip", id: "10.0.0.1" }]);
    expect(world.state.sessions.get(id)).toMatchObject({
      generation: world.zxid,
      timeoutMs: 5000,
      identities: [{ scheme: "ip", id: "10.0.0.1" }],
    });
  });

  test("is not attached with a wrong secret, nor when it is gone, and then nothing changes", () => {
    const world = new World();
    const id = world.open();
    const { generation } = world.state.sessions.get(id)!;
    expect(attach(world, id, 0, 2)).toBeUndefined();
    expect(world.state.sessions.get(id)!.generation).toBe(generation);
    expect(attach(world, 12345)).toBeUndefined();
  });

  test("expires only in the generation whose silence was measured", () => {
    const world = new World();
    const id = world.open();
    const { generation } = world.state.sessions.get(id)!;
    attach(world, id);
    expect(world.txn({ kind: TxnKind.expire, session: id, generation }).closed).toBeUndefined();
    expect(world.expire(id).closed).toBe(id);
    expect(world.state.sessions.get(id)).toBeUndefined();
  });

  test("takes its ephemerals with it in one transaction, oldest first, children events of each parent included", () => {
    const world = new World();
    const owner = world.open();
    const other = world.open();
    world.do(other, create("/a"));
    world.do(owner, create("/z", 1));
    world.do(owner, create("/a/y", 3));
    world.do(other, create("/a/mine", 1));
    world.do(owner, multi(create("/c", 1), create("/b", 1), create("/a/b", 1)));
    const ephemerals = world.state.tree.ephemeralsOf(owner).map((slot) => world.state.tree.path(slot));
    expect(ephemerals).toEqual(["/z", "/a/y0000000000", "/a/b", "/c", "/b"]);
    const mark = world.zxid;
    const applied = world.expire(owner);
    expect(applied.changes.map(({ type, path }) => [type, path])).toEqual(ephemerals.map((path) => [2, path]));
    expect(printHistory(world.state, mark)).toHaveLength(5);
    expect(new Set(printHistory(world.state, mark).map((entry) => (entry as { zxid: number }).zxid))).toEqual(
      new Set([world.zxid]),
    );
    const { tree } = world.state;
    expect([tree.pzxid(tree.find("/")), tree.pzxid(tree.find("/a"))]).toEqual([world.zxid, world.zxid]);
    expect([tree.ephemeralCount, tree.numChildren(tree.find("/a"))]).toEqual([1, 1]);
  });

  test("ends by its own close with an answer, and frees what was remembered for it", () => {
    const world = new World();
    const before = world.state.tree.slab.liveBytes;
    const id = world.open();
    world.do(id, create("/e", 1));
    const answer = world.do(id, { op: Op.close });
    expect(answer).toMatchObject({ outcome: "answered", code: "OK", closed: id, result: [] });
    expect(world.state.sessions.count).toBe(0);
    expect(world.state.tree.slab.liveBytes).toBe(before);
  });

  test("is replaced by a new one in one transaction: the old one's ephemerals go, if its secret is right", () => {
    const world = new World();
    for (const [secret, isClosed] of [
      [2, false],
      [1, true],
    ] as const) {
      const old = world.open();
      world.do(old, create(`/e${secret}`, 1));
      const applied = world.txn({
        kind: TxnKind.open,
        origin,
        secretHash: secretHash(7),
        timeoutMs: 1,
        identities: [],
        replaces: { session: old, secretHash: secretHash(secret) },
      });
      expect(applied.attached!.id).toBe(world.zxid);
      expect(applied.closed).toBe(isClosed ? old : undefined);
      expect(applied.changes.map(({ path }) => path)).toEqual(isClosed ? ["/e1"] : []);
    }
  });

  test("has 32 identities at most; one more is refused, and the refusal remembered", () => {
    const world = new World();
    const id = world.open();
    const addAuth = (xid: number) => {
      const identity = { scheme: "digest", id: `u${xid}:x` };
      return answerOf(
        world.txn({ kind: TxnKind.addAuth, session: id, generation: id, acked: 0, xid, hash: 5, identity }),
      );
    };
    const room = 32 - world.state.sessions.get(id)!.identities.length;
    for (let xid = 1; xid <= room; xid++) expect(addAuth(xid).code).toBe("OK");
    const refused = addAuth(room + 1);
    expect(refused.code).toBe("LIMIT_EXCEEDED");
    expect(addAuth(room + 1).bytes).toEqual(refused.bytes);
    expect(world.state.sessions.get(id)!.identities).toHaveLength(32);
  });

  test("gains an identity once by addAuth, which counts as a write", () => {
    const world = new World();
    const id = world.open();
    const identity = { scheme: "digest", id: "a:b" };
    const addAuth = (xid: number) =>
      answerOf(world.txn({ kind: TxnKind.addAuth, session: id, generation: id, acked: 0, xid, hash: 5, identity }));
    const first = addAuth(1);
    expect(first).toMatchObject({ outcome: "answered", code: "OK" });
    expect(addAuth(2).code).toBe("OK");
    expect(addAuth(1).bytes).toEqual(first.bytes);
    expect(world.state.sessions.get(id)!.identities).toEqual([identity]);
  });
});

test("an ephemeral can have no children, a sync and an empty multi change nothing", () => {
  const world = new World();
  const id = world.open();
  world.do(id, create("/e", 1));
  expect(world.do(id, create("/e/x"))).toMatchObject({ code: "NO_CHILDREN_FOR_EPHEMERALS", detail: { path: "/e" } });
  expect(world.do(id, multi())).toMatchObject({ code: "OK", result: [[]] });
  expect(world.txn({ kind: TxnKind.sync, session: id, generation: id, xid: 9 })).toMatchObject({
    outcome: "none",
    changes: [],
  });
});

test("a session is attached to long after the bytes of the entry that opened it are gone", () => {
  const world = new World();
  const session = world.open([], 1);
  expect(attach(world, session)?.id).toBe(session);
  expect(attach(world, session, 0, 2)).toBeUndefined();
});
