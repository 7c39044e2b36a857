import { expect, test } from "vitest";
import { type ContenderData, contenderData } from "../src/hold/contender-data.ts";
import { contenderName, drawPrefix, inOrder, type Layout } from "../src/hold/contender-name.ts";

/** Always the same bytes, as many as are asked for. */
const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => 17 * i);
const UUID = "00112233-4455-4677-8899-aabbccddeeff";
const HEX = UUID.replaceAll("-", "");

test("names are written as Curator and kazoo write them, with a random UUID of version 4", () => {
  expect(drawPrefix(bytes, "curator", "lock")).toBe(`_c_${UUID}-lock-`);
  expect(drawPrefix(bytes, "curator-latch", "lock")).toBe(`_c_${UUID}-latch-`);
  expect(drawPrefix(bytes, "curator", "read")).toBe(`_c_${UUID}-__READ__`);
  expect(drawPrefix(bytes, "curator", "write")).toBe(`_c_${UUID}-__WRIT__`);
  expect(drawPrefix(bytes, "kazoo", "lock")).toBe(`${HEX}__lock__`);
  expect(drawPrefix(bytes, "kazoo", "read")).toBe(`${HEX}__rlock__`);
  expect(drawPrefix(bytes, "kazoo", "write")).toBe(`${HEX}__lock__`);
});

test("what is written in any layout is read back: the place in the queue, and what for", () => {
  for (const layout of ["curator", "curator-latch", "kazoo"] satisfies Layout[]) {
    for (const purpose of ["lock", "read", "write"] as const) {
      const name = `${drawPrefix(bytes, layout, purpose)}0000000042`;
      // kazoo's writers are locks like any other.
      const read = layout === "kazoo" && purpose === "write" ? "lock" : purpose;
      expect(contenderName(name)).toEqual({ name, sequence: 42, purpose: read });
    }
  }
});

test.each([
  ["_c_6d5a3ff5-3c1c-4a3a-8a6a-5f2ed2d0a0b1-lock-0000000007", "lock"],
  ["_c_6d5a3ff5-3c1c-4a3a-8a6a-5f2ed2d0a0b1-latch-0000000007", "lock"],
  ["_c_6d5a3ff5-3c1c-4a3a-8a6a-5f2ed2d0a0b1-__READ__0000000007", "read"],
  ["_c_6d5a3ff5-3c1c-4a3a-8a6a-5f2ed2d0a0b1-__WRIT__0000000007", "write"],
  // Without Curator's protection, and as go-zookeeper names them.
  ["lock-0000000007", "lock"],
  ["4fa1e9f2c9f04e5f8b6f2c0f0b1c2d3e__lock__0000000007", "lock"],
  ["4fa1e9f2c9f04e5f8b6f2c0f0b1c2d3e__rlock__0000000007", "read"],
])("%s is a contender of somebody else's, in place 7", (name, purpose) => {
  expect(contenderName(name)).toEqual({ name, sequence: 7, purpose });
});

test.each([
  "",
  "config",
  "lock",
  "lock-",
  "lock-000000007",
  "lock-x000000007",
  "0000000007",
  "_c_6d5a3ff5-lease-0000000007",
  "lock-0000000007.tmp",
])("%j stands for nobody", (name) => {
  expect(contenderName(name)).toBeUndefined();
});

test("the queue is in the order of the ten digits, whatever stands before them", () => {
  const queue = ["z__lock__0000000001", "_c_a-lock-0000000003", "config", "b__rlock__0000000002", "lock-0000000010"];
  expect(inOrder(queue.toReversed()).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 10]);
  expect(inOrder([])).toEqual([]);
});

test("what a contender writes is read back, and is text for whoever looks at the tree", () => {
  const full: ContenderData = {
    identity: "wörker-7",
    value: Uint8Array.of(0, 1, 254, 255),
    revoke: { by: "ops", why: "deploy" },
  };
  expect(contenderData.decode(contenderData.encode(full))).toEqual(full);
  expect(contenderData.decode(contenderData.encode({ identity: "a" }))).toEqual({ identity: "a" });
  expect(new TextDecoder().decode(contenderData.encode({ identity: "a" }))).toBe('{"identity":"a"}');
});

test.each([
  ["10.1.2.3", "10.1.2.3"],
  ["", ""],
  ["42", "42"],
  ["null", "null"],
  ["[1]", "[1]"],
  ['{"name":"x"}', '{"name":"x"}'],
  ['{"identity":7}', '{"identity":7}'],
  ['{"identity":"a"', '{"identity":"a"'],
  ['{"identity":"a","value":7,"revoke":"now"}', "a"],
])("the data %j of a foreign contender is taken as an identity", (data, identity) => {
  expect(contenderData.decode(new TextEncoder().encode(data))).toEqual({ identity });
});

test("data that is no text, no base64, or none at all, stands in nobody's way", () => {
  expect(contenderData.decode(null)).toEqual({ identity: "" });
  expect(contenderData.decode(Uint8Array.of(0xff, 0xfe, 0x00)).identity).toHaveLength(3);
  expect(contenderData.decode(new TextEncoder().encode('{"identity":"a","value":"%%%"}')).identity).toContain("a");
});
