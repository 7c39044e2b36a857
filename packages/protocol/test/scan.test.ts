import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { Unpackr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { DEPTH_MAX, ELEMENTS_MAX, ProtocolError, type Value, decodeFrame } from "../src/index.ts";
import { MESSAGES, written } from "./messages.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const fault = (bytes: Uint8Array, elementsMax?: number): string | undefined => {
  try {
    decodeFrame(bytes, elementsMax);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as Error).message;
  }
};

describe("a frame is refused whole", () => {
  test.each<readonly [string, string, string]>([
    ["an empty frame", "", "an empty frame"],
    ["float32", "ca 3f800000", "a type that is not allowed, 0xca, at offset 0"],
    ["the byte that has no type", "c1", "a type that is not allowed, 0xc1, at offset 0"],
    ["a small map", "80", "a type that is not allowed, 0x80, at offset 0"],
    ["a small map with an entry", "81 01 01", "a type that is not allowed, 0x81, at offset 0"],
    ["map 16", "de 0000", "a type that is not allowed, 0xde, at offset 0"],
    ["map 32", "df 00000000", "a type that is not allowed, 0xdf, at offset 0"],
    ...[
      "d4 0100",
      "d5 010000",
      "d6 01 00000000",
      "d7 ff 0000000000000000",
      `d8 01 ${"00".repeat(16)}`,
      "c7 00 01",
      "c8 0000 01",
      "c9 00000000 01",
    ].map(
      (bytes) =>
        [
          `extension ${bytes.slice(0, 2)}`,
          bytes,
          `a type that is not allowed, 0x${bytes.slice(0, 2)}, at offset 0`,
        ] as const,
    ),
    ["an extension behind other values", "92 01 d4 72 00", "a type that is not allowed, 0xd4, at offset 2"],
    ["nothing where an element should be", "92 01", "an array of 2 elements with 1 bytes left, at offset 1"],
    ["an array 16 without its elements", "dc 0003 01 02", "an array of 3 elements with 2 bytes left, at offset 3"],
    ["text that ends early", "a3 6162", "a length of 3 with 2 bytes left, at offset 1"],
    ["text of 4 GiB", "db ffffffff 61", "a length of 4294967295 with 1 bytes left, at offset 5"],
    ["binary of 4 GiB", "c6 ffffffff 61", "a length of 4294967295 with 1 bytes left, at offset 5"],
    ["nine arrays deep", `${"91".repeat(9)}00`, "arrays nested deeper than 8, at offset 9"],
    ["a fraction", "cb 3ff8000000000000", "a number that is not a safe integer, at offset 0"],
    ["NaN", "cb 7ff8000000000000", "a number that is not a safe integer, at offset 0"],
    ["infinity", "cb 7ff0000000000000", "a number that is not a safe integer, at offset 0"],
    ["2^53 as float64", "cb 4340000000000000", "a number that is not a safe integer, at offset 0"],
    ["2^53 as uint64", "cf 0020000000000000", "a number that is not a safe integer, at offset 0"],
    ["2^53 + 1 as uint64", "cf 0020000000000001", "a number that is not a safe integer, at offset 0"],
    ["the greatest uint64", "cf ffffffffffffffff", "a number that is not a safe integer, at offset 0"],
    ["-2^53 as int64", "d3 ffe0000000000000", "a number that is not a safe integer, at offset 0"],
    ["-2^53 - 1 as int64", "d3 ffdfffffffffffff", "a number that is not a safe integer, at offset 0"],
    ["the least int64", "d3 8000000000000000", "a number that is not a safe integer, at offset 0"],
  ])("%s", (_, bytes, message) => {
    expect(fault(hex(bytes))).toBe(`the frame has ${message}`);
  });

  test.each([
    ["a continuation byte alone", "80"],
    ["a lead byte alone", "c3"],
    ["a lead byte before ASCII", "c361"],
    ["an overlong slash of two bytes", "c0af"],
    ["an overlong character of two bytes", "c1bf"],
    ["an overlong slash of three bytes", "e080af"],
    ["an overlong slash of four bytes", "f08080af"],
    ["a high surrogate", "eda080"],
    ["a low surrogate", "edbfbf"],
    ["a character above U+10FFFF", "f4908080"],
    ["a lead byte beyond the range", "f5808080"],
    ["the byte fe", "fe"],
    ["three bytes cut to two", "e282"],
    ["four bytes cut to three", "f09f98"],
    ["a bad third byte", "e28241"],
    ["a bad fourth byte", "f09f9841"],
  ])("text with %s", (_, utf8) => {
    const text = hex(utf8);
    const frame = Uint8Array.from([0x92, 0xa0 | (text.length + 2), 0x61, 0x62, ...text, 0x01]);
    expect(fault(frame)).toBe("the frame has invalid UTF-8 at offset 4");
    expect(() => new TextDecoder("utf-8", { fatal: true }).decode(text)).toThrow();
  });

  test("every prefix of a valid value, for every message", () => {
    for (const { name, write } of MESSAGES) {
      const bytes = written(write);
      expect(fault(bytes), name).toBeUndefined();
      for (let length = 0; length < bytes.length; length++) {
        expect(fault(bytes.subarray(0, length)), `${name} cut to ${length}`).toBeDefined();
      }
    }
  });

  test("with more elements than allowed, arrays counted beside their elements", () => {
    const frame = (elements: number): Uint8Array => {
      const bytes = new Uint8Array(3 + elements - 1);
      bytes.set([0xdc, (elements - 1) >> 8, (elements - 1) & 255]);
      return bytes;
    };
    expect(fault(frame(ELEMENTS_MAX))).toBeUndefined();
    expect(fault(Uint8Array.from([...frame(ELEMENTS_MAX), 0]))).toBe(
      `the frame has more than ${ELEMENTS_MAX} elements`,
    );
    expect(fault(hex("93010203"), 4)).toBeUndefined();
    expect(fault(hex("93010203"), 3)).toBe("the frame has more than 3 elements");
  });
});

