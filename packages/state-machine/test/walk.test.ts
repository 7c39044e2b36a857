import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Walk } from "../src/index.ts";
import { randomFrom } from "./random.ts";
import { World, create, del, multi } from "./world.ts";

const NIL = -1;

describe("a walk", () => {
  test.each([1, 2, 3, 4, 5])(
    "meets every znode that stays exactly once, whatever changes meanwhile (seed %i)",
    (seed) => {
      const random = randomFrom(seed);
      const world = new World();
      const session = world.open();
      const { tree } = world.state;
      const path = (): string => `/${Array.from({ length: 1 + random(4) }, () => "abcd"[random(4)]).join("/")}`;
      const change = (): void => {
        const at = path();
        if (random(3) > 0) world.do(session, create(at, 0, { flags: random(2) }));
        else if (random(3) === 0)
          world.do(
            session,
            multi({ op: 2, path: at, version: -1 }, { op: 2, path: path(), version: -1 }, del("/none")),
          );
        else if (random(2) === 0) world.do(session, { op: 205, path: at, nodesMax: 4 });
        else world.do(session, del(at));
      };
      for (let i = 0; i < 300; i++) change();
      for (let round = 0; round < 25; round++) {
        const stable = new Map<string, number>();
        const all = (visit: (path: string, czxid: number) => void): void => {
          const walk = new Walk(tree, 0, Number.POSITIVE_INFINITY);
          for (let slot = walk.step(tree); slot !== NIL; slot = walk.step(tree))
            visit(tree.path(slot), tree.czxid(slot));
          walk.end(tree);
        };
        all((at, czxid) => stable.set(at, czxid));
        expect(stable.size).toBe(tree.count);
        const met: string[] = [];
        const walk = new Walk(tree, 0, Number.POSITIVE_INFINITY);
        for (let slot = walk.step(tree); slot !== NIL; slot = walk.step(tree)) {
          met.push(`${tree.path(slot)} ${tree.czxid(slot)}`);
          for (let i = random(3); i > 0; i--) change();
          for (const [at, czxid] of stable) {
            const now = tree.find(at);
            if (now === NIL || tree.czxid(now) !== czxid) stable.delete(at);
          }
        }
        walk.end(tree);
        for (const [at, czxid] of stable)
          expect(
            met.filter((m) => m === `${at} ${czxid}`),
            at,
          ).toHaveLength(1);
        expect(new Set(met).size).toBe(met.length);
        expect(stable.size).toBeGreaterThan(4);
      }
      expect(tree.walks.size).toBe(0);
    },
  );

  test("goes as deep as it was told, parents before children, siblings in the order of their creation", () => {
    const world = new World();
    const session = world.open();
    for (const path of ["/b", "/a", "/b/y", "/b/x", "/b/y/1"]) world.do(session, create(path));
    const { tree } = world.state;
    const met = (path: string, depth: number): string[] => {
      const walk = new Walk(tree, tree.find(path), depth);
      const paths: string[] = [];
      for (let slot = walk.step(tree); slot !== NIL; slot = walk.step(tree)) paths.push(tree.path(slot));
      walk.end(tree);
      return paths;
    };
    expect(met("/b", 0)).toEqual(["/b"]);
    expect(met("/b", 1)).toEqual(["/b", "/b/y", "/b/x"]);
    expect(met("/b", 9)).toEqual(["/b", "/b/y", "/b/y/1", "/b/x"]);
    expect(met("/", 1)).toEqual(["/", "/zookeeper", "/b", "/a"]);
  });

  test("whose root goes before it begins is at its end", () => {
    const world = new World();
    const session = world.open();
    world.do(session, create("/a"));
    const { tree } = world.state;
    const walk = new Walk(tree, tree.find("/a"), 5);
    world.do(session, del("/a"));
    world.do(session, create("/a"));
    expect(walk.step(tree)).toBe(NIL);
  });
});

test("siblings stand in the order of their creation after any number of deletions", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(8)), { maxLength: 60 }), (changes) => {
      const world = new World();
      const session = world.open();
      world.do(session, create("/p"));
      const expected: string[] = [];
      for (const [isCreate, n] of changes) {
        const name = `n${n}`;
        const { code } = world.do(session, isCreate ? create(`/p/${name}`) : del(`/p/${name}`));
        if (code !== "OK") continue;
        if (isCreate) expected.push(name);
        else expected.splice(expected.indexOf(name), 1);
      }
      const { tree } = world.state;
      const parent = tree.find("/p");
      const names: string[] = [];
      let back: number = NIL;
      for (let slot = tree.firstChild(parent); slot !== NIL; slot = tree.next(slot)) {
        expect(tree.previous(slot)).toBe(back);
        if (back !== NIL) expect(tree.ordinal(slot)).toBeGreaterThan(tree.ordinal(back));
        names.push(tree.name(slot));
        back = slot;
      }
      expect(names).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});
