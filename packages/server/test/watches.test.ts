import { Op, WatchMode, WatcherType } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { type Client, secretOf } from "./client.ts";
import { digestId } from "../src/node/node-world.ts";
import { Stage } from "./stage.ts";
import {
  addWatch,
  auth,
  checkWatches,
  children,
  create,
  del,
  ephemeral,
  exists,
  get,
  removeWatches,
  set,
  setAcl,
  subscribe,
} from "./words.ts";

const { persistent, persistentRecursive } = WatchMode;

/** The events among the news, without their zxid. */
const eventsOf = (client: Client): string[] =>
  client
    .transcript()
    .filter((line) => line.startsWith("event"))
    .map((line) => line.replace(/^event \d+ /, ""));

/** What each kind of watch hears of each change: one row a kind, as a table. */
describe("one change", () => {
  const changes = {
    "create /p/x": [create("/p/x")],
    "set /p": [set("/p", "1")],
    "set /p/x": [create("/p/x"), set("/p/x", "1")],
    "delete /p/x": [create("/p/x"), del("/p/x")],
    "delete /p": [del("/p")],
    "setAcl /p": [setAcl("/p", [{ permissions: 31, scheme: "world", id: "anyone" }])],
    "create /p/x/y": [create("/p/x"), create("/p/x/y")],
  } as const;
  const kinds = {
    data: get("/p", true),
    exist: exists("/p", true),
    child: children("/p", { watch: true }),
    persistent: addWatch("/p", persistent),
    recursive: addWatch("/p", persistentRecursive),
  } as const;
  const table: [keyof typeof changes, Record<keyof typeof kinds, string[]>][] = [
    [
      "create /p/x",
      { data: [], exist: [], child: ["children /p"], persistent: ["children /p"], recursive: ["created /p/x"] },
    ],
    [
      "set /p",
      { data: ["changed /p"], exist: ["changed /p"], child: [], persistent: ["changed /p"], recursive: ["changed /p"] },
    ],
    ["set /p/x", { data: [], exist: [], child: [], persistent: [], recursive: ["changed /p/x"] }],
    [
      "delete /p/x",
      { data: [], exist: [], child: ["children /p"], persistent: ["children /p"], recursive: ["deleted /p/x"] },
    ],
    [
      "delete /p",
      {
        data: ["deleted /p"],
        exist: ["deleted /p"],
        child: ["deleted /p"],
        persistent: ["deleted /p"],
        recursive: ["deleted /p"],
      },
    ],
    ["setAcl /p", { data: [], exist: [], child: [], persistent: [], recursive: [] }],
    ["create /p/x/y", { data: [], exist: [], child: [], persistent: [], recursive: ["created /p/x/y"] }],
  ];
  for (const [change, expected] of table) {
    for (const [kind, lines] of Object.entries(expected)) {
      test(`${change}: a ${kind} watch on /p hears ${lines.join(", ") || "nothing"}`, () => {
        const stage = new Stage();
        const [writer, watcher] = [stage.attach(), stage.attach()];
        writer.do(create("/p"));
        const steps = [...changes[change]];
        const last = steps.pop()!;
        for (const step of steps) writer.do(step);
        watcher.do(kinds[kind as keyof typeof kinds]);
        watcher.news();
        expect(writer.do(last).code).toBe(0);
        expect(eventsOf(watcher)).toEqual(lines);
      });
    }
  }
});

