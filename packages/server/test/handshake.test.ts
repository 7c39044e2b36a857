import { type ErrorName, HELLO_BYTES_MAX, Op, errorName } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { type Client, type HelloChanges, encode, secretOf } from "./client.ts";
import { CLUSTER, Stage } from "./stage.ts";
import { create, ephemeral, exists, get, set } from "./words.ts";

/** What a connection is refused with, and its close code. */
const refusalOf = (client: Client): [ErrorName | undefined, number | undefined] => [
  client.refused && errorName(client.refused.code),
  client.closed?.code,
];

describe("Hello", () => {
  test("opens a session whose id is the zxid that opened it, and Welcome tells the limits", () => {
    const stage = new Stage({ limits: { inFlight: 7 } });
    const client = stage.attach();
    expect(client.welcome).toMatchObject({
      version: 1,
      clusterId: CLUSTER,
      timeoutMs: 10_000,
      resumed: false,
      limits: { inFlight: 7 },
    });
    expect(client.welcome!.zxid).toBe(client.session);
    expect(stage.state.sessions.get(client.session)).toBeDefined();
  });

  test.each([
    [0, 1_000],
    [-1, 1_000],
    [30_000, 30_000],
    [1e12, 600_000],
  ])("a timeout of %d ms becomes %d ms", (asked, given) => {
    const client = new Stage().connect();
    client.hello({ timeoutMs: asked });
    expect(client.welcome!.timeoutMs).toBe(given);
  });

  const refusals: [string, HelloChanges, ErrorName, number][] = [
    ["a version that is too new", { versionMin: 2, versionMax: 3 }, "VERSION_UNSUPPORTED", 4001],
    ["a version that is too old", { versionMin: 0, versionMax: 0 }, "VERSION_UNSUPPORTED", 4001],
    ["another cluster", { clusterId: "d".repeat(32) }, "SERVER_WENT_BACK", 4001],
    ["a zxid that is ahead of the server", { lastZxid: 2 ** 40 }, "SERVER_WENT_BACK", 4001],
    [
      "a credential that cannot be read",
      { credentials: [{ scheme: "digest", credential: new Uint8Array(3) }] },
      "AUTH_FAILED",
      4003,
    ],
    [
      "a scheme that is not known",
      { credentials: [{ scheme: "kerberos", credential: new Uint8Array(3) }] },
      "AUTH_FAILED",
      4003,
    ],
  ];
  test.each(refusals)("with %s is refused", (_, changes, name, code) => {
    const stage = new Stage();
    const client = stage.connect();
    client.hello(changes);
    expect(refusalOf(client)).toEqual([name, code]);
    expect(stage.state.sessions.count).toBe(0);
  });

  test("with the newest zxid of this server is welcome, with the next one is not", () => {
    const stage = new Stage();
    const { zxid } = stage.attach().welcome!;
    const current = stage.connect();
    current.hello({ lastZxid: zxid, clusterId: CLUSTER });
    expect(current.welcome).toBeDefined();
    const ahead = stage.connect();
    ahead.hello({ lastZxid: stage.state.zxid + 1 });
    expect(refusalOf(ahead)).toEqual(["SERVER_WENT_BACK", 4001]);
    expect(ahead.refused!.detail).toMatchObject({
      name: "zxid",
      limit: stage.state.zxid + 1,
      actual: stage.state.zxid,
    });
  });

  test("an unknown session and a wrong secret are refused in the same words", () => {
    const stage = new Stage();
    const owner = stage.attach();
    const stranger = stage.connect();
    stranger.hello({ session: { kind: "resume", id: owner.session, secret: secretOf(99), acked: 0 } });
    const lost = stage.connect();
    lost.hello({ session: { kind: "resume", id: 12345, secret: secretOf(99), acked: 0 } });
    expect(refusalOf(stranger)).toEqual(["SESSION_EXPIRED", 4004]);
    expect(stranger.refused).toEqual(lost.refused);
    expect(stranger.closed).toEqual(lost.closed);
    owner.ping();
    expect(owner.transcript(), "the owner notices nothing").toEqual(["pong"]);
  });

  test("beyond `sessions` living ones a new one is refused, an attach is not", () => {
    const stage = new Stage({ limits: { sessions: 1 } });
    const first = stage.attach();
    const second = stage.attach();
    expect(refusalOf(second)).toEqual(["OVERLOADED", 1013]);
    expect(second.refused!.detail).toMatchObject({ name: "sessions", limit: 1 });
    const again = stage.connect();
    again.resume(first);
    expect(again.welcome!.resumed).toBe(true);
  });

  test("those count that are on their way through the log, whoever waits for them", () => {
    const stage = new Stage({ limits: { sessions: 2 } });
    stage.commits = false;
    const [first, second, third] = [stage.attach(), stage.attach(), stage.attach()];
    expect(refusalOf(third)).toEqual(["OVERLOADED", 1013]);
    second.break();
    stage.commits = true;
    stage.settle();
    expect(first.welcome).toBeDefined();
    expect(stage.engine.figures.sessions).toBe(2);
    stage.engine.expireSession(first.session);
    stage.turn();
    stage.settle();
    expect(stage.attach().welcome, "there is room again").toBeDefined();
  });

  test("beyond `connections` one is refused before it says anything", () => {
    const stage = new Stage({ limits: { connections: 1 } });
    const first = stage.attach();
    expect(refusalOf(stage.connect())).toEqual(["OVERLOADED", 1013]);
    first.ping();
    expect(first.transcript()).toEqual(["pong"]);
  });

  test("that does not come within helloTimeoutMs closes the connection with 1008", () => {
    const stage = new Stage({ limits: { helloTimeoutMs: 1_000 } });
    const client = stage.connect();
    stage.pass(1_000);
    expect(client.closed).toBeUndefined();
    stage.pass(200);
    expect(refusalOf(client)).toEqual(["PROTOCOL_ERROR", 1008]);
  });

  test("that may have come while this process stood still has its time after that", () => {
    const stage = new Stage({ limits: { helloTimeoutMs: 1_000 } });
    const client = stage.connect();
    stage.pass(60_000, 60_000);
    expect(client.closed).toBeUndefined();
    stage.pass(1_100);
    expect(refusalOf(client)).toEqual(["PROTOCOL_ERROR", 1008]);
  });

  test("larger than HELLO_BYTES_MAX is refused", () => {
    const client = new Stage().connect();
    client.hello({ clusterId: "x".repeat(HELLO_BYTES_MAX) });
    expect(refusalOf(client)).toEqual(["PROTOCOL_ERROR", 1002]);
    expect(client.refused!.detail.name).toContain(`HELLO_BYTES_MAX: ${HELLO_BYTES_MAX}`);
  });

  test.each([
    ["another word", ["zookeeper", 1, 1, null, 0, 1000, [], [0, secretOf(1)]]],
    ["a short secret", ["corral", 1, 1, null, 0, 1000, [], [0, new Uint8Array(15)]]],
    ["no session", ["corral", 1, 1, null, 0, 1000, []]],
    ["an unknown kind of session", ["corral", 1, 1, null, 0, 1000, [], [3, secretOf(1)]]],
    ["a negative zxid", ["corral", 1, 1, null, -1, 1000, [], [0, secretOf(1)]]],
    ["a number in place of a message", 5],
    ["17 credentials", ["corral", 1, 1, null, 0, 1000, Array(17).fill(["digest", secretOf(1)]), [0, secretOf(1)]]],
  ])("that is malformed (%s) is refused, and the server lives on", (_, value) => {
    const stage = new Stage();
    const client = stage.connect();
    client.values(value as never);
    expect(refusalOf(client)).toEqual(["PROTOCOL_ERROR", 1002]);
    expect(stage.attach().welcome).toBeDefined();
  });

  test("in one frame with a request is refused: the first frame is exactly one Hello", () => {
    const client = new Stage().connect();
    client.values(["corral", 1, 1, null, 0, 1000, [], [0, secretOf(1)]], [1, Op.whoAmI]);
    expect(refusalOf(client)).toEqual(["PROTOCOL_ERROR", 1002]);
  });

  test("said twice breaks the protocol", () => {
    const client = new Stage().attach();
    client.hello();
    expect(client.transcript()).toEqual(["goodbye PROTOCOL_ERROR"]);
    expect(client.closed!.code).toBe(1002);
  });

  test("while the server drains is refused, and those who are attached are told to go; their sessions live on", () => {
    const stage = new Stage();
    const attached = stage.attach();
    const silent = stage.connect();
    stage.turn(() => stage.engine.drain());
    expect(attached.transcript()).toEqual(["goodbye DRAINING"]);
    expect(attached.closed!.code).toBe(1001);
    expect(refusalOf(silent)).toEqual(["DRAINING", 1001]);
    expect(refusalOf(stage.connect())).toEqual(["DRAINING", 1001]);
    expect(stage.state.sessions.get(attached.session)).toBeDefined();
  });
});

