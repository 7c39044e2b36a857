import fc from "fast-check";
import { pack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { type Value, Writer, decodeFrame } from "../src/index.ts";
import * as random from "./arbitraries.ts";
import { decoded, written } from "./messages.ts";

function write(w: Writer, value: Value): void {
  if (value === null) w.nil();
  else if (typeof value === "boolean") w.bool(value);
  else if (typeof value === "number") w.int(value);
  else if (typeof value === "string") w.str(value);
  else if (value instanceof Uint8Array) w.bin(value);
  else {
    w.array(value.length);
    for (const item of value) write(w, item);
  }
}

describe("the writer", () => {
  test("emits the bytes that msgpackr emits, for every value of the protocol", () => {
    fc.assert(
      fc.property(random.value, (value) => {
        expect(Buffer.from(written((w) => write(w, value)))).toEqual(Buffer.from(pack(value)));
      }),
      { numRuns: 1500 },
    );
  });

  test("is read back as the same value", () => {
    fc.assert(
      fc.property(random.value, (value) => {
        expect(decoded(written((w) => write(w, value)))).toEqual(value);
      }),
      { numRuns: 1500 },
    );
  });

  test.each([0, 15, 16, 65_535, 65_536])("writes an array of %i elements in its shortest form", (length) => {
    const value = new Array<Value>(length).fill(null);
    expect(Buffer.from(written((w) => write(w, value)))).toEqual(Buffer.from(pack(value)));
  });

  test.each([31, 32, 255, 256, 65_535, 65_536])(
    "writes %i bytes of text and of binary in their shortest form",
    (length) => {
      for (const value of ["x".repeat(length), new Uint8Array(length)]) {
        expect(Buffer.from(written((w) => write(w, value)))).toEqual(Buffer.from(pack(value)));
      }
    },
  );

  test("replaces lone surrogates by U+FFFD", () => {
    expect(decoded(written((w) => w.str("a\ud800b\udc00\ud800")))).toBe("a\ufffdb\ufffd\ufffd");
  });

  test("writes a part of a larger array, as binary and as ASCII text", () => {
    const source = Uint8Array.from({ length: 400 }, (_, i) => 65 + (i % 26));
    for (const length of [0, 10, 31, 32, 48, 49, 255, 256, 390]) {
      const part = source.slice(5, 5 + length);
      expect(decoded(written((w) => w.binFrom(source, 5, length)))).toEqual(part);
      expect(decoded(written((w) => w.asciiStr(source, 5, length)))).toBe(Buffer.from(part).toString("latin1"));
    }
  });

  test("an array opened without its length reads like any other", () => {
    const bytes = written((w) => {
      const at = w.openArray();
      for (let i = 0; i < 300; i++) w.int(i);
      w.closeArray(at, 300);
    });
    expect(decoded(bytes)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  test("what was taken is not changed by what is written later", () => {
    const w = new Writer(8);
    w.str("first");
    const taken = w.take();
    const before = taken.slice();
    w.str("second");
    expect(taken).toEqual(before);
    expect(decoded(w.take())).toBe("second");
  });

  test("a copy leaves nothing behind, and truncate forgets the end", () => {
    const w = new Writer(8);
    w.int(1);
    const copy = w.copy();
    expect([w.length, decodeFrame(copy).values]).toEqual([0, [1]]);
    w.int(2);
    const mark = w.length;
    w.str("to be forgotten");
    w.truncate(mark);
    w.raw(copy);
    expect(Buffer.from(w.written(mark))).toEqual(Buffer.from(copy));
    expect(decodeFrame(w.written()).values).toEqual([2, 1]);
  });
});
