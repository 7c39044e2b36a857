import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DueIndex } from "../src/index.ts";
import { AclTable } from "../src/tree/acl-table.ts";
import { PathIndex, childHash, hashOn, HASH_START } from "../src/tree/path-index.ts";
import { Slab } from "../src/tree/slab.ts";
import { randomFrom } from "./random.ts";

describe("the slab", () => {
  test.each([1, 2, 3])("gives back what was stored, whatever else is stored and freed (seed %i)", (seed) => {
    const random = randomFrom(seed);
    const slab = new Slab();
    const kept: { address: number; bytes: Uint8Array }[] = [];
    const sizes = [
      () => random(40),
      () => random(600),
      () => random(40_000),
      () => 32_760 + random(20),
      () => 100_000 + random(9),
    ];
    let live = 0;
    for (let i = 0; i < 6000; i++) {
      if (kept.length > 0 && random(100) < (i % 2000 < 1000 ? 30 : 65)) {
        const [{ address, bytes }] = kept.splice(random(kept.length), 1) as [(typeof kept)[number]];
        expect(Buffer.compare(slab.read(address, bytes.length), bytes)).toBe(0);
        slab.free(address, bytes.length);
        live -= bytes.length;
      } else {
        const size = sizes[random(20) === 0 ? 2 + random(3) : random(2)]!();
        const source = new Uint8Array(size + 2).fill(random(256));
        const address = slab.store(source, 1, size);
        kept.push({ address, bytes: source.slice(1, 1 + size) });
        live += size;
        expect(address).toBeLessThan(2 ** 32);
      }
      expect(slab.liveBytes).toBe(live);
    }
    expect(new Set(kept.map(({ address }) => address)).size).toBe(kept.length);
    for (const { address, bytes } of kept) expect(Buffer.compare(slab.read(address, bytes.length), bytes)).toBe(0);
  });

  test("uses every freed block again before it takes a new one", () => {
    const slab = new Slab();
    const store = (): number => slab.store(new Uint8Array(64), 0, 64);
    const freed = new Set(Array.from({ length: 40_000 }, store).filter((_, i) => i % 3 === 0));
    for (const address of freed) slab.free(address, 64);
    expect(new Set(Array.from({ length: freed.size }, store))).toEqual(freed);
    expect(freed.has(store())).toBe(false);
  });

  test("uses freed blocks again, also for other sizes once a segment is empty", () => {
    const slab = new Slab();
    const fill = (size: number, count: number): number[] =>
      Array.from({ length: count }, () => slab.store(new Uint8Array(size), 0, size));
    const segments = new Set<number>();
    for (const size of [100, 1000, 30_000, 500, 16]) {
      const addresses = fill(size, Math.floor((4 * 1024 * 1024) / size));
      for (const address of addresses) segments.add(address >>> 17);
      for (const address of addresses) slab.free(address, size);
    }
    // Four MiB at a time; one segment stays with each of the five size classes.
    expect(segments.size).toBeLessThanOrEqual(5 + 5 + 2);
    const large = fill(200_000, 3);
    for (const address of large) slab.free(address, 200_000);
    expect(new Set(fill(300_000, 3))).toEqual(new Set(large));
  });

  test("takes little for a little of everything, and no more segments than it needs for much", () => {
    const made: number[] = [];
    const Real = globalThis.ArrayBuffer;
    globalThis.ArrayBuffer = class extends Real {
      constructor(size: number) {
        super(size);
        made.push(size);
      }
    } as ArrayBufferConstructor;
    try {
      const slab = new Slab();
      const store = (size: number): number => slab.store(new Uint8Array(new Real(size)), 0, size);
      for (let size = 1; size <= 32_768; size *= 2) store(size);
      expect(made.reduce((sum, size) => sum + size, 0)).toBeLessThan(1024 * 1024);
      made.length = 0;
      for (let bytes = 0; bytes < 16 * 1024 * 1024; bytes += 1024) store(1024);
      expect(made).toEqual(Array.from({ length: 16 }, () => 1024 * 1024));
    } finally {
      globalThis.ArrayBuffer = Real;
    }
  });

  test("large strings take no segments: their number is bounded by memory alone", () => {
    const slab = new Slab();
    const small = slab.store(new Uint8Array(32_768), 0, 32_768);
    const large = Array.from({ length: 50 }, () => slab.store(new Uint8Array(32_769), 0, 32_769));
    expect(small).toBeLessThan(2 ** 31);
    expect(large.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => 2 ** 31 + i));
    expect(slab.store(new Uint8Array(32_768), 0, 32_768) >>> 17).toBe(small >>> 17);
  });
});

