import { Op, Writer, writeRequest, writeSignal } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { Stage } from "./stage.ts";
import { addWatch, close, create, exists, get, set, subscribe } from "./words.ts";

describe("when the disk runs low", () => {
  const low = (stage: Stage): void => stage.turn(() => stage.engine.space("low"));
  const ok = (stage: Stage): void => stage.turn(() => stage.engine.space("ok"));

  test("writes are refused with OVERLOADED, reason disk; reads, pings and close go on", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(create("/a", "1"));
    client.news();
    low(stage);
    client.ask(set("/a", "2"), get("/a"));
    client.ping();
    expect(client.transcript()).toEqual(["reply 2 OVERLOADED", "reply 3 ok 1", "pong"]);
    expect(client.reply(2).detail.name).toBe("disk");
    expect(stage.engine.figures.isDiskLow).toBe(true);
    expect(client.do(close).code).toBe(0);
  });

  test("a refused write refuses all later ones until it is sent again: none overtakes it", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(create("/a", "1"));
    client.news();
    low(stage);
    client.ask(set("/a", "2"));
    ok(stage);
    client.ask(set("/a", "3"), get("/a"));
    expect(client.transcript()).toEqual(["reply 2 OVERLOADED", "reply 3 OVERLOADED", "reply 4 ok 1"]);
    expect(client.reply(3).detail.name).toBe("order");
    client.askWith(2, set("/a", "2"));
    client.askWith(3, set("/a", "3"));
    client.askWith(5, get("/a"));
    expect(client.transcript()).toEqual(["reply 2 ok", "reply 3 ok", "reply 5 ok 3"]);
  });

  test("a write that is refused again may come again and again", () => {
    const stage = new Stage();
    const client = stage.attach();
    low(stage);
    client.ask(create("/a"), create("/b"));
    client.askWith(1, create("/a"));
    client.askWith(2, create("/b"));
    ok(stage);
    client.askWith(1, create("/a"));
    client.askWith(2, create("/b"));
    expect(client.transcript()).toEqual(
      [...Array(4)].map((_, i) => `reply ${1 + (i % 2)} OVERLOADED`).concat("reply 1 ok", "reply 2 ok"),
    );
  });

  test("refused writes may come again in their order, whatever was sent after them", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(create("/a", "1"));
    client.news();
    low(stage);
    client.ask(set("/a", "2"), set("/a", "3"), set("/a", "4"));
    client.askWith(2, set("/a", "2"));
    client.ask(get("/a"));
    ok(stage);
    client.askWith(3, set("/a", "3"));
    client.askWith(2, set("/a", "2"));
    client.askWith(3, set("/a", "3"));
    client.askWith(4, set("/a", "4"));
    client.ask(get("/a"));
    expect(client.transcript()).toEqual([
      "reply 2 OVERLOADED",
      "reply 3 OVERLOADED",
      "reply 4 OVERLOADED",
      "reply 2 OVERLOADED",
      "reply 5 ok 1",
      "reply 3 OVERLOADED",
      "reply 2 ok",
      "reply 3 ok",
      "reply 4 ok",
      "reply 6 ok 4",
    ]);
  });

  test.each([
    ["one that was not refused", [3]],
    ["a refused one twice in a frame", [1, 1]],
    ["refused ones in another order in a frame", [2, 1]],
  ])("an old number breaks the protocol: %s", (_, xids) => {
    const stage = new Stage();
    const client = stage.attach();
    low(stage);
    client.ask(create("/a"), create("/b"), get("/"));
    client.values(...xids.map((xid) => [xid, Op.create, "/a", null, 0, null, 0, 0, null]));
    expect(client.goodbye).toMatchObject({ code: -204 });
  });

  test("a client that sends ever new writes and no refused one again is closed with 1013", () => {
    const stage = new Stage({ limits: { inFlight: 5 } });
    const client = stage.attach();
    low(stage);
    for (let i = 0; i < 5; i++) client.ask(create(`/n${i}`));
    expect(client.closed).toBeUndefined();
    client.ask(create("/more"));
    expect(client.goodbye).toMatchObject({ code: -127, detail: { name: "inFlight", limit: 5 } });
    expect(client.closed!.code).toBe(1013);
  });

  test("the refusal keeps its place behind writes that are on their way", () => {
    const stage = new Stage();
    const client = stage.attach();
    stage.commits = false;
    client.ask(create("/a"));
    low(stage);
    client.ask(create("/b"));
    ok(stage);
    expect(client.transcript()).toEqual([]);
    stage.commits = true;
    stage.commit();
    expect(client.transcript()).toEqual(["reply 1 ok", "reply 2 OVERLOADED"]);
    expect(client.reply(2).detail.name, "the reason is the one of then").toBe("disk");
  });

  test("sessions are still opened, attached, expired: they are what keeps clients alive", () => {
    const stage = new Stage();
    low(stage);
    const client = stage.attach();
    const again = stage.connect();
    again.resume(client);
    expect(again.welcome).toBeDefined();
  });
});

