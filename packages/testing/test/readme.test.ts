import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the README shows the example that is executed here, word for word", () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
  const shown = /```ts\n([^]*?)```/.exec(read("../README.md"))?.[1];
  expect(shown).toBe(read("example.test.ts"));
});
