import { Op, Scope, SubscribeFlag, SubscriptionKind } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { digestId } from "../src/node/node-world.ts";
import type { Client } from "./client.ts";
import { feedOf, scene } from "./feeds.ts";
import { auth, create, del, ephemeral, get, itemsOf, lineOf, set, setAcl, subscribe } from "./words.ts";

describe("a subscription", () => {
  test("gets the subtree as it is, synced, and then every change in it", () => {
    const { writer, reader } = scene();
    reader.do(subscribe("/a"));
    writer.ask(set("/a/b", "3"), set("/z", "8"), create("/a/c"), del("/a/b"));
    expect(feedOf(reader)).toEqual([
      "page 5: /a=1, /a/b=2",
      "synced 5",
      "changes 6: changed /a/b=3",
      "changes 8: created /a/c=",
      "changes 9: deleted /a/b",
    ]);
  });

  test("of a path that does not exist is an empty subtree, which may come to be", () => {
    const { writer, reader } = scene();
    reader.do(subscribe("/q"));
    writer.do(create("/q", "1"));
    expect(feedOf(reader)).toEqual(["synced 5", "changes 6: created /q=1"]);
  });

  test("is told of all changes of one transaction as one unit", () => {
    const { writer, reader } = scene();
    reader.do(subscribe("/"));
    reader.news();
    writer.do({ op: Op.multi, ops: [set("/a", "5"), create("/a/c", "6"), del("/a/b")] });
    expect(feedOf(reader)).toEqual(["changes 6: changed /a=5, created /a/c=6, deleted /a/b"]);
  });

  test("is told of the end of a session as one unit", () => {
    const { writer, reader } = scene();
    writer.ask(ephemeral("/a/e1"), ephemeral("/a/e2"));
    reader.do(subscribe("/a"));
    reader.news();
    writer.do({ op: Op.close });
    expect(feedOf(reader)).toEqual(["changes 8: deleted /a/e1, deleted /a/e2"]);
  });

  test("is told of a change before any reply that shows it, the writer's own included", () => {
    const { writer } = scene();
    writer.do(subscribe("/a"));
    writer.news();
    writer.ask(set("/a", "5"), get("/a"));
    expect(writer.transcript()).toEqual(["changes 6: changed /a=5", "reply 5 ok", "reply 6 ok 5"]);
  });

  test("comes after the reply to its request, and nothing comes after that of its end", () => {
    const { writer, reader } = scene();
    reader.ask(subscribe("/a"));
    expect(reader.transcript()).toEqual(["reply 1 ok", "page 5: /a=1, /a/b=2", "synced 5"]);
    expect(reader.do({ op: Op.unsubscribe, id: 1 }).code).toBe(0);
    expect(reader.do({ op: Op.unsubscribe, id: 1 }).code).toBe(-208);
    reader.news();
    writer.do(set("/a", "5"));
    expect(reader.transcript()).toEqual([]);
  });

  test.each([
    [Scope.node, ["page 5: /a=1", "synced 5", "changes 8: changed /a=5"]],
    [Scope.children, ["page 5: /a=1, /a/b=2", "synced 5", "changes 6: changed /a/b=3", "changes 8: changed /a=5"]],
    [
      Scope.tree,
      [
        "page 5: /a=1, /a/b=2",
        "synced 5",
        "changes 6: changed /a/b=3",
        "changes 7: created /a/b/c=4",
        "changes 8: changed /a=5",
      ],
    ],
  ])("of scope %i covers what it says", (scope, expected) => {
    const { writer, reader } = scene();
    reader.do(subscribe("/a", { scope }));
    writer.ask(set("/a/b", "3"), create("/a/b/c", "4"), set("/a", "5"), create("/ab"));
    expect(feedOf(reader)).toEqual(expected);
  });

  test("of the root covers everything; of its children, the root and what stands under it", () => {
    const { writer, reader } = scene();
    reader.ask(subscribe("/"), subscribe("/", { id: 2, scope: Scope.children }));
    reader.news();
    writer.ask(set("/", "r"), set("/a/b", "3"), set("/a", "5"));
    expect(reader.told(1).slice(-3).map(lineOf)).toEqual([
      "changes 6: changed /=r",
      "changes 7: changed /a/b=3",
      "changes 8: changed /a=5",
    ]);
    expect(reader.told(2).slice(-2).map(lineOf)).toEqual(["changes 6: changed /=r", "changes 8: changed /a=5"]);
  });

  test("without data sends the Stat all the same", () => {
    const { writer, reader } = scene();
    reader.do(subscribe("/a", { flags: SubscribeFlag.withoutData }));
    writer.do(set("/a", "55"));
    const [page, , change] = reader.told(1);
    expect(itemsOf(page!).map(({ data, stat }) => [data, stat?.[8]])).toEqual([
      [null, 1],
      [null, 1],
    ]);
    expect(itemsOf(change!)).toMatchObject([
      { type: "changed", path: "/a", data: null, stat: expect.arrayContaining([2]) },
    ]);
  });

  test("once ends by itself at synced, and its id is free again", () => {
    const { stage, writer, reader } = scene();
    reader.do(subscribe("/a", { flags: SubscribeFlag.once }));
    writer.do(set("/a", "5"));
    expect(feedOf(reader)).toEqual(["page 5: /a=1, /a/b=2", "synced 5"]);
    expect(stage.engine.figures.subscriptions).toBe(0);
    expect(reader.do(subscribe("/a")).code).toBe(0);
  });

  test("ends with its connection; nothing is left behind, a walk under way included", () => {
    const { stage, reader } = scene({ limits: { pageBytes: 1_024 } });
    reader.do(subscribe("/", { credits: 0 }));
    reader.do(subscribe("/", { id: 2, credits: 1 }));
    reader.break();
    expect(stage.engine.figures).toMatchObject({ subscriptions: 0, connections: 1 });
    expect(stage.state.tree.walks.size).toBe(0);
  });
});