test("beyond uncommittedBytes on their way to the log, writes are refused; the reason is told", () => {
  const stage = new Stage({ limits: { uncommittedBytes: 65_536 } });
  const client = stage.attach();
  stage.commits = false;
  const data = "x".repeat(30_000);
  client.ask(create("/a", data), create("/b", data), create("/c", data), create("/d", data), exists("/"));
  expect(stage.engine.figures.uncommittedBytes).toBeGreaterThan(65_536);
  stage.commits = true;
  stage.commit();
  expect(client.transcript()).toEqual(["reply 1 ok", "reply 2 ok", "reply 3 ok", "reply 4 OVERLOADED", "reply 5 ok"]);
  expect(client.reply(4).detail.name).toBe("uncommittedBytes");
  expect(stage.engine.figures.uncommittedBytes).toBe(0);
  expect(stage.engine.counters.overloads).toBe(1);
});

describe("a connection is not read", () => {
  test("while inFlight requests are unanswered", () => {
    const stage = new Stage({ limits: { inFlight: 2 } });
    const client = stage.attach();
    stage.commits = false;
    client.ask(create("/a"));
    expect(client.isPaused).toBe(false);
    client.ask(create("/b"));
    expect(client.isPaused).toBe(true);
    stage.commit(1);
    expect(client.isPaused).toBe(false);
  });

  test("while inFlightBytes of requests are unanswered", () => {
    const stage = new Stage({ limits: { inFlightBytes: 65_536 } });
    const client = stage.attach();
    stage.commits = false;
    client.ask(create("/a", "x".repeat(65_536)));
    expect(client.isPaused).toBe(true);
    stage.commits = true;
    stage.commit();
    expect(client.isPaused).toBe(false);
  });

  test("while it does not take what it was sent; its reads wait, and are answered when it does", () => {
    const stage = new Stage({ limits: { unsentBytesSoft: 4_096 } });
    const client = stage.attach();
    client.do(create("/a", "x".repeat(3_000)));
    client.news();
    client.takes = false;
    client.ask(get("/a"), get("/a"), get("/a"));
    expect(client.replies().filter(({ xid }) => xid > 1)).toHaveLength(2);
    expect(client.isPaused).toBe(true);
    client.takes = true;
    stage.settle();
    expect(client.replies().filter(({ xid }) => xid > 1)).toHaveLength(3);
    expect(client.isPaused).toBe(false);
  });
});

describe("unacknowledged replies", () => {
  test("beyond unackedReplies hold the session's writes, which go on when it acknowledges", () => {
    const stage = new Stage({ limits: { unackedReplies: 2 } });
    const client = stage.attach();
    for (let i = 1; i <= 3; i++) client.do(create(`/n${i}`));
    client.ask(create("/n4"), exists("/n4"));
    expect(client.hasReply(4)).toBe(false);
    expect(client.hasReply(5), "a read does not overtake the held write").toBe(false);
    client.ack(3);
    expect(client.reply(4).code).toBe(0);
    expect(client.reply(5).code).toBe(0);
    expect(stage.state.sessions.get(client.session)!.results.count).toBe(1);
  });

  test("hold no write that is sent again: its remembered reply is what the client waits for", () => {
    const stage = new Stage({ limits: { unackedReplies: 2 } });
    const before = stage.attach();
    for (let i = 1; i <= 3; i++) before.do(create(`/n${i}`));
    const after = stage.connect();
    after.resume(before);
    for (let i = 1; i <= 4; i++) after.askWith(i, create(`/n${i}`));
    for (let i = 1; i <= 3; i++) expect(after.reply(i).code).toBe(0);
    expect(after.hasReply(4), "a new one waits").toBe(false);
    after.ack(3);
    expect(after.reply(4).code).toBe(0);
  });

  test("are counted together with the writes that are on their way to being applied", () => {
    const stage = new Stage({ limits: { unackedReplies: 2 } });
    const client = stage.attach();
    client.ask(...Array.from({ length: 10 }, (_, i) => create(`/n${i}`)));
    expect(stage.state.sessions.get(client.session)!.results.count).toBeLessThanOrEqual(3);
  });

  test("are bounded in bytes too", () => {
    const stage = new Stage({ limits: { unackedBytes: 4_096 } });
    const client = stage.attach();
    const ops = Array.from({ length: 100 }, (_, i) => create(`/n${i}`));
    client.do({ op: Op.multi, ops });
    client.ask(create("/more"));
    expect(client.hasReply(2)).toBe(false);
    client.ack(1);
    expect(client.reply(2).code).toBe(0);
  });

  test("are acknowledged best in the frame that holds requests", () => {
    const stage = new Stage({ limits: { unackedReplies: 1 } });
    const client = stage.attach();
    client.ask(create("/a"), create("/b"));
    const w = new Writer();
    writeRequest(w, 3, create("/c"));
    writeSignal(w, { op: Op.ack, acked: 2 });
    client.bytes(w.take());
    expect(client.reply(3).code).toBe(0);
  });
});

