import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SnapshotCut, type State, TxnKind, digestOf } from "../src/index.ts";
import { randomFrom } from "./random.ts";
import { Life, steps } from "./steps.ts";
import {
  World,
  applyEntry,
  create,
  del,
  multi,
  piecesOf,
  printHistory,
  printTree,
  replay,
  restore,
  set,
  setAcl,
} from "./world.ts";

const whole = (pieces: readonly Uint8Array[]): Uint8Array => Uint8Array.from(pieces.flatMap((piece) => [...piece]));

/** A world of many znodes, in which anything may change: slots are freed and used again, sessions come and go. */
class Crowd {
  readonly world: World;
  readonly random: (below: number) => number;
  readonly sessions: number[] = [];

  constructor(seed: number, znodes: number, world: World = new World()) {
    this.world = world;
    this.random = randomFrom(seed);
    for (let i = 0; i < 20; i++) this.sessions.push(world.open());
    for (let i = 0; i < 40; i++) world.do(this.sessions[0]!, create(`/p${i}`, i % 5 === 0 ? 4 : 0));
    for (let made = 0; made < znodes; made += 100) {
      const ops = Array.from({ length: 100 }, (_, i) =>
        create(`/p${(made + i) % 40}/n${made + i}`, 0, { data: new Uint8Array(this.random(40)) }),
      );
      world.do(this.sessions[0]!, multi(...ops));
    }
  }

  change(): void {
    const { world, random, sessions } = this;
    const session = sessions[random(sessions.length)]!;
    const path = `/p${random(40)}/n${random(3000)}`;
    switch (random(12)) {
      case 0:
      case 1:
      case 2:
        return void world.do(session, create(path, random(3) === 0 ? 1 : 0, { data: new Uint8Array(random(100)) }));
      case 3:
      case 4:
        return void world.do(session, del(path));
      case 5:
        return void world.do(session, set(path, new Uint8Array(random(50))));
      case 6:
        return void world.do(session, setAcl(path, [{ permissions: 31 - random(2), scheme: "world", id: "anyone" }]));
      case 7:
        return void world.do(session, create(`/p${random(40)}/s-`, 2));
      case 8:
        return void world.do(session, multi(del(`/p${random(40)}/n${random(3000)}`), create(path), del("/none")));
      case 9: {
        const at = random(sessions.length);
        world.expire(sessions[at]!);
        sessions[at] = world.open();
        return;
      }
      case 10:
        if (random(10) > 0) return;
        return void world.do(session, { op: 205, path: `/p${1 + random(39)}`, nodesMax: 100 });
      default:
        return void world.do(session, create(`/p${random(40)}`, random(2) * 4));
    }
  }
}

