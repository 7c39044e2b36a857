import { CreateMode, errorName } from "@corral/protocol";
import { State, TxnKind } from "@corral/state-machine";
import { describe, expect, test } from "vitest";
import { secretOf } from "./client.ts";
import { Stage } from "./stage.ts";
import { create, ephemeral, exists, get, set } from "./words.ts";

/** Ticks until the session of a client is gone; returns how long it took. */
function untilGone(stage: Stage, session: number, mostMs = 100_000): number {
  const start = stage.now;
  while (stage.state.sessions.get(session) !== undefined && stage.now - start < mostMs) stage.pass(stage.limits.tickMs);
  return stage.now - start;
}

describe("a session", () => {
  test("that is silent for its timeout expires: ephemerals go, its connection is told", () => {
    const stage = new Stage();
    const [client, other] = [stage.attach(), stage.attach()];
    client.do(ephemeral("/e"));
    stage.pass(9_900);
    other.ping();
    client.news();
    stage.pass(300);
    expect(client.transcript()).toEqual(["goodbye SESSION_EXPIRED"]);
    expect(client.closed!.code).toBe(4004);
    expect(other.do(exists("/e")).code).toBe(-101);
    expect(stage.engine.counters).toMatchObject({ sessionsExpired: 1, sessionsClosed: 0 });
    const late = stage.connect();
    late.resume(client);
    expect(errorName(late.refused!.code)).toBe("SESSION_EXPIRED");
  });

  test.each(["a ping", "an acknowledgement", "a request"])("lives on with %s", (what) => {
    const stage = new Stage();
    const client = stage.attach();
    for (let i = 0; i < 5; i++) {
      stage.pass(9_000);
      if (what === "a ping") client.ping();
      else if (what === "a request") client.ask(exists("/"));
      else client.ack(0);
    }
    expect(stage.state.sessions.get(client.session)).toBeDefined();
  });

  test("is never given less than its timeout, also when it is heard between two ticks", () => {
    const stage = new Stage({ limits: { tickMs: 1_000 } });
    const client = stage.attach();
    stage.now += 2_900;
    client.ping();
    const gone = untilGone(stage, client.session);
    expect(gone).toBeGreaterThanOrEqual(10_000);
    expect(gone).toBeLessThanOrEqual(13_000);
  });

  test("that is heard right after a stall of the daemon, before its next tick, is kept no longer than any other", () => {
    const stage = new Stage();
    const client = stage.attach();
    stage.now += 60_000;
    client.ping();
    const gone = untilGone(stage, client.session);
    expect(gone).toBeGreaterThanOrEqual(10_000);
    expect(gone).toBeLessThanOrEqual(10_000 + 5 * stage.limits.tickMs);
  });

  test("is heard out: bytes that come in the turn after its deadline keep it alive", () => {
    const stage = new Stage();
    const client = stage.attach();
    stage.pass(10_000);
    expect(stage.log.at(-1)!.count, "suspected, not proposed").toBe(1);
    const proposed = stage.log.length;
    client.ping();
    stage.pass(5_000);
    expect(stage.log.length).toBe(proposed);
    expect(stage.state.sessions.get(client.session)).toBeDefined();
  });

  test("loses no time to a stall of this process", () => {
    const stage = new Stage();
    const client = stage.attach();
    for (let i = 0; i < 10; i++) stage.pass(60_000, 60_000);
    expect(stage.state.sessions.get(client.session)).toBeDefined();
    expect(untilGone(stage, client.session)).toBeGreaterThan(5_000);
  });

  test("loses no time while the log stands", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    stage.commits = false;
    writer.ask(create("/a"));
    stage.pass(60_000);
    expect(stage.proposed).toHaveLength(1);
    expect(stage.engine.counters.stalls).toBeGreaterThan(0);
    stage.commits = true;
    stage.commit();
    expect(stage.state.sessions.get(client.session)).toBeDefined();
    expect(untilGone(stage, client.session)).toBeGreaterThan(9_000);
  });

  test("has its full timeout again after a restart", () => {
    const first = new Stage();
    const client = first.attach();
    first.pass(9_000);
    const stage = new Stage({ state: first.state, zxid: 2 ** 33 });
    expect(untilGone(stage, client.session)).toBeGreaterThanOrEqual(10_000);
    expect(stage.state.sessions.count).toBe(0);
  });

  test("lives on where its connection breaks and it is attached in time; the timeout counts from the attach", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.break();
    stage.pass(9_000);
    const after = stage.connect();
    after.resume(client);
    expect(untilGone(stage, after.session)).toBeGreaterThanOrEqual(10_000);
  });
});