describe("the path index", () => {
  test("finds what a Map finds, also with equal hashes and after removals", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.nat(120)), { maxLength: 400 }),
        fc.constantFrom(1, 7, 1024, 1_000_003),
        (changes, factor) => {
          // Few different hashes: many slots share one, or fall into one shard.
          const hashOf = (slot: number): number => Math.imul(slot % 40, factor);
          const index = new PathIndex();
          const slots = new Set<number>();
          for (const [isAdd, slot] of changes) {
            if (isAdd && !slots.has(slot)) {
              slots.add(slot);
              index.add(slot, hashOf(slot));
            } else if (!isAdd && slots.delete(slot)) index.remove(slot, hashOf(slot));
          }
          for (let slot = 0; slot <= 120; slot++) {
            expect(index.find(hashOf(slot), (found) => found === slot)).toBe(slots.has(slot) ? slot : -1);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("grows to many slots", () => {
    const index = new PathIndex();
    const hashOf = (slot: number): number => Math.imul(slot, 2_654_435_761);
    for (let slot = 0; slot < 100_000; slot++) index.add(slot, hashOf(slot));
    for (let slot = 0; slot < 100_000; slot += 7)
      expect(index.find(hashOf(slot), (found) => found === slot)).toBe(slot);
    expect(index.find(12_345, () => true)).toBe(-1);
  });

  test("a child's hash continues its parent's", () => {
    const whole = (path: string): number => hashOn(HASH_START, path, 0, path.length);
    expect(childHash(HASH_START, "a")).toBe(whole("/a"));
    expect(childHash(childHash(HASH_START, "ä b"), "漢")).toBe(whole("/ä b/漢"));
  });
});

test("the index of due times agrees with a sorted list, whatever is put off, moved up or taken out", () => {
  const change = fc.tuple(fc.nat(30), fc.option(fc.nat(20), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const index = new DueIndex();
      const due = new Map<number, number>();
      for (const [number, at] of changes) {
        index.set(number, at);
        if (at === undefined) due.delete(number);
        else due.set(number, at);
        const sorted = [...due].sort(([a, dueA], [b, dueB]) => dueA - dueB || a - b);
        expect([index.size, index.nextDue()]).toEqual([due.size, sorted[0]?.[1]]);
        const now = 10;
        const isDue = sorted.filter(([, time]) => time <= now).map(([n]) => n);
        expect(index.due(now, 1000).sort((a, b) => a - b)).toEqual(isDue.sort((a, b) => a - b));
        const some = index.due(now, 3);
        expect(some).toHaveLength(Math.min(3, isDue.length));
        expect(some.every((n) => isDue.includes(n))).toBe(true);
        if (isDue.length > 0) expect(due.get(some[0]!)).toBe(sorted[0]![1]);
      }
    }),
    { numRuns: 150 },
  );
});

test("equal ACLs have one number, which is given away again with its last user", () => {
  const table = new AclTable();
  const acl = (permissions: number) => [{ permissions, scheme: "world", id: "anyone" }];
  const first = table.retain(acl(1));
  expect([table.retain(acl(1)), table.share(first)]).toEqual([first, first]);
  const second = table.retain(acl(2));
  expect(second).not.toBe(first);
  for (let i = 0; i < 3; i++) {
    expect(table.list(first)).toEqual(acl(1));
    table.release(first);
  }
  expect(table.retain(acl(3))).toBe(first);
  expect([table.list(first), table.list(second)]).toEqual([acl(3), acl(2)]);
  expect(table.retain(acl(1))).not.toBe(first);
});