describe("a snapshot", () => {
  test.each([1, 2, 3, 4])("is exact at its cut, whatever changes while it is written (seed %i)", (seed) => {
    const crowd = new Crowd(seed, 2500);
    const { world } = crowd;
    for (let i = 0; i < 300; i++) crowd.change();
    const atCut = replay(world.log);
    const cutAt = world.log.length;
    const pieces = piecesOf(world.state, () => {
      for (let i = 0; i < 150; i++) crowd.change();
    });
    expect(pieces.length).toBeGreaterThan(8);
    const restored = restore(pieces);
    expect(digestOf(restored)).toBe(digestOf(atCut));
    expect(printTree(restored)).toEqual(printTree(atCut));
    expect(printHistory(restored)).toEqual(printHistory(atCut));
    expect([restored.zxid, restored.timeMs, restored.options]).toEqual([atCut.zxid, atCut.timeMs, atCut.options]);
    // And it goes on like the original.
    replay(world.log.slice(cutAt), restored);
    expect(digestOf(restored)).toBe(digestOf(world.state));
    expect(printTree(restored)).toEqual(printTree(world.state));
    expect(world.state.tree.count).toBeGreaterThan(1000);
  });

  test("of any state restores to the same state, which goes on alike", () => {
    fc.assert(
      fc.property(steps(60), steps(25), (sequence, later) => {
        const life = new Life();
        for (const step of sequence) life.live(step);
        const { world } = life;
        const restored = restore(piecesOf(world.state));
        expect(digestOf(restored)).toBe(digestOf(world.state));
        expect(printTree(restored)).toEqual(printTree(world.state));
        expect(printHistory(restored)).toEqual(printHistory(world.state));
        const mark = world.log.length;
        for (const step of later) life.live(step);
        replay(world.log.slice(mark), restored);
        expect(digestOf(restored)).toBe(digestOf(world.state));
        expect(printTree(restored)).toEqual(printTree(world.state));
        expect(printHistory(restored)).toEqual(printHistory(world.state));
        expect(restored.history.since).toBe(world.state.history.since);
      }),
      { numRuns: 50 },
    );
  });

  test("of a tree that was much larger once is read back: stretches without a znode are no matter", () => {
    const world = new World();
    const session = world.open();
    for (let batch = 0; batch < 5; batch++) {
      world.do(session, multi(...Array.from({ length: 500 }, (_, i) => create(`/n${batch * 500 + i}`))));
    }
    world.do(session, create("/last"));
    for (let batch = 0; batch < 5; batch++) {
      world.do(session, multi(...Array.from({ length: 500 }, (_, i) => del(`/n${batch * 500 + i}`))));
    }
    expect(printTree(restore(piecesOf(world.state)))).toEqual(printTree(world.state));
  });

  test("keeps names that begin with U+FEFF, short and long", () => {
    const world = new World();
    const session = world.open();
    for (const length of [0, 10, 62, 63, 100]) world.do(session, create(`/\ufeff${"x".repeat(length)}`));
    expect(printTree(restore(piecesOf(world.state)))).toEqual(printTree(world.state));
  });

  test("knows which containers may be reaped, whatever the order of their slots", () => {
    const world = new World();
    const session = world.open();
    world.do(session, create("/full", 4));
    world.do(session, create("/empty", 4));
    world.do(session, create("/ttl", 5, { ttlMs: 10 }));
    for (const parent of ["full", "empty", "ttl"]) world.do(session, create(`/${parent}/child`));
    world.do(session, del("/empty/child"));
    const restored = restore(piecesOf(world.state));
    const { reapable } = restored.tree;
    expect(reapable.due(Number.MAX_SAFE_INTEGER, 10).map((slot) => restored.tree.path(slot))).toEqual(["/empty"]);
  });

  test("is abandoned when more must be kept of the past than allowed, costs nothing any more, and the next one is exact", () => {
    const crowd = new Crowd(7, 2500);
    const cut = new SnapshotCut(crowd.world.state, 20_000);
    cut.next();
    for (let i = 0; i < 400 && !cut.isAbandoned; i++) crowd.change();
    expect(cut.isAbandoned).toBe(true);
    expect(cut.next()).toBeUndefined();
    for (let i = 0; i < 50; i++) crowd.change();
    expect(crowd.world.state.tree.journals).toEqual([]);
    expect(digestOf(restore(piecesOf(crowd.world.state)))).toBe(digestOf(replay(crowd.world.log)));
  });

  test("is one at a time, and may be given up", () => {
    const world = new World();
    const cut = new SnapshotCut(world.state, 1000);
    expect(() => new SnapshotCut(world.state, 1000)).toThrow("a snapshot is being written already");
    cut.end();
    expect(world.state.tree.journals).toEqual([]);
    new SnapshotCut(world.state, 1000).end();
  });
});

