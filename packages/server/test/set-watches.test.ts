import { WatchKind, WatcherType } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { Client } from "./client.ts";
import { digestId } from "../src/node/node-world.ts";
import { Stage } from "./stage.ts";
import { addWatch, auth, checkWatches, children, create, del, exists, get, set, setAcl, setWatches } from "./words.ts";

const { data, exist, child, persistent, recursive } = WatchKind;

/** Breaks the connection, lets others write, attaches again. */
function away(stage: Stage, client: Client, meanwhile: () => void): Client {
  client.break();
  meanwhile();
  const after = stage.connect();
  after.resume(client, client.xid);
  after.news();
  return after;
}

describe("setWatches within the history", () => {
  test("tells one-shot watches their first event, and does not register those", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.ask(create("/a"), create("/b"), create("/c"));
    const seen = stage.state.zxid;
    const after = away(stage, client, () => writer.ask(set("/a", "1"), set("/a", "2"), create("/b/x"), create("/new")));
    after.ask(setWatches(["/a", data, seen], ["/b", child, seen], ["/c", data, seen], ["/new", exist, seen]));
    expect(after.transcript()).toEqual([
      "event 6 changed /a",
      "event 8 children /b",
      "event 9 created /new",
      "reply 1 ok",
    ]);
    expect(after.reply(1).result).toEqual([[]]);
    expect(after.do(checkWatches("/a", WatcherType.any)).code).toBe(-121);
    expect(after.do(checkWatches("/c", WatcherType.data)).code).toBe(0);
  });

  test("tells persistent watches every event, in order, and registers them", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.do(create("/a"));
    const seen = stage.state.zxid;
    const after = away(stage, client, () =>
      writer.ask(create("/a/b"), set("/a", "1"), create("/a/b/c"), del("/a/b/c"), set("/a/b", "2")),
    );
    after.ask(setWatches(["/a", persistent, seen], ["/a", recursive, seen]));
    const lines = after.transcript();
    expect(lines).toEqual([
      "event 4 created /a/b",
      "event 4 children /a",
      "event 5 changed /a",
      "event 6 created /a/b/c",
      "event 7 deleted /a/b/c",
      "event 8 changed /a/b",
      "reply 1 ok",
    ]);
    writer.do(set("/a", "3"));
    expect(after.transcript()).toEqual(["event 10 changed /a"]);
  });

  test("decides who may hear of a child by the parent's ACL of then, not of today", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.do(create("/a"));
    const seen = stage.state.zxid;
    const everythingButRead = [{ permissions: 30, scheme: "world", id: "anyone" }];
    const after = away(stage, client, () => writer.ask(create("/a/x"), setAcl("/a", everythingButRead)));
    after.ask(setWatches(["/a", child, seen]));
    expect(after.transcript()).toEqual(["event 4 children /a", "reply 1 ok"]);
  });

  test("gives each watch what came after its own zxid only", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.ask(create("/a"), create("/b"));
    const early = stage.state.zxid;
    writer.ask(set("/b", "1"), set("/a", "1"));
    const late = stage.state.zxid;
    const after = away(stage, client, () => writer.do(set("/b", "2")));
    after.ask(setWatches(["/a", data, late], ["/b", data, early]));
    expect(after.transcript()).toEqual(["event 5 changed /b", "reply 1 ok"]);
  });

  test("tells a deletion followed by a creation as what it was, which ZooKeeper's rule cannot", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.do(create("/a"));
    const seen = stage.state.zxid;
    const after = away(stage, client, () => writer.ask(del("/a"), create("/a")));
    after.ask(setWatches(["/a", data, seen]));
    expect(after.transcript()).toEqual(["event 4 deleted /a", "reply 1 ok"]);
  });

  /** A client that is told live and one that was away must hear the same. */
  test("tells exactly what a client that stayed was told: same events, same order", () => {
    const stage = new Stage();
    const [stayed, left, writer] = [stage.attach(), stage.attach(), stage.attach()];
    writer.ask(create("/a"), create("/a/b"));
    const seen = stage.state.zxid;
    stayed.ask(
      addWatch("/a", 0),
      addWatch("/", 1),
      children("/a/b", { watch: true }),
      get("/a/b", true),
      exists("/z", true),
    );
    stayed.news();
    const after = away(stage, left, () =>
      writer.ask(
        create("/a/b/c"),
        set("/a", "1"),
        del("/a/b/c"),
        del("/a/b"),
        create("/z"),
        set("/z", "1"),
        del("/a"),
        create("/a"),
        create("/a/d"),
      ),
    );
    after.ask(
      setWatches(
        ["/a", persistent, seen],
        ["/", recursive, seen],
        ["/a/b", child, seen],
        ["/a/b", data, seen],
        ["/z", exist, seen],
      ),
    );
    const live = stayed.transcript();
    expect(live).toHaveLength(12);
    expect(after.transcript().slice(0, -1)).toEqual(live);
  });

  test("filters by the ACL valid at each event", () => {
    const stage = new Stage();
    const [client, owner] = [stage.attach(), stage.attach()];
    const ann = [{ permissions: 31, scheme: "digest", id: digestId("ann", "secret") }];
    const anyone = [{ permissions: 31, scheme: "world", id: "anyone" }];
    owner.ask(auth("ann"), create("/a"));
    const seen = stage.state.zxid;
    const after = away(stage, client, () =>
      owner.ask(set("/a", "1"), setAcl("/a", ann), set("/a", "2"), setAcl("/a", anyone), set("/a", "3")),
    );
    after.ask(setWatches(["/a", persistent, seen]));
    expect(after.transcript()).toEqual(["event 5 changed /a", "event 9 changed /a", "reply 1 ok"]);
  });
});