describe("a length that promises more than there is costs nothing", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  test.each([
    ["five bytes that announce 2^32 - 1 elements", "dd ffffffff"],
    ["twenty bytes of arrays within arrays", "dd ffffffff dd ffffffff dd ffffffff dd ffffffff"],
    ["arrays that announce 65,535 elements, eight deep", "dc ffff ".repeat(8)],
  ])("%s", (_, text) => {
    const bytes = hex(text);
    gc();
    const before = process.memoryUsage();
    for (let i = 0; i < 1000; i++) expect(() => decodeFrame(bytes)).toThrow(ProtocolError);
    const after = process.memoryUsage();
    // A thousand of them: the promise of one alone would be 32 GiB, or 4 MiB for the last.
    expect(after.heapTotal - before.heapTotal + after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 2 ** 20);
  });
});

describe("a frame is accepted", () => {
  test.each<[string, string, Value]>([
    ["uint8 in a longer form than needed", "cc 05", 5],
    ["uint16", "cd ffff", 65_535],
    ["uint32", "ce ffffffff", 2 ** 32 - 1],
    ["uint64", "cf 0000000100000007", 2 ** 32 + 7],
    ["the greatest safe integer as uint64", "cf 001fffffffffffff", 2 ** 53 - 1],
    ["the greatest safe integer as float64", "cb 433fffffffffffff", 2 ** 53 - 1],
    ["int8", "d0 80", -128],
    ["int16", "d1 8000", -32_768],
    ["int32", "d2 80000000", -(2 ** 31)],
    ["int64", "d3 fffffffeffffffff", -(2 ** 32) - 1],
    ["the least safe integer as int64", "d3 ffe0000000000001", -(2 ** 53) + 1],
    ["the least safe integer as float64", "cb c33fffffffffffff", -(2 ** 53) + 1],
    ["an integer as float64", "cb 4014000000000000", 5],
    ["a negative fixint", "ff", -1],
    ["text in a longer form than needed", "db 00000001 61", "a"],
    ["binary of no bytes", "c4 00", new Uint8Array(0)],
    ["eight arrays deep", `${"91".repeat(DEPTH_MAX)}00`, [[[[[[[[0]]]]]]]]],
    ["empty arrays", "93 90 dc0000 dd00000000", [[], [], []]],
    [
      "the first and last characters of each UTF-8 length",
      "b3 7f c280 dfbf e0a080 ed9fbf ee8080 f48fbfbf 61",
      "\x7f\u0080\u07ff\u0800\ud7ff\ue000\u{10ffff}a",
    ],
  ])("with %s", (_, bytes, value) => {
    expect(decodeFrame(hex(bytes)).values).toEqual([value]);
  });

  test("with every small integer, also those that are record numbers elsewhere", () => {
    const bytes = Uint8Array.from({ length: 128 }, (_, i) => i);
    expect(decodeFrame(bytes).values).toEqual(Array.from(bytes));
  });

  test("with text of any length that begins with U+FEFF, and gives every character of it", () => {
    for (let length = 0; length < 140; length++) {
      const texts = [`\ufeff${"x".repeat(length)}`, `\ufeff\ufeff${"é".repeat(length)}`, `${"x".repeat(length)}\ufeff`];
      const bytes = written((w) => {
        w.array(4);
        w.bin(new Uint8Array(3));
        for (const text of texts) w.str(text);
      });
      const frame = Uint8Array.from([7, ...bytes, ...bytes]);
      const list = [new Uint8Array(3), ...texts];
      expect(decodeFrame(frame).values).toEqual([7, list, list]);
    }
  });

  test("as a part of a larger buffer, with offsets from its own beginning", () => {
    const whole = hex("ff ff 01 a161 9101 ff");
    expect(decodeFrame(whole.subarray(2, 7))).toEqual({ values: [1, "a", [1]], ends: [1, 3, 5] });
  });
});