describe("an expiry on its way through the log", () => {
  test("lets nothing be answered as if the session lived", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(create("/a"));
    stage.commits = false;
    expect(stage.engine.expireSession(client.session)).toBe(true);
    client.ask(get("/a"), set("/a", "1"));
    client.news().forEach(() => {});
    expect(errorName(client.reply(2).code)).toBe("SESSION_EXPIRED");
    const late = stage.connect();
    late.resume(client);
    expect(late.welcome).toBeUndefined();
    stage.commits = true;
    stage.settle();
    expect(errorName(late.refused!.code)).toBe("SESSION_EXPIRED");
    expect(client.goodbye).toMatchObject({ code: -112 });
    expect(stage.attach().do(get("/a")).result[1], "the write behind it did not happen").toMatchObject({ 4: 0 });
  });

  test("does nothing when a newer attachment came before it, and is forgotten", () => {
    const stage = new Stage({ limits: { batchBytes: 1 } });
    const client = stage.attach();
    client.do(create("/a", "1"));
    stage.commits = false;
    const after = stage.connect();
    after.resume(client);
    stage.turn(() => stage.engine.expireSession(client.session));
    stage.commit(1);
    expect(after.welcome).toBeDefined();
    after.ask(get("/a"));
    expect(after.transcript(), "the entry is still on its way").toEqual(["reply 2 ok 1"]);
    stage.commits = true;
    stage.commit();
    expect(stage.state.sessions.get(client.session)).toBeDefined();
    after.ask(get("/a"), set("/a", "2"));
    expect(after.transcript()).toEqual(["reply 3 ok 1", "reply 4 ok"]);
    const again = stage.connect();
    again.resume(after);
    expect(again.welcome).toBeDefined();
    again.break();
    expect(untilGone(stage, client.session)).toBeGreaterThanOrEqual(10_000);
    expect(stage.state.sessions.count).toBe(0);
  });

  test("keeps nobody out whom it may not concern: an attachment that came before it is on its way", () => {
    const stage = new Stage();
    const client = stage.attach();
    stage.pass(9_900);
    stage.commits = false;
    stage.connect().resume(client);
    stage.pass(400);
    const later = stage.connect();
    later.resume(client);
    stage.commits = true;
    stage.settle();
    expect(later.refused).toBeUndefined();
    expect(later.welcome!.resumed).toBe(true);
    expect(untilGone(stage, client.session)).toBeGreaterThanOrEqual(10_000);
  });

  test("is proposed once", () => {
    const stage = new Stage();
    const client = stage.attach();
    const before = stage.log.length;
    stage.commits = false;
    stage.pass(10_300);
    stage.pass(500);
    expect(stage.log.length - before).toBe(1);
    expect(stage.log.at(-1)!.count).toBe(1);
    expect(client.closed).toBeUndefined();
  });

  test("of a session that is not there is no entry", () => {
    const stage = new Stage();
    const before = stage.log.length;
    expect(stage.engine.expireSession(12_345)).toBe(false);
    stage.turn();
    expect(stage.log.length).toBe(before);
  });

  test("is spread over ticks when thousands fall silent at once", () => {
    const stage = new Stage({ limits: { connections: 5_000 } });
    for (let i = 0; i < 1_200; i++) stage.attach().break();
    const before = stage.log.length;
    stage.pass(20_000);
    expect(stage.state.sessions.count).toBe(0);
    const batches = stage.log.slice(before).map(({ count }) => count);
    expect(Math.max(...batches)).toBeLessThanOrEqual(500);
    expect(stage.engine.figures.sessions).toBe(0);
  });
});

test("a generation that does not match changes nothing: the entry of another daemon", () => {
  const stage = new Stage();
  const client = stage.attach();
  stage.foreign([{ kind: TxnKind.expire, session: client.session, generation: client.session - 1 }]);
  expect(client.closed).toBeUndefined();
  stage.foreign([{ kind: TxnKind.expire, session: client.session, generation: client.session }]);
  expect(client.goodbye).toMatchObject({ code: -112 });
});