describe("before Welcome", () => {
  test("requests wait, and are executed when the session stands", () => {
    const stage = new Stage();
    stage.commits = false;
    const client = stage.connect();
    client.hello();
    client.ask(create("/a", "1"), get("/a"));
    expect(stage.proposed).toHaveLength(1);
    expect(client.heard).toEqual([]);
    stage.commits = true;
    stage.commit();
    expect(client.welcome).toBeDefined();
    expect(client.transcript()).toEqual(["reply 1 ok", "reply 2 ok 1"]);
  });

  test("a malformed frame is answered with a refusal, not with a goodbye that the client cannot read", () => {
    const stage = new Stage();
    stage.commits = false;
    const client = stage.connect();
    client.hello();
    client.values([1, 9999]);
    expect(refusalOf(client)).toEqual(["PROTOCOL_ERROR", 1002]);
    stage.commit();
    expect(client.welcome, "nothing is said after the close").toBeUndefined();
    expect(client.heard).toEqual([]);
  });

  test("more than inFlight requests are not read", () => {
    const stage = new Stage({ limits: { inFlight: 3 } });
    stage.commits = false;
    const client = stage.connect();
    client.hello();
    client.ask(exists("/"), exists("/"), exists("/"));
    expect(client.isPaused).toBe(true);
    stage.commits = true;
    stage.commit();
    expect(client.isPaused).toBe(false);
    expect(client.replies()).toHaveLength(3);
  });
});

