import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAt, encodeAt, json, msgpack, raw, text, type StandardSchema } from "../src/codec.ts";

const even: StandardSchema<number> = {
  "~standard": {
    validate: (value) =>
      typeof value === "number" && value % 2 === 0 ? { value } : { issues: [{ message: "not even" }] },
  },
};
const asyncSchema: StandardSchema<number> = { "~standard": { validate: () => Promise.resolve({ value: 1 }) } };

describe("codecs", () => {
  test("each gives back what was put in", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: "grapheme" }), fc.uint8Array(), (value, string, bytes) => {
        const asJson = JSON.parse(JSON.stringify(value)) as unknown;
        expect(json().decode(json().encode(value))).toEqual(asJson);
        if (!JSON.stringify(value).includes('"__proto__"'))
          expect(msgpack().decode(msgpack().encode(asJson))).toEqual(asJson);
        expect(text.decode(text.encode(string))).toBe(string);
        expect(raw.decode(raw.encode(bytes))).toEqual(bytes);
      }),
    );
  });

  test("a key __proto__ is data like any other: json keeps it, msgpack renames it, and neither makes it a prototype", () => {
    const value = JSON.parse('{"__proto__":{"a":1}}') as unknown;
    expect(JSON.stringify(json().decode(json().encode(value)))).toBe('{"__proto__":{"a":1}}');
    const decoded = msgpack().decode(msgpack().encode(value));
    expect(JSON.stringify(decoded)).toBe('{"__proto_":{"a":1}}');
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  });

  test("text that begins with U+FEFF keeps it", () => {
    for (const value of ["\uFEFFa", `\uFEFF${"long ".repeat(50)}`, `\uFEFF${"ä".repeat(50)}`]) {
      for (const codec of [text, json<string>()]) expect(codec.decode(codec.encode(value))).toBe(value);
    }
  });

  test("raw keeps no data and empty data apart, and copies both ways", () => {
    expect(raw.decode(null)).toBeNull();
    expect(raw.decode(new Uint8Array(0))).toEqual(new Uint8Array(0));
    const bytes = new Uint8Array([1]);
    const encoded = raw.encode(bytes)!;
    const decoded = raw.decode(bytes)!;
    bytes[0] = 9;
    expect([encoded[0], decoded[0]]).toEqual([1, 1]);
  });

  test("no data is the empty string, the value given for it, or an error with the path", () => {
    expect(text.decode(null)).toBe("");
    expect(json({ empty: 7 }).decode(null)).toBe(7);
    expect(() => decodeAt(json(), null, "/a", "get")).toThrow(
      expect.objectContaining({ code: "CODEC", path: "/a", op: "get" }) as Error,
    );
  });

  test("data that is not what the codec or its schema wants is CODEC", () => {
    const bytes = new TextEncoder().encode("3");
    for (const codec of [json({ schema: even }), json({ schema: asyncSchema }), msgpack({ schema: even })]) {
      expect(() => decodeAt<unknown>(codec, bytes, "/a", "get")).toThrow(
        expect.objectContaining({ code: "CODEC" }) as Error,
      );
    }
    expect(() => decodeAt(text, new Uint8Array([0xff]), "/a", "get")).toThrow(
      expect.objectContaining({ code: "CODEC" }) as Error,
    );
    expect(json({ schema: even }).decode(new TextEncoder().encode("4"))).toBe(4);
  });

  test("a value without a form is CODEC before anything is sent; null and undefined are no data", () => {
    expect(() => encodeAt(json(), Symbol("s"), "/a", "set")).toThrow(
      expect.objectContaining({ code: "CODEC" }) as Error,
    );
    expect(encodeAt(json(), null, "/a", "set")).toBeNull();
    expect(encodeAt(json(), undefined, "/a", "set")).toBeNull();
  });
});