describe("since a zxid", () => {
  test("every change after it is sent, then synced", () => {
    const { stage, writer, reader } = scene();
    const since = stage.state.zxid;
    writer.ask(set("/a", "5"), set("/z", "6"), del("/a/b"));
    reader.do(subscribe("/a", { since }));
    writer.do(set("/a", "7"));
    expect(feedOf(reader)).toEqual([
      "changes 6: changed /a=5",
      "changes 8: deleted /a/b",
      "synced 8",
      "changes 9: changed /a=7",
    ]);
  });

  test("that is the present, synced comes at once", () => {
    const { stage, reader } = scene();
    reader.do(subscribe("/a", { since: stage.state.zxid }));
    expect(feedOf(reader)).toEqual(["synced 5"]);
  });

  test("that the history does not reach back to, resync and the subtree are sent", () => {
    const { stage, writer, reader } = scene();
    const since = stage.state.zxid;
    writer.ask(set("/a", "5"), set("/a", "6"));
    stage.state.history.forgetUpTo(since + 1);
    reader.do(subscribe("/a", { since }));
    reader.do(subscribe("/a", { since: since + 1, id: 2 }));
    expect(reader.told(1).map(lineOf)).toEqual(["resync 7", "page 7: /a=6, /a/b=2", "synced 7"]);
    expect(reader.told(2).map(lineOf)).toEqual(["changes 7: changed /a=6", "synced 7"]);
  });

  test("from the future is refused, as is one below -1", () => {
    const { stage, reader } = scene();
    expect(reader.do(subscribe("/a", { since: stage.state.zxid + 1 })).code).toBe(-8);
    expect(reader.do(subscribe("/a", { since: -2 })).code).toBe(-8);
  });
});

describe("credits", () => {
  const grant = (client: Client, credits: number, id = 1): void => client.signal({ op: Op.credit, id, credits });

  test("without them nothing is sent", () => {
    const { writer, reader } = scene();
    reader.do(subscribe("/a", { credits: 0 }));
    writer.do(set("/a", "5"));
    expect(feedOf(reader)).toEqual([]);
    grant(reader, 1);
    expect(feedOf(reader)).toEqual(["page 6: /a=5, /a/b=2"]);
    grant(reader, 1);
    expect(feedOf(reader)).toEqual(["synced 6"]);
    writer.ask(set("/a", "6"), set("/a", "7"));
    expect(feedOf(reader)).toEqual([]);
    grant(reader, 1);
    expect(feedOf(reader), "from the history").toEqual(["changes 7: changed /a=6"]);
    grant(reader, 5);
    writer.do(set("/a", "8"));
    expect(feedOf(reader)).toEqual(["changes 8: changed /a=7", "changes 9: changed /a=8"]);
  });

  test("run out in the middle: what was missed is read from the history, or void if it is gone", () => {
    const { stage, writer, reader } = scene();
    reader.do(subscribe("/a", { credits: 3 }));
    writer.ask(set("/a", "5"), set("/a", "6"), set("/a", "7"));
    expect(feedOf(reader)).toEqual(["page 5: /a=1, /a/b=2", "synced 5", "changes 6: changed /a=5"]);
    stage.state.history.forgetUpTo(stage.state.zxid);
    grant(reader, 10);
    expect(feedOf(reader)).toEqual(["resync 8", "page 8: /a=7, /a/b=2", "synced 8"]);
  });

  test("all parts of one unit take one", () => {
    const { writer, reader } = scene({ limits: { pageBytes: 1_024 } });
    reader.do(subscribe("/a", { credits: 3 }));
    reader.news();
    writer.do({
      op: Op.multi,
      ops: [set("/a", "x".repeat(900)), set("/a/b", "y".repeat(900)), create("/a/c", "z".repeat(900))],
    });
    writer.do(set("/a", "5"));
    const feed = feedOf(reader).map((line) => line.slice(0, 28));
    expect(feed).toEqual([
      "changesPart 6: changed /a=xx",
      "changesPart 6: changed /a/b=",
      "changes 6: created /a/c=zzzz",
    ]);
  });

  test("beyond what can be counted are cut, not added up", () => {
    const { writer, reader } = scene();
    reader.do(subscribe("/a", { credits: 2 ** 53 - 1 }));
    for (let i = 0; i < 3; i++) grant(reader, 2 ** 53 - 1);
    grant(reader, 1, 99);
    reader.news();
    writer.do(set("/a", "5"));
    expect(feedOf(reader)).toEqual(["changes 6: changed /a=5"]);
  });
});

