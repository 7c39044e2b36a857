import { type MultiOp, Op, Writer } from "@corral/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { State } from "../src/index.ts";
import { SnapshotCut, Walk, digestOf } from "../src/index.ts";
import { Context } from "../src/context.ts";
import { applyOp } from "../src/transitions/multi.ts";
import { BOB, Life, steps } from "./steps.ts";
import { World, create, del, multi, printHistory, printTree, set, text } from "./world.ts";

/** The random operations of a multi, from steps of any kind. */
function opsOf(sequence: readonly { kind: string }[]): MultiOp[] {
  return sequence.flatMap((step) => {
    if (step.kind !== "write") return [];
    const { body } = step as unknown as { body: { op: number; ops?: MultiOp[] } };
    if (body.ops !== undefined) return body.ops;
    return [Op.create, Op.delete, Op.set, Op.setAcl].some((op) => op === body.op) ? [body as unknown as MultiOp] : [];
  });
}

/** Runs the operations, those that are refused left out, and takes all of it back. */
function runInVain(state: State, session: number, ops: readonly MultiOp[]): void {
  const cx = new Context(state);
  cx.reset({ zxid: 2 ** 40, timeMs: 2_000_000_000_000 }, session, [BOB]);
  const refused = cx.atomically(
    () => true,
    () => {
      for (const op of ops) {
        const isNested = op.op === Op.create && op.flags === 1;
        if (!isNested) applyOp(cx, op, new Writer());
      }
      return "refused";
    },
  );
  expect(refused).toBe("refused");
  expect(cx.changes).toEqual([]);
}

describe("a transition that is refused half-way", () => {
  test("leaves tree, digest, slab, history and quotas as they were, whatever it had done", () => {
    fc.assert(
      fc.property(steps(50), steps(30), (sequence, inVain) => {
        const life = new Life();
        for (const step of sequence) life.live(step);
        const { state } = life.world;
        const before = [digestOf(state), printTree(state), printHistory(state), state.tree.slab.liveBytes];
        runInVain(state, life.sessions[1]!, opsOf(inVain));
        expect([digestOf(state), printTree(state), printHistory(state), state.tree.slab.liveBytes]).toEqual(before);
        // Hidden state too: what comes next is as if it had never been.
        const other = new Life();
        for (const step of sequence) other.live(step);
        for (const step of inVain) expect(life.live(step)).toEqual(other.live(step));
        expect(printTree(state)).toEqual(printTree(other.world.state));
      }),
      { numRuns: 80 },
    );
  });

  test("leaves every walk at its place", () => {
    fc.assert(
      fc.property(steps(40), steps(30), fc.nat(12), (sequence, inVain, met) => {
        const life = new Life();
        for (const step of sequence) life.live(step);
        const { tree } = life.world.state;
        const walks = [new Walk(tree, 0, 100), new Walk(tree, 0, 100)] as const;
        for (let i = 0; i < met; i++) expect(walks[0].step(tree)).toBe(walks[1].step(tree));
        tree.walks.delete(walks[1]);
        runInVain(life.world.state, life.sessions[1]!, opsOf(inVain));
        for (let slot = 0; slot !== -1;) {
          slot = walks[1].step(tree);
          expect(walks[0].step(tree)).toBe(slot);
        }
      }),
      { numRuns: 80 },
    );
  });

  test("is undone wholly also when a snapshot under way is abandoned in the midst of it", () => {
    const world = new World();
    const session = world.open();
    for (let i = 0; i < 20; i++) world.do(session, create(`/n${i}`, 0, { data: new Uint8Array(500) }));
    const cut = new SnapshotCut(world.state, 2000);
    const before = { ...printTree(world.state), liveBytes: 0 };
    const ops = Array.from({ length: 20 }, (_, i) => set(`/n${i}`, text("new")));
    expect(world.do(session, multi(...ops, del("/none"))).code).toBe("NO_NODE");
    expect(cut.isAbandoned).toBe(true);
    expect({ ...printTree(world.state), liveBytes: 0 }).toEqual(before);
    cut.end();
  });

  test("takes back a create with parents within a multi once, not twice", () => {
    const world = new World();
    const session = world.open();
    world.options({ valueBytes: 10 });
    const before = { ...printTree(world.state), liveBytes: 0 };
    const answer = world.do(session, multi(create("/x"), create("/a/b/c", 0, { flags: 1, data: new Uint8Array(11) })));
    expect([answer.code, answer.detail.index, answer.changes]).toEqual(["LIMIT_EXCEEDED", 1, []]);
    expect({ ...printTree(world.state), liveBytes: 0 }).toEqual(before);
    expect(world.do(session, multi(create("/x"), create("/a/b/c", 0, { flags: 1 }))).code).toBe("OK");
  });

  test("a create with parents that is refused alone, or in a multiEach, leaves no parent behind", () => {
    const world = new World();
    const session = world.open();
    world.options({ valueBytes: 10 });
    const tooLarge = create("/a/b/c", 0, { flags: 1, data: new Uint8Array(11) });
    expect(world.do(session, tooLarge)).toMatchObject({ code: "LIMIT_EXCEEDED", changes: [] });
    const each = world.do(session, { ...multi(create("/x"), tooLarge, create("/y")), op: Op.multiEach } as never);
    expect(each.changes.map(({ path }) => path)).toEqual(["/x", "/y"]);
    expect(world.state.tree.find("/a")).toBe(-1);
  });

  test("keeps one image of a znode, however often it changes: a multi of creations under a large znode is cheap", () => {
    const world = new World();
    const session = world.open();
    world.do(session, create("/large", 0, { data: new Uint8Array(1024 * 1024) }));
    let images = 0;
    const { tree } = world.state;
    const image = tree.image.bind(tree);
    tree.image = (slot) => {
      images++;
      return image(slot);
    };
    const ops = Array.from({ length: 1000 }, (_, i) => create(`/large/${i}`));
    expect(world.do(session, multi(...ops, del("/none"))).code).toBe("NO_NODE");
    expect(images).toBe(1);
    expect(tree.numChildren(tree.find("/large"))).toBe(0);
  });
});
