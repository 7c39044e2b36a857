import { expect, test } from "vitest";
import { checkTopicName, collidingTopic, collisionKey, TOPIC_NAME_MAX } from "../src/index.ts";

test.each(["a", "Orders-2.eu_west", "...", "_", "9".repeat(TOPIC_NAME_MAX)])("a topic may be called %s", (name) => {
  expect(() => checkTopicName(name)).not.toThrow();
});

test.each([
  ["", /empty/],
  [".", /is a path/],
  ["..", /is a path/],
  ["x".repeat(TOPIC_NAME_MAX + 1), /250 characters, more than 249/],
  ["a b", /'a b' has characters other than/],
  ["a/b", /'a\/b'/],
  ["ä", /'ä'/],
  ["a\n", /characters other than/],
])("a topic may not be called %j", (name, error) => {
  expect(() => checkTopicName(name)).toThrow(error);
  expect(() => checkTopicName(name)).toThrow(RangeError);
});

test("names collide that differ in dots and underscores only", () => {
  expect(collidingTopic("a.b_c", ["a-b", "a_b.c"])).toBe("a_b.c");
  expect(collidingTopic("a.b", ["a-b", "ab"])).toBeUndefined();
  expect(collisionKey("a.b.c")).toBe("a_b_c");
});