describe("what may be read", () => {
  const anyone = [{ permissions: 31, scheme: "world", id: "anyone" }];
  const ann = [{ permissions: 31, scheme: "digest", id: digestId("ann", "secret") }];

  test("is sent, the rest is not there", () => {
    const { writer, reader } = scene();
    writer.ask(auth("ann"), create("/a/secret", "s", { acl: ann }), create("/a/secret/open", "o"));
    reader.do(subscribe("/a"));
    writer.ask(set("/a/secret", "t"), set("/a/secret/open", "p"), del("/a/secret/open"), del("/a/secret"));
    expect(feedOf(reader)).toEqual([
      "page 8: /a=1, /a/b=2, /a/secret/open=o",
      "synced 8",
      "changes 10: changed /a/secret/open=p",
      "changes 11: deleted /a/secret/open",
    ]);
  });

  test("changes with a setAcl: taken away looks like a deletion, given like a creation, else it is a change", () => {
    const { writer, reader } = scene();
    writer.do(auth("ann"));
    reader.do(subscribe("/a"));
    reader.news();
    const more = [...anyone, ...ann];
    writer.ask(setAcl("/a/b", ann), set("/a/b", "3"), setAcl("/a/b", anyone), setAcl("/a/b", more));
    expect(feedOf(reader)).toEqual([
      "changes 7: deleted /a/b",
      "changes 9: created /a/b=3",
      "changes 10: changed /a/b=3",
    ]);
  });
});

describe("a subscription is refused", () => {
  test.each([
    ["a bad path", subscribe("a")],
    ["an unknown scope", subscribe("/a", { scope: 3 })],
    ["a huge scope", subscribe("/a", { scope: 2 ** 52 })],
  ])("for %s", (_, request) => {
    expect(scene().reader.do(request).code).toBe(-8);
  });

  test("for an id that is taken, and beyond subscriptionsPerConnection", () => {
    const { reader } = scene({ limits: { subscriptionsPerConnection: 2 } });
    reader.do(subscribe("/a", { id: 2 ** 53 - 1 }));
    expect(reader.do(subscribe("/a", { id: 2 ** 53 - 1 })).code).toBe(-8);
    reader.do(subscribe("/a", { id: 0 }));
    expect(reader.do(subscribe("/a", { id: 2 }))).toMatchObject({
      code: -200,
      detail: { name: "subscriptionsPerConnection" },
    });
  });
});

describe("a subscription never has a silent hole", () => {
  test("when one transaction changes more than the history holds, it is told resync", () => {
    const { stage, writer, reader } = scene({ historyLimits: { historyEntries: 100, historyBytes: 16_384 } });
    reader.do(subscribe("/a"));
    reader.news();
    const ops = Array.from({ length: 200 }, (_, i) => create(`/a/n${i}`, "x".repeat(200)));
    writer.do({ op: Op.multi, ops });
    expect(stage.state.history.since).toBe(stage.state.zxid);
    const feed = feedOf(reader);
    expect(feed[0]).toBe("resync 6");
    expect(feed.at(-1)).toBe("synced 6");
    const paths = reader
      .told(1)
      .filter(({ message }) => message === SubscriptionKind.page)
      .flatMap(itemsOf)
      .map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith("/a/n"))).toHaveLength(200);
  });

  test("nor a resync without need: it is told every change, however short the history", () => {
    const { writer, reader } = scene({ historyLimits: { historyEntries: 3, historyBytes: 16_384 } });
    reader.do(subscribe("/a", { credits: 10_000 }));
    reader.news();
    for (let i = 0; i < 3_000; i++) {
      writer.ask(set("/a", `${i}`));
      writer.ack(writer.xid);
    }
    expect(feedOf(reader).filter((line) => !line.startsWith("changes"))).toEqual([]);
  });

  test("a client that resumes from far back is sent as much as it takes, not cut off for it", () => {
    const { stage, writer, reader } = scene({ limits: { unsentBytesSoft: 8_192, unsentBytesHard: 65_536 } });
    const since = stage.state.zxid;
    for (let i = 0; i < 20; i++) writer.ask(...Array.from({ length: 10 }, () => set("/a", "x".repeat(1_000))));
    reader.takes = false;
    reader.do(subscribe("/a", { since }));
    stage.pass(stage.limits.tickMs);
    expect(reader.closed).toBeUndefined();
    expect(reader.told(1).length).toBeLessThan(20);
    reader.takes = true;
    stage.settle();
    expect(reader.told(1)).toHaveLength(201);
    expect(lineOf(reader.told(1).at(-1)!)).toBe(`synced ${stage.state.zxid % 2 ** 32}`);
  });
});