describe("watches", () => {
  test("of exists on an absent znode hear of its creation", () => {
    const stage = new Stage();
    const client = stage.attach();
    expect(client.do(exists("/a", true)).code).toBe(-101);
    client.do(create("/a"));
    expect(eventsOf(client)).toEqual(["created /a"]);
  });

  test("that failed to be set are not set: get of an absent znode, anything that may not be read", () => {
    const stage = new Stage();
    const [owner, stranger] = [stage.attach(), stage.attach()];
    owner.do(auth("ann"));
    owner.do(create("/secret", "", { acl: [{ permissions: 31, scheme: "auth", id: "" }] }));
    expect(stranger.do(get("/absent", true)).code).toBe(-101);
    expect(stranger.do(exists("/secret", true)).code).toBe(-102);
    expect(stranger.do(children("/secret", { watch: true })).code).toBe(-102);
    expect(stage.engine.figures.watches).toBe(0);
  });

  test("hear of a change before any reply that shows it, the writer's own included", () => {
    const stage = new Stage();
    const [writer, watcher] = [stage.attach(), stage.attach()];
    writer.ask(create("/a", "0"), get("/a", true));
    watcher.do(get("/a", true));
    writer.news();
    watcher.news();
    stage.commits = false;
    writer.ask(set("/a", "1"));
    watcher.ask(set("/b", ""), get("/a"));
    stage.commits = true;
    stage.commit();
    expect(writer.transcript()).toEqual(["event 4 changed /a", "reply 3 ok"]);
    expect(watcher.transcript()).toEqual(["event 4 changed /a", "reply 2 NO_NODE", "reply 3 ok 1"]);
  });

  test("of several kinds on one path tell a connection of one change once, and the one-shot ones are spent", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(create("/a"));
    client.ask(
      get("/a", true),
      children("/a", { watch: true }),
      addWatch("/a", persistent),
      addWatch("/a", persistentRecursive),
      addWatch("/", persistentRecursive),
    );
    client.news();
    client.do(del("/a"));
    expect(eventsOf(client)).toEqual(["deleted /a"]);
    expect(client.do(checkWatches("/a", WatcherType.data)).code).toBe(-121);
    expect(client.do(checkWatches("/a", WatcherType.children)).code).toBe(-121);
    expect(client.do(checkWatches("/a", WatcherType.persistent)).code).toBe(0);
    expect(client.do(checkWatches("/a", WatcherType.persistentRecursive)).code).toBe(0);
  });

  test("that fire once fire once; persistent ones go on, also over a deletion", () => {
    const stage = new Stage();
    const [once, ever, writer] = [stage.attach(), stage.attach(), stage.attach()];
    writer.do(create("/a"));
    once.do(get("/a", true));
    ever.do(addWatch("/a", persistent));
    writer.ask(set("/a", "1"), set("/a", "2"), del("/a"), create("/a"));
    expect(eventsOf(once)).toEqual(["changed /a"]);
    expect(eventsOf(ever)).toEqual(["changed /a", "changed /a", "deleted /a", "created /a"]);
  });

  test("set by a read between two writes hear of the second, not of the first", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.ask(create("/a", "0"), get("/a", true), set("/a", "1"), set("/a", "2"));
    expect(client.transcript()).toEqual([
      "reply 1 ok",
      "reply 2 ok 0",
      "event 3 changed /a",
      "reply 3 ok",
      "reply 4 ok",
    ]);
  });

  test("hear the changes of a multi in its order, and nothing of one that is cancelled", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(addWatch("/", persistentRecursive));
    client.news();
    client.do({ op: Op.multi, ops: [create("/a"), create("/a/b"), set("/a", "1"), del("/a/b")] });
    client.do({ op: Op.multi, ops: [set("/a", "2"), del("/absent")] });
    expect(eventsOf(client)).toEqual(["created /a", "created /a/b", "changed /a", "deleted /a/b"]);
  });

  test("hear of the ephemerals of a session that ends", () => {
    const stage = new Stage();
    const [owner, watcher] = [stage.attach(), stage.attach()];
    owner.ask(ephemeral("/e1"), ephemeral("/e2"));
    watcher.ask(get("/e1", true), children("/", { watch: true }));
    watcher.news();
    owner.do({ op: Op.close });
    expect(eventsOf(watcher)).toEqual(["deleted /e1", "children /"]);
  });

  describe("of a session that ends hear nothing of what goes with it", () => {
    const endings: Record<string, (stage: Stage, owner: Client) => string[]> = {
      "closed by itself": (_, owner) => {
        owner.ask({ op: Op.close });
        return ["reply 5 ok"];
      },
      expired: (stage, owner) => {
        stage.turn(() => stage.engine.expireSession(owner.session));
        stage.settle();
        return ["goodbye SESSION_EXPIRED"];
      },
      "replaced by another": (stage, owner) => {
        stage
          .connect()
          .hello({ session: { kind: "replace", secret: secretOf(99), oldId: owner.session, oldSecret: owner.secret } });
        return ["goodbye SESSION_EXPIRED"];
      },
    };
    test.each(Object.entries(endings))("%s: it is told that alone, by its watches and subscriptions too", (_, end) => {
      const stage = new Stage();
      const [owner, watcher] = [stage.attach(), stage.attach()];
      owner.ask(ephemeral("/e"), get("/e", true), addWatch("/", persistentRecursive), subscribe("/"));
      watcher.ask(get("/e", true), subscribe("/"));
      owner.news();
      watcher.news();
      const told = end(stage, owner);
      expect(owner.transcript()).toEqual(told);
      expect(watcher.transcript().map((line) => line.replace(/ \d+/, ""))).toEqual([
        "event deleted /e",
        "changes: deleted /e",
      ]);
      expect(stage.engine.figures).toMatchObject({ watches: 0, subscriptions: 1 });
    });

    test("what had happened before is told first, in the same turn", () => {
      const stage = new Stage();
      const [owner, writer] = [stage.attach(), stage.attach()];
      owner.ask(ephemeral("/e"), get("/e", true), subscribe("/e"));
      owner.news();
      stage.commits = false;
      writer.ask(set("/e", "1"));
      stage.turn(() => stage.engine.expireSession(owner.session));
      stage.commits = true;
      stage.settle();
      expect(owner.transcript()).toEqual(["event 4 changed /e", "changes 4: changed /e=1", "goodbye SESSION_EXPIRED"]);
    });
  });

  test("end with their connection, not with their session; nothing is left behind", () => {
    const stage = new Stage();
    const before = stage.attach();
    before.ask(create("/a"), get("/a", true), addWatch("/", persistentRecursive), exists("/b", true));
    expect(stage.engine.figures.watches).toBe(3);
    const after = stage.connect();
    after.resume(before);
    expect(stage.engine.figures.watches).toBe(0);
    after.do(set("/a", "1"));
    expect(eventsOf(after)).toEqual([]);
  });

  test("of 1,000 connections on one znode get one encoding each, once", () => {
    const stage = new Stage();
    const writer = stage.attach();
    writer.do(create("/a"));
    const herd = Array.from({ length: 1_000 }, () => stage.attach());
    for (const client of herd) client.do(get("/a", true));
    writer.do(set("/a", "1"));
    for (const client of herd) expect(eventsOf(client)).toEqual(["changed /a"]);
    expect(stage.engine.figures.watches).toBe(0);
  });
});

