import { describe, expect, test } from "vitest";
import { Stage } from "./stage.ts";
import { auth, create, exists, get, set, sync } from "./words.ts";

describe("requests of one session", () => {
  test("are executed in order: a pipelined read sees exactly the write before it", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.ask(create("/a", "0"), get("/a"), set("/a", "1"), get("/a"), set("/a", "2"), get("/a"));
    expect(client.transcript()).toEqual([
      "reply 1 ok",
      "reply 2 ok 0",
      "reply 3 ok",
      "reply 4 ok 1",
      "reply 5 ok",
      "reply 6 ok 2",
    ]);
  });

  test("keep their order when they come in several frames, while writes are on their way", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(create("/a", "0"));
    client.news();
    stage.commits = false;
    client.ask(set("/a", "1"), get("/a"));
    client.ask(get("/a"), set("/a", "2"));
    client.ask(get("/a"));
    expect(client.transcript(), "no read overtakes a write").toEqual([]);
    stage.commit(1);
    expect(client.transcript()).toEqual(["reply 2 ok", "reply 3 ok 1", "reply 4 ok 1"]);
    stage.commit(1);
    expect(client.transcript()).toEqual(["reply 5 ok", "reply 6 ok 2"]);
  });

  test("of two sessions in one batch: each sees its own writes where it stands, and the other's in the log's order", () => {
    const stage = new Stage();
    const ann = stage.attach();
    const bob = stage.attach();
    ann.do(create("/a", "0"));
    ann.news();
    stage.commits = false;
    ann.ask(exists("/"), set("/b", "x"));
    ann.ask(set("/a", "ann"), get("/a"));
    bob.ask(set("/a", "bob"), get("/a"));
    ann.ask(set("/a", "ann again"), get("/a"));
    stage.commits = true;
    stage.commit();
    expect(ann.transcript()).toEqual([
      "reply 2 ok",
      "reply 3 NO_NODE",
      "reply 4 ok",
      "reply 5 ok ann",
      "reply 6 ok",
      "reply 7 ok ann again",
    ]);
    expect(bob.transcript()).toEqual(["reply 1 ok", "reply 2 ok bob"]);
  });

  test("a read with no write before it is answered at once, while other sessions' writes are on their way", () => {
    const stage = new Stage();
    const ann = stage.attach();
    const bob = stage.attach();
    stage.commits = false;
    ann.ask(create("/a"));
    bob.ask(exists("/a"), sync);
    expect(bob.transcript()).toEqual(["reply 1 NO_NODE", "reply 2 ok"]);
  });

  test("an identity holds for what comes after it, not for what came before", () => {
    const stage = new Stage();
    const client = stage.attach();
    const own = [{ permissions: 31, scheme: "auth", id: "" }];
    client.ask(create("/before", "", { acl: own }), auth("ann"), create("/after", "", { acl: own }));
    expect(client.transcript()).toEqual(["reply 1 INVALID_ACL", "reply 2 ok", "reply 3 ok"]);
  });

  test("a refused credential ends the connection, not the session", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.ask({ ...auth("ann"), scheme: "kerberos" }, create("/a"));
    expect(client.transcript()).toEqual(["goodbye AUTH_FAILED"]);
    expect(client.closed!.code).toBe(4003);
    const after = stage.connect();
    after.resume(client);
    expect(after.do(exists("/a")).code).toBe(-101);
  });

  test("are answered all, also when the client takes nothing for a while", () => {
    const stage = new Stage({ limits: { unsentBytesSoft: 4_096 } });
    const client = stage.attach();
    client.do(create("/a", "x".repeat(3_000)));
    client.news();
    client.takes = false;
    client.ask(
      get("/a"),
      set("/a", "y".repeat(3_000)),
      get("/a"),
      set("/a", "z".repeat(3_000)),
      get("/a"),
      set("/a", "0"),
      get("/a"),
      sync,
    );
    client.takes = true;
    stage.settle();
    const seen = client.transcript().map((line) => line.slice(0, 12));
    expect(seen).toEqual([
      "reply 2 ok x",
      "reply 3 ok",
      "reply 4 ok y",
      "reply 5 ok",
      "reply 6 ok z",
      "reply 7 ok",
      "reply 8 ok 0",
      "reply 9 ok",
    ]);
  });

  test("a read between two writes that are on their way is answered between them, however much waits to be taken", () => {
    const stage = new Stage({ limits: { unsentBytesSoft: 4_096 } });
    const client = stage.attach();
    client.do(create("/a", "0"));
    client.do(create("/big", "x".repeat(3_000)));
    client.news();
    stage.commits = false;
    client.ask(set("/a", "1"), get("/a"), set("/a", "2"), get("/a"));
    client.takes = false;
    // Events and replies to others fill what waits, while the writes are on their way.
    stage.turn(() => {});
    const noise = stage.attach();
    void noise;
    stage.commits = true;
    stage.commit();
    client.takes = true;
    stage.settle();
    expect(client.transcript()).toEqual(["reply 3 ok", "reply 4 ok 1", "reply 5 ok", "reply 6 ok 2"]);
  });
});

test("replies of one turn leave as one message", () => {
  const stage = new Stage();
  const client = stage.attach();
  const frames = client.frames.length;
  client.ask(...Array.from({ length: 100 }, () => exists("/")));
  expect(client.frames.length - frames).toBe(1);
});

test("batches gather while one is on its way, and hold batchBytes at most", () => {
  const stage = new Stage({ limits: { batchBytes: 400 } });
  const client = stage.attach();
  stage.commits = false;
  client.ask(create("/first"));
  client.ask(...Array.from({ length: 20 }, (_, i) => create(`/n${i}`, "x".repeat(50))));
  expect(stage.proposed).toHaveLength(1);
  stage.commit(1);
  expect(stage.proposed.length).toBeGreaterThan(3);
  for (const { body } of stage.proposed) expect(body.length).toBeLessThanOrEqual(600);
  stage.commits = true;
  stage.commit();
  expect(client.replies()).toHaveLength(21);
});