describe("reaping", () => {
  test("takes a container when its last child has gone, and tells watchers", () => {
    const stage = new Stage({ limits: { containerGraceMs: 1_000 } });
    const client = stage.attach();
    client.ask(create("/c", "", { mode: CreateMode.container }), create("/c/x"), exists("/c", true), {
      op: 2,
      path: "/c/x",
      version: -1,
    });
    client.news();
    stage.pass(1_400);
    expect(client.events().map(({ type, path }) => [type, path])).toEqual([[2, "/c"]]);
    expect(client.do(exists("/c")).code).toBe(-101);
  });

  test("leaves an empty container alone for containerGraceMs, anew each time that it becomes empty", () => {
    const stage = new Stage({ limits: { containerGraceMs: 1_000 } });
    const client = stage.connect();
    client.hello({ timeoutMs: 600_000 });
    client.ask(create("/c", "", { mode: CreateMode.container }), create("/c/x"), { op: 2, path: "/c/x", version: -1 });
    stage.pass(900);
    client.ask(create("/c/y"), { op: 2, path: "/c/y", version: -1 });
    stage.pass(900);
    expect(client.do(exists("/c")).code).toBe(0);
    stage.pass(500);
    expect(client.do(exists("/c")).code).toBe(-101);
  });

  test("lets containers that are left alone hold up nobody", () => {
    const stage = new Stage({ limits: { reapsPerTick: 2, containerGraceMs: 5_000 } });
    const client = stage.connect();
    client.hello({ timeoutMs: 600_000 });
    for (let i = 0; i < 6; i++)
      client.ask(create(`/c${i}`, "", { mode: CreateMode.container }), create(`/c${i}/x`), {
        op: 2,
        path: `/c${i}/x`,
        version: -1,
      });
    client.ask(create("/t", "", { mode: CreateMode.persistentWithTtl, ttlMs: 1_000 }));
    stage.pass(1_500);
    expect(client.do(exists("/t")).code).toBe(-101);
    stage.pass(4_000);
    expect(client.do(exists("/c5")).code).toBe(-101);
  });

  test("takes a TTL znode when its time is over, counted from its last change", () => {
    const stage = new Stage({ limits: { tickMs: 100 } });
    const client = stage.connect();
    client.hello({ timeoutMs: 600_000 });
    client.do(create("/t", "", { mode: CreateMode.persistentWithTtl, ttlMs: 1_000 }));
    stage.pass(900);
    client.do(set("/t", "1"));
    stage.pass(900);
    expect(client.do(exists("/t")).code).toBe(0);
    stage.pass(500);
    expect(client.do(exists("/t")).code).toBe(-101);
  });

  test("that apply declines, because the znode was touched meanwhile, comes again when it is due again", () => {
    const stage = new Stage({ limits: { batchBytes: 1, containerGraceMs: 0 } });
    const client = stage.connect();
    client.hello({ timeoutMs: 600_000 });
    client.ask(
      create("/t", "", { mode: CreateMode.persistentWithTtl, ttlMs: 1_000 }),
      create("/c", "", { mode: CreateMode.container }),
      create("/c/x"),
    );
    stage.commits = false;
    client.ask({ op: 2, path: "/c/x", version: -1 });
    stage.commit(1);
    // Both are due; what the client writes stands in the log before their entries.
    stage.now += 1_050;
    client.ask(set("/t", "1"), create("/c/y"));
    stage.pass(100);
    stage.commits = true;
    stage.commit();
    expect(client.do(exists("/t")).code).toBe(0);
    expect(client.do(exists("/c/y")).code).toBe(0);
    client.do({ op: 2, path: "/c/y", version: -1 });
    stage.pass(2_000);
    expect(client.do(exists("/t")).code).toBe(-101);
    expect(client.do(exists("/c")).code).toBe(-101);
  });

  test("is proposed once while it is on its way, and reapsPerTick at a time", () => {
    const stage = new Stage({ limits: { reapsPerTick: 5 } });
    const client = stage.attach();
    client.ask(
      ...Array.from({ length: 12 }, (_, i) => create(`/t${i}`, "", { mode: CreateMode.persistentWithTtl, ttlMs: 100 })),
    );
    const before = stage.log.length;
    stage.pass(1_000);
    expect(stage.log.slice(before).map(({ count }) => count)).toEqual([5, 5, 2]);
    expect(stage.state.tree.numChildren(0)).toBe(1);
  });
});

test("a state that was recovered knows its sessions by their secrets", () => {
  const first = new Stage({ state: new State() });
  const client = first.attach();
  const stage = new Stage({ state: first.state, zxid: 2 ** 33 });
  const after = stage.connect();
  after.hello({ session: { kind: "resume", id: client.session, secret: secretOf(client.id), acked: 0 } });
  expect(after.welcome!.resumed).toBe(true);
});