describe("setWatches beyond the history", () => {
  const cases: [string, number, (writer: Client) => void, string[]][] = [
    ["data, znode gone", data, (w) => void w.do(del("/a")), ["deleted /a"]],
    ["data, changed", data, (w) => void w.do(set("/a", "1")), ["changed /a"]],
    ["data, unchanged", data, () => {}, []],
    ["exist, znode there", exist, () => {}, ["created /a"]],
    ["exist, znode gone", exist, (w) => void w.do(del("/a")), []],
    ["child, znode gone", child, (w) => void w.do(del("/a")), ["deleted /a"]],
    ["child, children changed", child, (w) => void w.do(create("/a/x")), ["children /a"]],
    ["child, data changed", child, (w) => void w.do(set("/a", "1")), []],
  ];
  test.each(cases)("follows ZooKeeper's rule: %s", (_, kind, meanwhile, expected) => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.do(create("/a"));
    const seen = stage.state.zxid;
    const after = away(stage, client, () => meanwhile(writer));
    stage.state.history.forgetUpTo(stage.state.zxid);
    after.ask(setWatches(["/a", kind, seen]));
    expect(after.transcript().map((line) => line.replace(/event \d+ /, ""))).toEqual([...expected, "reply 1 ok"]);
    expect(stage.engine.figures.watches).toBe(expected.length === 0 ? 1 : 0);
    expect(after.reply(1).result).toEqual([[]]);
  });

  test("registers persistent watches and lists them: their owner must read again", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.do(create("/a"));
    const seen = stage.state.zxid;
    const after = away(stage, client, () => writer.do(set("/a", "1")));
    stage.state.history.forgetUpTo(stage.state.zxid);
    after.ask(
      setWatches(
        ["/x", data, stage.state.zxid],
        ["/a", persistent, seen],
        ["/a", recursive, seen],
        ["/a", persistent, stage.state.zxid],
      ),
    );
    expect(after.reply(1).result).toEqual([[1, 2]]);
    after.news();
    writer.do(set("/a", "2"));
    expect(after.transcript().map((line) => line.replace(/\d+ /, ""))).toEqual(["event changed /a"]);
  });

  test("the history counts as far as catchUpEntries entries back", () => {
    const stage = new Stage({ limits: { catchUpEntries: 5 } });
    const [client, writer] = [stage.attach(), stage.attach()];
    writer.do(create("/a"));
    const seen = stage.state.zxid;
    const after = away(stage, client, () => writer.ask(...Array.from({ length: 6 }, (_, i) => set("/a", `${i}`))));
    after.ask(setWatches(["/a", persistent, seen]), setWatches(["/a", persistent, seen + 1]));
    expect(after.reply(1).result).toEqual([[0]]);
    expect(after.reply(2).result).toEqual([[]]);
    expect(after.events()).toHaveLength(5);
  });

  test("tells nothing of a znode that may not be read", () => {
    const stage = new Stage();
    const [client, owner] = [stage.attach(), stage.attach()];
    owner.ask(auth("ann"), create("/a", "", { acl: [{ permissions: 31, scheme: "auth", id: "" }] }));
    const after = away(stage, client, () => owner.do(set("/a", "1")));
    stage.state.history.forgetUpTo(stage.state.zxid);
    after.ask(setWatches(["/a", data, 0], ["/a", exist, 0], ["/a", child, 0]));
    expect(after.transcript()).toEqual(["reply 1 ok"]);
  });
});

describe("setWatches", () => {
  test("with a bad path or kind, or beyond the limit, is refused before anything is told or registered", () => {
    const stage = new Stage({ limits: { watchesPerConnection: 3 } });
    const client = stage.attach();
    client.do(create("/a"));
    client.news();
    client.ask(setWatches(["/a", exist, 0], ["a", exist, 0]));
    client.ask(setWatches(["/a", exist, 0], ["/a", 5, 0]));
    client.ask(setWatches(["/a", exist, 0], ["/b", exist, 0], ["/c", exist, 0], ["/d", exist, 0]));
    expect(client.transcript()).toEqual(["reply 2 BAD_ARGUMENTS", "reply 3 BAD_ARGUMENTS", "reply 4 LIMIT_EXCEEDED"]);
    expect(stage.engine.figures.watches).toBe(0);
  });

  test("with a zxid from the future registers", () => {
    const client = new Stage().attach();
    client.ask(setWatches(["/a", persistent, 2 ** 53 - 1]));
    expect(client.reply(1).result).toEqual([[]]);
  });

  test("that has much to tell sends it in several messages", () => {
    const stage = new Stage({ historyLimits: { historyEntries: 100_000, historyBytes: 64 * 1024 * 1024 } });
    const client = stage.attach();
    const name = `/${"x".repeat(2_000)}`;
    client.do(create(name));
    for (let i = 0; i < 10; i++) client.ask(...Array.from({ length: 100 }, () => set(name, null)));
    client.ack(client.xid);
    client.news();
    const frames = client.frames.length;
    client.do(setWatches([name, persistent, stage.state.zxid - 1_000]));
    expect(client.events()).toHaveLength(1_000);
    expect(client.frames.length - frames).toBeGreaterThan(2);
    expect(Math.max(...client.frames)).toBeLessThan(1024 * 1024);
  });
});
