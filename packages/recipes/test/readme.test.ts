/** The README's examples are the modules in examples/, and every one of them runs; so does what stands beside Curator and kazoo. */
import { readdirSync, readFileSync } from "node:fs";
import { type Client, json } from "@corral/client";
import * as recipes from "@corral/recipes";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";

const EXAMPLES = new URL("examples/", import.meta.url);
const names = readdirSync(EXAMPLES).filter((name) => name.endsWith(".ts"));
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map(([, block]) => block!);

test("the README shows every example, word for word, and nothing else", () => {
  const written = names.map((name) => readFileSync(new URL(name, EXAMPLES), "utf8"));
  expect(blocks("ts").toSorted()).toEqual(written.toSorted());
});

test.each(names)("the example %s runs", async (name) => {
  const { example } = (await import(new URL(name, EXAMPLES).href)) as { example: (client: Client) => Promise<void> };
  await using server = await startTestServer({ clock: "real" });
  const client = await server.connect();
  await example(client);
  await client.close();
  expect(server.leaks()).toMatchObject({ clients: 0, ephemerals: 0, watches: 0, subscriptions: 0, timers: 0 });
});

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>;
const [report, leading, presence, config, jobs] = blocks("js");

/** Each with what it expects to be there, and what it has called in the end. */
test.each([
  ["report", report, "put"],
  ["leading", leading, "lead"],
  ["presence", presence, undefined],
  ["config", config, "apply"],
  ["jobs", jobs, "work"],
])("what stands beside Curator and kazoo runs as it is written: %s", async (_name, block, called) => {
  await using server = await startTestServer({ clock: "real" });
  const client = await server.connect();
  await client.create("/config/replicas", 3, { codec: json(), parents: true });
  await recipes.queue(client, "/jobs", { codec: json(), depthMax: 1_000 }).put("a job");
  const changing = setInterval(() => void client.set("/config/replicas", 4, { codec: json() }), 5);
  const stop = new AbortController();
  const calls: string[] = [];
  const mock = (name: string) => () => {
    calls.push(name);
    stop.abort();
  };
  const there = {
    ...recipes,
    json,
    client,
    store: { put: mock("put") },
    report: "all is well",
    address: "127.0.0.1:80",
    stop: stop.signal,
    lead: mock("lead"),
    apply: mock("apply"),
    work: mock("work"),
  };
  try {
    await new AsyncFunction(...Object.keys(there), block!)(...Object.values(there));
  } finally {
    clearInterval(changing);
    await client.close();
  }
  expect(calls[0]).toBe(called);
});