describe("an event goes to those who may READ", () => {
  const ann = { permissions: 31, scheme: "digest", id: digestId("ann", "secret") };
  const anyone = { permissions: 31, scheme: "world", id: "anyone" };

  test("the znode, by its own ACL; a one-shot watch is spent all the same", () => {
    const stage = new Stage();
    const [owner, stranger] = [stage.attach(), stage.attach()];
    owner.do(auth("ann"));
    owner.do(create("/a", "", { acl: [anyone] }));
    stranger.ask(get("/a", true), addWatch("/", persistentRecursive));
    stranger.news();
    owner.ask(setAcl("/a", [ann]), set("/a", "1"), create("/a/x", "", { acl: [ann] }), create("/a/y"), del("/a/x"));
    expect(eventsOf(stranger)).toEqual(["created /a/y"]);
    expect(stranger.do(checkWatches("/a", WatcherType.data)).code).toBe(-121);
  });

  test("the parent, for its children event", () => {
    const stage = new Stage();
    const [owner, stranger] = [stage.attach(), stage.attach()];
    owner.do(auth("ann"));
    owner.do(create("/open", "", { acl: [anyone] }));
    owner.do(create("/shut", "", { acl: [ann] }));
    stranger.ask(addWatch("/open", persistent), addWatch("/shut", persistent));
    stranger.news();
    owner.ask(create("/open/x", "", { acl: [ann] }), create("/shut/x", "", { acl: [anyone] }));
    expect(eventsOf(stranger)).toEqual(["children /open"]);
  });
});

describe("checkWatches and removeWatches", () => {
  const kinds: [number, ReturnType<typeof get>][] = [
    [WatcherType.data, get("/a", true)],
    [WatcherType.children, children("/a", { watch: true })],
    [WatcherType.persistent, addWatch("/a", persistent)],
    [WatcherType.persistentRecursive, addWatch("/a", persistentRecursive)],
  ];
  test.each(kinds)("of type %i mean that kind alone", (type, request) => {
    const stage = new Stage();
    const client = stage.attach();
    client.do(create("/a"));
    expect(client.do(removeWatches("/a", type)).code).toBe(-121);
    for (const [, each] of kinds) client.do(each);
    expect(client.do(removeWatches("/a", type)).code).toBe(0);
    for (const [other] of kinds) expect(client.do(checkWatches("/a", other)).code).toBe(other === type ? -121 : 0);
    client.do(request);
    expect(client.do(removeWatches("/a", WatcherType.any)).code).toBe(0);
    expect(stage.engine.figures.watches).toBe(0);
    client.news();
    client.do(set("/a", "1"));
    expect(eventsOf(client)).toEqual([]);
  });

  test.each([0, 6, -1, 2 ** 52])("of the unknown type %d are refused", (type) => {
    const client = new Stage().attach();
    expect(client.do(removeWatches("/a", type)).code).toBe(-8);
    expect(client.do(checkWatches("/a", type)).code).toBe(-8);
  });
});

describe("limits of watches", () => {
  test("one more path than watchesPerConnection is refused; another kind on a watched path is not", () => {
    const stage = new Stage({ limits: { watchesPerConnection: 2 } });
    const client = stage.attach();
    client.ask(exists("/a", true), exists("/b", true));
    expect(client.do(exists("/c", true))).toMatchObject({
      code: -200,
      detail: { name: "watchesPerConnection", limit: 2 },
    });
    expect(client.do(addWatch("/a", persistent)).code).toBe(0);
    expect(client.do(exists("/c")).code).toBe(-101);
  });

  test("one more than `watches` of all connections is refused, until one is given back", () => {
    const stage = new Stage({ limits: { watches: 1 } });
    const [one, other] = [stage.attach(), stage.attach()];
    one.do(exists("/a", true));
    expect(other.do(exists("/b", true))).toMatchObject({ code: -200, detail: { name: "watches" } });
    one.break();
    expect(other.do(exists("/b", true)).code).toBe(-101);
    expect(stage.engine.figures.watches).toBe(1);
  });
});
