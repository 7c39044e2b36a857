import { CreateMode, Include, Op, type Reply, type RequestBody, type Value } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { Client } from "./client.ts";
import { digestId } from "../src/node/node-world.ts";
import { Stage } from "./stage.ts";
import { auth, children, create, del, ephemeral, get, set, text } from "./words.ts";

/** The page of a children reply: its names and where it ended. */
const pageOf = ({ result: [names, , cursor] }: Reply): { names: string[]; cursor: readonly number[] | null } => ({
  names: names as string[],
  cursor: cursor as readonly number[] | null,
});

/** All pages, with something done between them. */
function pages(client: Client, path: string, limit: number, between: (page: number) => void = () => {}): string[] {
  const found: string[] = [];
  let cursor: readonly number[] | null = null;
  for (let page = 0; ; page++) {
    const { names, cursor: next } = pageOf(client.do(children(path, { cursor, limit })));
    found.push(...names);
    if (next === null) return found;
    cursor = next;
    between(page);
  }
}

const many = (count: number, at = 0): RequestBody[] => Array.from({ length: count }, (_, i) => create(`/p/n${at + i}`));
const named = (count: number, at = 0): string[] => Array.from({ length: count }, (_, i) => `n${at + i}`);

describe("children", () => {
  test("come in the order of their creation, a page at a time", () => {
    const client = new Stage().attach();
    client.ask(create("/p"), ...many(10));
    for (const limit of [0, 1, 3, 9, 10, 11, 2 ** 53 - 1]) expect(pages(client, "/p", limit)).toEqual(named(10));
  });

  test("fill a page of pageBytes and no more", () => {
    const stage = new Stage({ limits: { pageBytes: 1_024 } });
    const client = stage.attach();
    client.ask(create("/p"), ...many(500));
    const before = client.frames.length;
    expect(pages(client, "/p", 0)).toEqual(named(500));
    expect(client.frames.length - before).toBeGreaterThan(2);
    expect(Math.max(...client.frames.slice(before))).toBeLessThan(1_024 + 200);
  });

  test("that are there through all pages are in exactly one of them, whatever comes and goes", () => {
    const stage = new Stage();
    const [client, writer] = [stage.attach(), stage.attach()];
    client.ask(create("/p"), ...many(30));
    const gone = ["n2", "n5", "n6", "n20", "n29"];
    const found = pages(client, "/p", 3, (page) => {
      // The last child of a page, one before it, one after it; and new ones, in the slots of the old.
      const name = gone[page];
      if (name !== undefined) writer.ask(del(`/p/${name}`), create(`/p/new${page}`));
    });
    const stable = named(30).filter((name) => !gone.includes(name));
    expect(found.filter((name) => stable.includes(name))).toEqual(stable);
    expect(new Set(found).size).toBe(found.length);
  });

  test("a cursor whose child is gone, and whose slot belongs to another, goes on behind its place", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.ask(create("/p"), ...many(6));
    const { cursor } = pageOf(client.do(children("/p", { limit: 3 })));
    client.ask(del("/p/n2"), create("/other"));
    expect(pageOf(client.do(children("/p", { cursor }))).names).toEqual(["n3", "n4", "n5"]);
  });

  test.each([
    [[1e15, -5]],
    [[-1, -1]],
    [[0, 2 ** 52]],
    [[2 ** 53 - 1, 0]],
    [[-(2 ** 53) + 1, -(2 ** 33)]],
    [[0, -(2 ** 32) + 5]],
    [[5, 2 ** 32 + 1]],
  ])("a cursor that was never given out, %j, is answered somehow and harms nobody", (cursor) => {
    const client = new Stage().attach();
    client.ask(create("/p"), ...many(3));
    const reply = client.do(children("/p", { cursor }));
    expect(reply.code).toBe(0);
    expect(named(3)).toEqual(expect.arrayContaining(pageOf(reply).names));
  });

  test.each([[[]], [[1]], [[1, 2, 3]]])("a cursor of another length, %j, is refused", (cursor) => {
    const client = new Stage().attach();
    expect(client.do(children("/", { cursor })).code).toBe(-8);
  });

  test("come with Stat and data where asked for, nil for what may not be read", () => {
    const client = new Stage().attach();
    const stranger = [{ permissions: 31, scheme: "digest", id: digestId("bob", "x") }];
    client.ask(create("/p"), create("/p/a", "1"), create("/p/b", null), create("/p/c", "s", { acl: stranger }));
    const listed = (include: number): Value[][] => client.do(children("/p", { include })).result[0] as Value[][];
    expect(listed(Include.stat).map(([name, stat]) => [name, stat !== null])).toEqual([
      ["a", true],
      ["b", true],
      ["c", false],
    ]);
    expect(listed(Include.data).map(([name, data, stat]) => [name, text(data), stat !== null])).toEqual([
      ["a", "1", true],
      ["b", null, true],
      ["c", null, false],
    ]);
    expect(client.do(children("/p", { include: 3 })).code).toBe(-8);
  });

  test("with a watch set it with the first page only", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.ask(create("/p"), ...many(4));
    const { cursor } = pageOf(client.do(children("/p", { limit: 2 })));
    client.do(children("/p", { cursor, watch: true }));
    expect(stage.engine.figures.watches).toBe(0);
    client.do(children("/p", { watch: true, limit: 2 }));
    expect(stage.engine.figures.watches).toBe(1);
  });
});

