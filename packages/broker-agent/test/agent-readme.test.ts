/** The README's example is the module in examples/, and it runs; its tables are those of the code. */
import { readFileSync } from "node:fs";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { SETTINGS } from "../src/index.ts";
import { dutiesOf } from "../src/host/duties.ts";
import { example } from "./examples/embedding.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README shows how to embed an agent, word for word as it is run here", async () => {
  const source = readFileSync(new URL("examples/embedding.ts", import.meta.url), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${source}\`\`\``);
  const lines: string[] = [];
  await using server = await startTestServer({ clock: "real" });
  const client = await server.connect();
  await example(client, (line) => lines.push(line));
  expect(lines).toEqual([expect.stringMatching(/^broker 1001 of cluster [0-9a-f]{32}$/), "committed"]);
  await client.close();
  expect(server.leaks()).toMatchObject({ clients: 0, ephemerals: 0, watches: 0, subscriptions: 0, timers: 0 });
});

test("the README has every setting, in order, with its default", () => {
  const table = readme.slice(readme.indexOf("<!-- settings -->"), readme.indexOf("<!-- /settings -->"));
  const rows = [...table.matchAll(/^\| `([a-z.]+)` \| ([^|]*?) \|/gm)].map(([, name, value]) => [name, value]);
  const expected = Object.entries(SETTINGS).map(([name, spec]) => [name, spec.default]);
  expect(rows).toEqual(expected);
});

test("the README names the duties of a controller in their order", () => {
  expect(dutiesOf({})).toHaveLength([...readme.matchAll(/^\d+\. \*\*/gm)].length);
});