describe("a slow consumer", () => {
  test("that takes nothing for slowConsumerMs is cut off", () => {
    const stage = new Stage({ limits: { slowConsumerMs: 1_000 } });
    const client = stage.attach();
    client.takes = false;
    client.ping();
    stage.pass(1_000);
    expect(client.closed).toBeUndefined();
    stage.pass(200);
    expect(client.goodbye).toMatchObject({ code: -206, detail: { name: "slowConsumerMs", limit: 1_000 } });
    expect(client.closed!.code).toBe(4008);
    expect(stage.engine.counters.slowConsumers).toBe(1);
    expect(stage.state.sessions.get(client.session), "its session lives on").toBeDefined();
  });

  test("that takes something now and then is not", () => {
    const stage = new Stage({ limits: { slowConsumerMs: 1_000 } });
    const client = stage.attach();
    client.takes = false;
    for (let i = 0; i < 5; i++) {
      client.ping();
      client.takes = true;
      stage.settle();
      client.takes = false;
      client.ping();
      stage.pass(900);
    }
    expect(client.closed).toBeUndefined();
  });

  test("that had no time to take anything, because this process stood still, is not", () => {
    const stage = new Stage({ limits: { slowConsumerMs: 1_000 } });
    const client = stage.attach();
    client.takes = false;
    client.ping();
    stage.pass(60_000, 60_000);
    expect(client.closed).toBeUndefined();
    stage.pass(1_100);
    expect(client.closed!.code).toBe(4008);
  });

  test("for whom more than unsentBytesHard waits is cut off, and its watches and subscriptions go", () => {
    const stage = new Stage({ limits: { unsentBytesSoft: 4_096, unsentBytesHard: 65_536 } });
    const [client, writer] = [stage.attach(), stage.attach()];
    client.ask(addWatch("/", 1), subscribe("/"));
    client.takes = false;
    for (let i = 0; i < 100; i++) {
      writer.do(create(`/n${i}`, "x".repeat(1_000)));
      writer.ack(writer.xid);
    }
    stage.pass(100);
    expect(client.goodbye).toMatchObject({ code: -206, detail: { name: "unsentBytesHard" } });
    expect(stage.engine.figures).toMatchObject({ watches: 0, subscriptions: 0 });
  });

  test("that pipelines large reads between writes is answered piece by piece: what it has asked is bounded before it is promised", () => {
    const stage = new Stage({ limits: { unsentBytesSoft: 16_384, unsentBytesHard: 65_536 } });
    const client = stage.attach();
    client.do(create("/big", "x".repeat(10_000)));
    client.news();
    client.ask(...Array.from({ length: 50 }, (_, i) => [set("/s", `${i}`), get("/big")]).flat());
    expect(client.closed).toBeUndefined();
    expect(client.news()).toHaveLength(100);
    expect(stage.log.length).toBeGreaterThan(10);
  });

  test("whose answers turn out larger than could be known, and must be given, is cut off at the bound", () => {
    const stage = new Stage({ limits: { unsentBytesSoft: 16_384, unsentBytesHard: 65_536 } });
    const [client, writer] = [stage.attach(), stage.attach()];
    client.do(create("/a", ""));
    stage.commits = false;
    writer.ask(set("/a", "x".repeat(60_000)));
    client.ask(...Array.from({ length: 20 }, () => [set("/b", ""), get("/a")]).flat());
    stage.commits = true;
    stage.commit();
    expect(client.goodbye).toMatchObject({ code: -206, detail: { name: "unsentBytesHard" } });
    expect(client.frames.reduce((a, b) => a + b, 0)).toBeLessThan(200_000);
    const after = stage.connect();
    after.resume(client);
    expect(after.welcome).toBeDefined();
  });
});

test("costly reads are spread over turns: others come between", () => {
  const stage = new Stage();
  const [greedy, modest] = [stage.attach(), stage.attach()];
  greedy.do(create("/p"));
  for (let i = 0; i < 10; i++)
    greedy.do({ op: Op.multi, ops: Array.from({ length: 500 }, (_, j) => create(`/p/n${i}-${j}`)) });
  greedy.ack(greedy.xid);
  // Each looks at 5,000 children in vain.
  const w = new Writer();
  const first = greedy.xid + 1;
  for (let i = 0; i < 200; i++) {
    writeRequest(w, ++greedy.xid, {
      op: Op.children,
      path: "/p",
      watch: false,
      consistency: 0,
      include: 0,
      cursor: [4_999, 0],
      limit: 0,
    });
  }
  stage.turn(() => stage.engine.received(greedy.id, w.take()));
  expect(greedy.hasReply(first)).toBe(true);
  expect(greedy.hasReply(greedy.xid)).toBe(false);
  modest.ping();
  expect(modest.transcript()).toEqual(["pong"]);
  stage.settle();
  expect(greedy.hasReply(greedy.xid)).toBe(true);
});