describe("whatever bytes come", () => {
  const reference = new Unpackr({ useRecords: false, int64AsType: "number" });
  const isAllowed = (value: unknown): boolean =>
    value === null ||
    typeof value === "boolean" ||
    typeof value === "string" ||
    Number.isSafeInteger(value) ||
    value instanceof Uint8Array ||
    (Array.isArray(value) && value.every(isAllowed));
  const judge = (bytes: Uint8Array): void => {
    const message = fault(bytes);
    if (message !== undefined) return;
    const { values, ends } = decodeFrame(bytes);
    expect(values.every(isAllowed)).toBe(true);
    expect(ends.at(-1)).toBe(bytes.length);
    const fromMarks = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll("\ufeff", ""));
    expect(fromMarks(values)).toEqual(fromMarks(reference.unpackMultiple(bytes)));
  };

  test("nothing but ProtocolError is thrown, and nothing but the protocol's types comes out", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 0, maxLength: 40 }), judge), { numRuns: 20_000 });
  });

  test("the same for messages with a few bytes changed", () => {
    const valid = MESSAGES.map(({ write }) => written(write));
    const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...valid), damage, (bytes, changes) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        judge(damaged);
      }),
      { numRuns: 20_000 },
    );
  });

  test("the same for frames of tags alone", () => {
    const tags = fc.constantFrom(
      0x90,
      0x91,
      0x92,
      0xdc,
      0xdd,
      0xc0,
      0xc4,
      0xd9,
      0xa1,
      0xcb,
      0xcf,
      0xd3,
      0xc7,
      0xd4,
      0x81,
      0x00,
      0xff,
      0xc1,
      0x72,
    );
    fc.assert(
      fc.property(fc.array(tags, { minLength: 1, maxLength: 24 }), (bytes) => judge(Uint8Array.from(bytes))),
      { numRuns: 20_000 },
    );
  });
});
