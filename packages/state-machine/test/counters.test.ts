import { SEQUENCE_MAX, statFrom } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { Int, Real, State } from "../src/index.ts";
import { World, create, del, multi, set, setAcl } from "./world.ts";

const stat = (answer: { result: readonly unknown[] }) => statFrom(answer.result.at(-1) as number[]);

describe("versions", () => {
  test.each(["version", "aversion"] as const)("%s wraps at 32 bits, and leaves out -1 on the way up", (field) => {
    const world = new World();
    const session = world.open();
    world.do(session, create("/a"));
    const { tree } = world.state;
    const put = (value: number): void => tree.rows.setInt(tree.find("/a"), Int[field], value);
    const next = (): number => stat(world.do(session, field === "version" ? set("/a") : setAcl("/a")))[field];
    put(2_147_483_647);
    expect(next()).toBe(-2_147_483_648);
    put(-3);
    expect([next(), next(), next()]).toEqual([-2, 0, 1]);
  });

  test("any other version than the znode's is refused, -1 matches always, and a re-created znode begins at 0", () => {
    const world = new World();
    const session = world.open();
    world.do(session, create("/a"));
    world.do(session, set("/a", null, 0));
    for (const version of [0, 2, -2]) {
      expect(world.do(session, set("/a", null, version))).toMatchObject({
        code: "BAD_VERSION",
        detail: { path: "/a", limit: version, actual: 1 },
      });
      expect(world.do(session, del("/a", version)).code).toBe("BAD_VERSION");
    }
    expect(world.do(session, setAcl("/a", undefined, 1)).code).toBe("BAD_VERSION");
    expect(world.do(session, setAcl("/a", undefined, 0)).code).toBe("OK");
    expect(world.do(session, del("/a", 1)).code).toBe("OK");
    expect(stat(world.do(session, create("/a"))).version).toBe(0);
  });

  test("cversion counts creations and deletions of children; the Stats of a new tree are ZooKeeper's", () => {
    const world = new World();
    const session = world.open();
    const cversionOf = (path: string): number => stat(world.do(session, set(path))).cversion;
    expect([cversionOf("/"), cversionOf("/zookeeper")]).toEqual([-1, -2]);
    world.do(session, create("/a"));
    for (const name of ["x", "y", "z"]) world.do(session, create(`/a/${name}`));
    world.do(session, del("/a/x"));
    expect(cversionOf("/a")).toBe(4);
    expect(world.do(session, create("/a/s-", 2)).result[0]).toBe("/a/s-0000000003");
  });
});

describe("sequence numbers", () => {
  const at = (creates: number): { world: World; session: number } => {
    const world = new World();
    const session = world.open();
    world.do(session, create("/q"));
    const { tree } = world.state;
    tree.rows.setReal(tree.find("/q"), Real.creates, creates);
    return { world, session };
  };

  test("come from the parent's count of creations, of any kind and prefix, and are not given out twice", () => {
    const { world, session } = at(0);
    const made = (path: string, mode: number): unknown => world.do(session, create(path, mode)).result[0];
    expect([made("/q/a-", 2), made("/q/x", 0), made("/q/b-", 3), made("/q/", 2)]).toEqual([
      "/q/a-0000000000",
      "/q/x",
      "/q/b-0000000002",
      "/q/0000000003",
    ]);
    world.do(session, del("/q/0000000003"));
    expect(made("/q/", 2)).toBe("/q/0000000004");
    expect(world.do(session, create("/q//", 2)).code).toBe("NO_NODE");
    expect(made("/q/", 2)).toBe("/q/0000000005");
    world.do(session, create("/q/0000000007"));
    expect(world.do(session, create("/q/", 2)).code).toBe("NODE_EXISTS");
  });

  test("advance within a multi, and go back with it when it is refused", () => {
    const { world, session } = at(5);
    expect(world.do(session, multi(create("/q/", 2), create("/q/", 2), del("/none"))).code).toBe("NO_NODE");
    const answer = world.do(session, multi(create("/q/", 2), create("/q/", 2)));
    expect((answer.result[0] as [string][]).map(([path]) => path)).toEqual(["/q/0000000005", "/q/0000000006"]);
  });

  test("end with 2147483647: then sequential children are refused, others are not", () => {
    const { world, session } = at(SEQUENCE_MAX);
    expect(world.do(session, create("/q/s-", 2)).result[0]).toBe("/q/s-2147483647");
    expect(world.do(session, create("/q/s-", 2))).toMatchObject({
      code: "SEQUENCE_EXHAUSTED",
      detail: { path: "/q", name: "sequence", limit: SEQUENCE_MAX, actual: SEQUENCE_MAX + 1 },
    });
    expect(world.do(session, create("/q/plain")).code).toBe("OK");
    expect(world.do(session, create("/q/s-", 6, { ttlMs: 1 })).code).toBe("SEQUENCE_EXHAUSTED");
  });
});

