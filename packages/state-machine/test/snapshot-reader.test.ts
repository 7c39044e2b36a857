/** The reader of snapshots against the writer: whatever is written is read back, and what is cut short throws. */
import { type Value, Writer } from "@corral/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SnapshotReader } from "../src/snapshot-reader.ts";

const EDGES = [0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER];
const integer = fc.oneof(
  fc.constantFrom(...EDGES, ...EDGES.map((edge) => -edge), -0x20, -0x21, -0x81, -0x8001, -0x8000_0001),
  fc.maxSafeInteger(),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("\ufeffx", "x".repeat(40), "é".repeat(200)),
);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(300).fill(7)));
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    integer,
    text,
    bytes,
    fc.constant(null),
    fc.oneof(fc.array(tie("value"), { maxLength: 20 }), fc.array(integer, { minLength: 16, maxLength: 40 })),
  ),
}));

function write(w: Writer, one: Value): void {
  if (one === null || one instanceof Uint8Array) return w.bin(one);
  if (typeof one === "number") return w.int(one);
  if (typeof one === "string") return w.str(one);
  const items = one as readonly Value[];
  w.array(items.length);
  for (const item of items) write(w, item);
}

test("what the writer wrote is read back, and nothing beyond it", () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 5 }), (values) => {
      const w = new Writer();
      for (const one of values) write(w, one);
      const reader = new SnapshotReader();
      // Somewhere within a larger array, as a piece is.
      const around = new Uint8Array(w.length + 7).fill(1);
      around.set(w.written(), 3);
      reader.begin(around.subarray(3, 3 + w.length));
      for (const one of values) {
        expect(reader.hasMore).toBe(true);
        expect(reader.value()).toEqual(one);
      }
      expect(reader.hasMore).toBe(false);
    }),
  );
});

test("the longest forms are read too", () => {
  const w = new Writer();
  const long: Value = ["é".repeat(40_000), new Uint8Array(70_000).fill(7), Array.from({ length: 70_000 }, () => 1)];
  write(w, long);
  const reader = new SnapshotReader();
  reader.begin(w.written());
  const read = reader.value() as readonly Value[];
  expect(read[0] === long[0]).toBe(true);
  expect(Buffer.compare(read[1] as Uint8Array, long[1] as Uint8Array)).toBe(0);
  expect((read[2] as readonly number[]).length).toBe(70_000);
  expect(reader.hasMore).toBe(false);
});

test("what is cut short throws, wherever that is", () => {
  const w = new Writer();
  const whole: Value = [1, -300, 2 ** 40, "name", "é", new Uint8Array(300), null, [1, 2, "x".repeat(40)]];
  write(w, whole);
  const bytesOfIt = w.copy();
  const reader = new SnapshotReader();
  for (let end = 0; end < bytesOfIt.length; end++) {
    reader.begin(bytesOfIt.subarray(0, end));
    expect(() => reader.value()).toThrow("ends early");
  }
});

test("a type that is not the one that was wanted throws", () => {
  const reader = new SnapshotReader();
  const read = (tag: number, how: (r: SnapshotReader) => unknown): unknown => {
    reader.begin(new Uint8Array([tag, 0, 0, 0, 0]));
    return how(reader);
  };
  expect(() => read(0xc0, (r) => r.int())).toThrow("0xc0 in place of an integer");
  expect(() => read(0x01, (r) => r.bin())).toThrow("0x1 in place of binary data");
  expect(() => read(0xc4, (r) => r.str())).toThrow("0xc4 in place of a string");
  expect(() => read(0xa0, (r) => r.array())).toThrow("0xa0 in place of an array");
  expect(() => read(0xc1, (r) => r.value())).toThrow("0xc1 in place of an integer");
});