describe("ephemerals", () => {
  const list = (client: Client, prefix = "", after = 0): { paths: string[]; after: number | null } => {
    const [paths, next] = client.do({ op: Op.ephemerals, prefix, after }).result;
    return { paths: paths as string[], after: next as number | null };
  };

  test("are the session's own, oldest first, by prefix of the text", () => {
    const stage = new Stage();
    const [client, other] = [stage.attach(), stage.attach()];
    client.ask(create("/p"), ephemeral("/p/b"), ephemeral("/a"), ephemeral("/pp"), create("/p/no"));
    other.do(ephemeral("/p/other"));
    expect(list(client)).toEqual({ paths: ["/p/b", "/a", "/pp"], after: null });
    expect(list(client, "/p").paths).toEqual(["/p/b", "/pp"]);
    expect(list(client, "", 2 ** 53 - 1).paths).toEqual([]);
  });

  test("are paged between transactions: each is in exactly one page", () => {
    const stage = new Stage({ limits: { pageBytes: 1_024 } });
    const client = stage.attach();
    for (let i = 0; i < 20; i++)
      client.do({
        op: Op.multi,
        ops: Array.from({ length: 10 }, (_, j) => ephemeral(`/e${i}-${j}-${"x".repeat(20)}`)),
      });
    const found: string[] = [];
    let pagesRead = 0;
    for (let after: number | null = 0; after !== null; pagesRead++) {
      const page = list(client, "", after);
      found.push(...page.paths);
      after = page.after;
    }
    expect(found).toHaveLength(200);
    expect(new Set(found).size).toBe(200);
    expect(pagesRead).toBeGreaterThan(3);
  });
});

describe("multiRead", () => {
  const multiRead = (...reads: (readonly [number, string])[]): RequestBody => ({
    op: Op.multiRead,
    reads: reads.map(([op, path]) => ({ op, path })),
    consistency: 0,
  });

  test("answers all at one zxid, each with its own outcome", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.ask(create("/a", "1"), create("/a/b", "2"));
    stage.commits = false;
    client.ask(
      { op: Op.multi, ops: [set("/a", "3"), set("/a/b", "4")] },
      multiRead(
        [Op.get, "/a"],
        [Op.get, "/a/b"],
        [Op.exists, "/no"],
        [Op.children, "/a"],
        [Op.set, "/a"],
        [Op.get, "a"],
      ),
      set("/a", "5"),
    );
    stage.commits = true;
    stage.commit();
    const parts = client.reply(4).result[0] as Value[][];
    expect(parts.map(([code]) => code)).toEqual([0, 0, -101, 0, -8, -8]);
    expect([text(parts[0]![1]), text(parts[1]![1]), parts[3]![1]]).toEqual(["3", "4", ["b"]]);
  });

  test("with more parts than multiOps, or more bytes than half a frame, is refused", () => {
    const stage = new Stage({ limits: { frameBytes: 65_536 }, options: { multiOps: 100 } });
    const client = stage.attach();
    client.do(create("/big", "x".repeat(10_000)));
    const reads = (count: number): RequestBody =>
      multiRead(...Array.from({ length: count }, () => [Op.get, "/big"] as const));
    expect(client.do(reads(3)).code).toBe(0);
    expect(client.do(reads(4))).toMatchObject({ code: -200, detail: { name: "frameBytes" } });
    expect(client.do(reads(101))).toMatchObject({ code: -200, detail: { name: "multiOps", limit: 100, actual: 101 } });
  });

  test("answers children that do not fit a page with LIMIT_EXCEEDED", () => {
    const stage = new Stage({ limits: { pageBytes: 1_024 } });
    const client = stage.attach();
    client.ask(create("/p"), ...many(400));
    expect((client.do(multiRead([Op.children, "/p"])).result[0] as Value[][])[0]![0]).toBe(-200);
  });
});