describe("attach", () => {
  test("moves the session: the former connection gets goodbye SESSION_MOVED, ephemerals stay", () => {
    const stage = new Stage();
    const before = stage.attach();
    before.do(ephemeral("/e"));
    const after = stage.connect();
    after.resume(before);
    expect(before.goodbye).toMatchObject({ code: -118 });
    expect(before.closed!.code).toBe(4010);
    expect(after.welcome).toMatchObject({ resumed: true, sessionId: before.session });
    expect(after.do(exists("/e")).code).toBe(0);
  });

  test("renegotiates the timeout and replaces the identities", () => {
    const stage = new Stage();
    const before = stage.connect();
    before.hello({ credentials: [{ scheme: "digest", credential: new TextEncoder().encode("ann:x") }] });
    const after = stage.connect("10.0.0.2");
    after.resume(before, 0, { timeoutMs: 5_000 });
    expect(after.welcome!.timeoutMs).toBe(5_000);
    expect(after.do({ op: Op.whoAmI }).result).toEqual([[["ip", "10.0.0.2"]]]);
  });

  test("a replacing Hello closes the old session and opens the new one in one transaction", () => {
    const stage = new Stage();
    const old = stage.attach();
    old.do(ephemeral("/e"));
    const next = stage.connect();
    next.hello({ session: { kind: "replace", oldId: old.session, oldSecret: old.secret, secret: secretOf(9) } });
    expect(next.welcome!.resumed).toBe(false);
    expect(next.do(exists("/e")).code, "its ephemerals went").toBe(-101);
    expect(old.closed!.code).toBe(4004);
    expect(stage.state.sessions.count).toBe(1);
  });

  test("a replacing Hello with a wrong secret leaves the other session alone", () => {
    const stage = new Stage();
    const old = stage.attach();
    const next = stage.connect();
    next.hello({ session: { kind: "replace", oldId: old.session, oldSecret: secretOf(55), secret: secretOf(9) } });
    expect(next.welcome).toBeDefined();
    expect(old.closed).toBeUndefined();
    expect(stage.state.sessions.count).toBe(2);
  });

  test("whose connection is gone before its entry is applied leaves a session that expires", () => {
    const stage = new Stage();
    stage.commits = false;
    const client = stage.connect();
    client.hello({ timeoutMs: 1_000 });
    client.break();
    stage.commits = true;
    stage.commit();
    expect(stage.state.sessions.count).toBe(1);
    stage.pass(1_500);
    expect(stage.state.sessions.count).toBe(0);
  });
});

test("a frame that is refused changes nothing, however much of it is well formed", () => {
  const stage = new Stage();
  const client = stage.attach();
  client.bytes(new Uint8Array([...encode([1, Op.create, "/a", null, 0, null, 0, 0, null]), 0x91, 0x80]));
  expect(client.transcript()).toEqual(["goodbye PROTOCOL_ERROR"]);
  expect(stage.attach().do(exists("/a")).code).toBe(-101);
  expect(stage.attach().do(set("/a", "1")).code).toBe(-101);
});