describe("a snapshot is read", () => {
  const small = (): { bytes: Uint8Array; state: State } => {
    const world = new World();
    const session = world.open([{ scheme: "digest", id: "a:b" }]);
    world.do(session, create("/a", 0, { data: new Uint8Array([1, 2, 3]) }));
    world.do(session, create("/a/é", 1));
    world.do(session, setAcl("/a", [{ permissions: 1, scheme: "world", id: "anyone" }]));
    world.txn({ kind: TxnKind.options, options: { ...world.state.options, multiOps: 7 } });
    return { bytes: whole(piecesOf(world.state)), state: world.state };
  };

  test("in pieces of any size", () => {
    const { bytes, state } = small();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1 }), (sizes) => {
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (let i = 0; at < bytes.length; i++) {
          const size = Math.max(sizes[i % sizes.length]!, i % 2);
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(digestOf(restore(chunks))).toBe(digestOf(state));
      }),
      { numRuns: 50 },
    );
  });

  test("only if every byte is as it was", () => {
    const { bytes } = small();
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect(() => restore([damaged]), `byte ${at}`).toThrow();
    }
  });

  test("only if it is whole", () => {
    const { bytes } = small();
    for (let length = bytes.length - 1; length > 0; length -= 7) {
      expect(() => restore([bytes.subarray(0, length)]), `${length} bytes`).toThrow("the snapshot ends early");
    }
    expect(() => restore([])).toThrow("the snapshot ends early");
    expect(() => restore([bytes, new Uint8Array(3)])).toThrow("the snapshot ends early");
    expect(() => restore([bytes, bytes])).toThrow("the snapshot goes on after its end");
  });

  test("only if no piece is missing, doubled or in another's place", () => {
    const pieces = piecesOf(new Crowd(8, 2000).world.state);
    for (let at = 0; at < pieces.length; at++) {
      expect(() => restore(pieces.toSpliced(at, 1)), `without piece ${at}`).toThrow();
      expect(() => restore(pieces.toSpliced(at, 0, pieces[at]!)), `piece ${at} twice`).toThrow();
    }
    expect(() => restore(pieces.toSpliced(2, 2, pieces[3]!, pieces[2]!))).toThrow("checksum");
  });
});

describe("the history in a snapshot", () => {
  const limits = { historyEntries: 4500, historyBytes: 8 * 1024 * 1024 };

  test("has no hole, even if it is forgotten faster than it is written", () => {
    const crowd = new Crowd(9, 3000, World.withHistory(limits));
    const { world } = crowd;
    for (let i = 0; i < 4000; i++) crowd.change();
    const everything = printHistory(replay(world.log), 0) as { zxid: number }[];
    const cut = new SnapshotCut(world.state, Number.MAX_SAFE_INTEGER);
    const pieces: Uint8Array[] = [];
    const znodePieces = Math.ceil(world.state.tree.rows.end / 96);
    let voids = 0;
    for (let piece = cut.next(); piece !== undefined; piece = cut.next()) {
      pieces.push(piece);
      const before = world.state.history.since;
      if (pieces.length > znodePieces) for (let i = 0; i < 1500; i++) crowd.change();
      if (world.state.history.since > before) voids++;
    }
    expect(voids).toBeGreaterThan(1);
    const restored = restore(pieces, limits);
    const { since } = restored.history;
    expect(since).toBeLessThanOrEqual(cut.zxid);
    expect(printHistory(restored)).toEqual(everything.filter(({ zxid }) => zxid > since && zxid <= cut.zxid));
  });

  test("reaches back as far as the original's", () => {
    const crowd = new Crowd(10, 500);
    const { state } = crowd.world;
    const restored = restore(piecesOf(state));
    expect([restored.history.since, restored.history.entries]).toEqual([state.history.since, state.history.entries]);
    const later = restore(piecesOf(restored));
    expect(printHistory(later)).toEqual(printHistory(state));
  });

  test("is shortened to the limits of whoever restores it", () => {
    const crowd = new Crowd(11, 3000);
    const { state } = crowd.world;
    const restored = restore(piecesOf(state), { ...limits, historyEntries: 1500 });
    expect(restored.history.entries).toBeLessThanOrEqual(1500);
    expect(restored.history.since).toBeGreaterThan(state.history.since);
    const { since } = restored.history;
    expect(printHistory(restored)).toEqual(printHistory(state, since));
  });
});

test("entries after a restore are applied as before it", () => {
  const world = new World();
  const session = world.open();
  world.do(session, create("/a"));
  const restored = restore(piecesOf(world.state));
  const mark = world.log.length;
  const answers = [world.do(session, create("/a/b")), world.do(session, set("/a")), world.do(session, del("/none"))];
  world.swap(restored);
  const again = world.log.slice(mark).map((entry) => applyEntry(world.applier, entry).reply.written().slice());
  expect(again).toEqual(answers.map(({ bytes }) => bytes));
});