describe("other reads", () => {
  test("countDescendants, whoAmI and getAcl answer what they should", () => {
    const stage = new Stage();
    const client = stage.attach("10.1.2.3");
    client.ask(
      auth("ann"),
      create("/a", "", {
        acl: [
          { permissions: 31, scheme: "auth", id: "" },
          { permissions: 1, scheme: "world", id: "anyone" },
        ],
      }),
      create("/a/b"),
      create("/a/b/c"),
    );
    expect(client.do({ op: Op.countDescendants, path: "/a", consistency: 0 }).result).toEqual([2]);
    expect(client.do({ op: Op.whoAmI }).result).toEqual([
      [
        ["ip", "10.1.2.3"],
        ["digest", "ann"],
      ],
    ]);
    const acl = (who: Client): Value => who.do({ op: Op.getAcl, path: "/a", consistency: 0 }).result[0]!;
    expect(acl(client)).toEqual([
      [31, "digest", digestId("ann", "secret")],
      [1, "world", "anyone"],
    ]);
    expect(acl(stage.attach()), "digests are masked").toEqual([
      [31, "digest", "ann:x"],
      [1, "world", "anyone"],
    ]);
  });

  test.each(["", "a", "/a/", "//", "/a/../b", "/\0", "/\ud800", `/${"x".repeat(5_000)}`])(
    "a path like %j is BAD_ARGUMENTS for every read",
    (path) => {
      const client = new Stage().attach();
      const consistency = 0;
      const reads: RequestBody[] = [
        get(path, true),
        { op: Op.exists, path, watch: true, consistency },
        { op: Op.getAcl, path, consistency },
        children(path, { watch: true }),
        { op: Op.countDescendants, path, consistency },
        { op: Op.addWatch, path, mode: 0 },
        { op: Op.subscribe, id: 1, path, since: -1, scope: 0, flags: 0, credits: 1 },
      ];
      for (const read of reads) expect(client.do(read).code).toBe(-8);
    },
  );

  test.each([2, -1, 2 ** 52])("addWatch with the unknown mode %d is BAD_ARGUMENTS", (mode) => {
    expect(new Stage().attach().do({ op: Op.addWatch, path: "/", mode }).code).toBe(-8);
  });
});

test("numbers at the end of their range are answered, and harm nobody", () => {
  const stage = new Stage();
  const client = stage.attach();
  client.do(create("/a"));
  const M = 2 ** 53 - 1;
  const e = new Uint8Array(0);
  const bodies: readonly Value[][] = [
    [Op.create, "/x", e, M, null, 0, 0, null],
    [Op.create, "/x", e, -M, null, -M, M, null],
    [Op.create, "/x", e, CreateMode.persistentWithTtl, null, M, 0, null],
    [Op.create, "/x", e, 0, [[M, "world", "anyone"]], 0, 0, null],
    [Op.delete, "/x", M, null],
    [Op.delete, "/a", -M, null],
    [Op.set, "/a", e, -2, null],
    [Op.setAcl, "/a", [[-M, "ip", "1.2.3.4/99"]], M, null],
    [Op.multi, [], null],
    [Op.multi, [[Op.check, "/a", M, M]], null],
    [Op.multiEach, [[Op.check, "/a", -M, -M]], [["/a", M, M]]],
    [Op.deleteTree, "/a", 0, null],
    [Op.exists, "/a", true, M],
    [Op.get, "/a", false, M],
    [Op.children, "/a", false, 0, M, null, M],
    [Op.children, "/a", false, M, 0, [M, -M], 0],
    [
      Op.multiRead,
      [
        [M, "/a"],
        [-M, "/"],
      ],
      M,
    ],
    [Op.ephemerals, "\uffff", M],
    [Op.checkWatches, "/a", M],
    [Op.removeWatches, "/a", -M],
    [Op.setWatches, [["/a", M, M]]],
    [Op.setWatches, [["/a", -1, 0]]],
    [Op.subscribe, M, "/a", -M, M, M, M],
    [Op.subscribe, M, "/a", -1, 0, M - 1, M],
    [Op.unsubscribe, M],
    [Op.sync, ""],
  ];
  for (const [i, body] of bodies.entries()) client.values([2 + i, ...body]);
  client.values([0, Op.credit, M, M], [0, Op.ack, M], [0, Op.ping]);
  expect(client.closed).toBeUndefined();
  expect(client.replies().filter(({ xid }) => xid > 0)).toHaveLength(1 + bodies.length);
  stage.pass(1_000);
  client.xid = 1 + bodies.length;
  expect(client.do(get("/a")).code).toBe(0);
});
