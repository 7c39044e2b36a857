/** What the README shows runs as it is written, and a source of files is consumed by a group. */
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { consume, type Consumer, type Source } from "../src/index.ts";

import { MemorySource } from "./consuming.ts";
import { example as assignors } from "./examples/assignors.ts";
import { FilesSource } from "./examples/files-source.ts";
import { Sink } from "./sink.ts";

const EXAMPLES = new URL("examples/", import.meta.url);
const names = (await readdir(EXAMPLES)).filter((name) => name.endsWith(".ts"));
const shown = names.filter((name) => name !== "files-source.ts");

test("the README shows every example, word for word, and nothing else", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const blocks = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, block]) => block!);
  const written = await Promise.all(shown.map((name) => readFile(new URL(name, EXAMPLES), "utf8")));
  expect(blocks.toSorted()).toEqual(written.toSorted());
  expect(readme).toContain("test/examples/files-source.ts");
});

test("the README tells of every option, and of all that a handler, a consumer, a source and an administrator have", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const of = async (file: string, name: string): Promise<readonly string[]> => {
    const text = await readFile(new URL(`../src/${file}`, import.meta.url), "utf8");
    const [, body] = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, "m").exec(text)!;
    return [...body!.matchAll(/^ {2}(?:readonly )?(\w+)[?:(]/gm)].map(([, member]) => member!);
  };
  const all = await Promise.all([
    of("consumer.ts", "ConsumeOptions"),
    of("consumer.ts", "Claim"),
    of("consumer.ts", "HandlerContext"),
    of("consumer.ts", "Consumer"),
    of("source.ts", "Source"),
    of("admin/api.ts", "GroupAdmin"),
  ]);
  expect(all.map((members) => members.length > 1)).toEqual(all.map(() => true));
  for (const member of all.flat()) expect(readme).toContain(`\`${member}`);
});

test.each(shown)("the example %s runs", async (name) => {
  const { example } = (await import(new URL(name, EXAMPLES).href)) as {
    example: (client: Client, source: Source<string>, tell: (...what: readonly unknown[]) => void) => Promise<void>;
  };
  const told: unknown[] = [];
  await using server = await startTestServer({ clock: "real" });
  const client = await server.connect();
  const source = new MemorySource({ orders: 2 });
  source.append("orders", 0, 2);
  source.append("orders", 1, 1);
  await example(client, source, (...what) => told.push(what));
  expect(told.length).toBeGreaterThan(0);
  await client.close();
  expect(server.leaks()).toMatchObject({ clients: 0, ephemerals: 0, watches: 0, subscriptions: 0, timers: 0 });
});

test("the example of assignors gives what it says beside each line", () => {
  const told: unknown[] = [];
  assignors(undefined, undefined, (...what) => told.push(...what));
  expect(told).toEqual([
    [0, 1],
    [2, 3],
    [0, 1],
    [2, 3],
    [2, 3],
  ]);
});

test("files in a directory are consumed by a group: every line once, whoever comes and goes, and whatever is appended meanwhile", async () => {
  const directory = await mkdtemp(join(tmpdir(), "corral-files-"));
  try {
    await using server = await startTestServer({ clock: "real" });
    await mkdir(join(directory, "lines"));
    const path = (partition: number): string => join(directory, "lines", `${partition}.jsonl`);
    let written = 0;
    const write = async (partition: number, count: number): Promise<void> => {
      const lines = Array.from({ length: count }, () => JSON.stringify({ number: ++written, text: "größer" }));
      await appendFile(path(partition), lines.map((line) => `${line}\n`).join(""));
    };
    for (let partition = 0; partition < 4; partition++) await write(partition, 20);
    const sink = new Sink();
    const seen: number[] = [];
    let enough: () => void = () => {};
    let expected = Infinity;
    const until = (count: number): Promise<void> =>
      new Promise((resolve) => {
        expected = count;
        enough = resolve;
        if (seen.length >= count) resolve();
      });
    const join_ = (client: Client): Promise<Consumer> =>
      consume(client, {
        group: "readers",
        topics: /^lines$/u,
        source: new FilesSource(directory, 5),
        mode: "external",
        debounceMs: 5,
        start: async ({ partition, token }) => sink.begin(`${partition.partition}`, token),
        handle: ({ value, offset, nextOffset }, { partition, token }) => {
          const { number } = JSON.parse(value) as { number: number };
          sink.apply(`${partition.partition}`, token, offset, nextOffset);
          seen.push(number);
          if (seen.length >= expected) enough();
        },
      });
    const clients = [await server.connect(), await server.connect()];
    const first = await join_(clients[0]!);
    await until(80);
    const second = await join_(clients[1]!);
    for (let partition = 0; partition < 4; partition++) await write(partition, 10);
    await write(4, 5);
    // Half a line is none yet.
    await appendFile(path(4), '{"number": ');
    await until(125);
    await appendFile(path(4), `${++written}}\n`);
    // It dies: its session ends, and nothing is given back in order.
    await clients[0]!.close();
    await write(0, 10);
    await until(136);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 136 }, (_, i) => i + 1));
    expect(first.signal.aborted).toBe(true);
    await second.close();
    await Promise.all(clients.map((client) => client.close()));
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("a file that was cut short is told as an offset that is not there any more", async () => {
  const directory = await mkdtemp(join(tmpdir(), "corral-files-"));
  try {
    await mkdir(join(directory, "t"));
    await appendFile(join(directory, "t", "0.jsonl"), "one\ntwo\n");
    const source = new FilesSource(directory, 1);
    const stop = new AbortController();
    const fetching = source.fetch({ topic: "t", partition: 0 }, 4, stop.signal);
    expect((await fetching.next()).value).toEqual([{ offset: 4, nextOffset: 8, value: "two" }]);
    await truncate(join(directory, "t", "0.jsonl"), 4);
    await expect(fetching.next()).rejects.toThrow("partition t/0 has no offset 8");
    const listing = source.topics(stop.signal);
    expect((await listing.next()).value).toEqual([{ name: "t", partitions: 1 }]);
    stop.abort();
    expect((await listing.next()).done).toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