describe("containers and TTL znodes", () => {
  const live = (): { world: World; session: number } => {
    const world = new World();
    return { world, session: world.open() };
  };

  test("a container goes when its last child has gone, or after five minutes unused", () => {
    const { world, session } = live();
    world.do(session, create("/used", 4));
    world.do(session, create("/new", 4));
    world.do(session, create("/used/child"));
    expect(world.reap()).toEqual([]);
    world.do(session, del("/used/child"));
    expect(world.reap()).toEqual(["/used"]);
    expect(world.state.tree.find("/used")).toBe(-1);
    world.timeMs += 299_999;
    expect(world.reap()).toEqual([]);
    world.timeMs += 1;
    expect(world.reap()).toEqual(["/new"]);
  });

  test("a TTL znode goes when its time has passed since its last set and it has no children", () => {
    const { world, session } = live();
    world.do(session, create("/t", 5, { ttlMs: 100 }));
    world.timeMs += 100;
    expect(world.reap()).toEqual([]);
    world.do(session, set("/t"));
    world.timeMs += 100;
    world.do(session, create("/t/child"));
    world.timeMs += 1;
    expect(world.reap()).toEqual([]);
    world.do(session, del("/t/child"));
    expect(world.reap()).toEqual(["/t"]);
  });

  test("whoever proposed to reap saw an older state: kind, life, emptiness and time are looked at again", () => {
    const { world, session } = live();
    world.do(session, create("/c", 4));
    const { czxid } = stat(world.do(session, set("/c")));
    const reap = (path: string, of: number) => world.txn({ kind: 5, path, czxid: of }).changes.length;
    expect([reap("/c", czxid), reap("/none", czxid), reap("/zookeeper/quota", 0)]).toEqual([0, 0, 0]);
    world.do(session, create("/c/child"));
    world.timeMs += 1e9;
    expect(reap("/c", czxid)).toBe(0);
    world.do(session, del("/c/child"));
    world.do(session, del("/c"));
    world.do(session, create("/c", 4));
    world.timeMs += 1e9;
    expect(reap("/c", czxid)).toBe(0);
    expect(reap("/c", stat(world.do(session, set("/c"))).czxid)).toBe(1);
  });
});

test("names are found code unit by code unit: long ones, wide ones, and those whose bytes would look alike", () => {
  const world = new World(new State());
  const session = world.open();
  world.options({ pathBytes: 200_000 });
  const names = ["a", "A", "é", "e\u0301", "\u0161", "漢字", "x".repeat(40_000), "é".repeat(40_000), "ab", "a b"];
  for (const name of names) expect(world.do(session, create(`/${name}`)).code, name.slice(0, 10)).toBe("OK");
  const { tree } = world.state;
  for (const name of names) expect(tree.name(tree.find(`/${name}`)) === name, name.slice(0, 10)).toBe(true);
  expect(["/b", "/é/", "//", "", "/a/", "a"].map((path) => tree.find(path))).toEqual(new Array(6).fill(-1));
});
