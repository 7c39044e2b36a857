/** The commands for consumer groups: real processes, real consumers in this one. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { type Client, connect } from "@corral/client";
import { consume, type Consumer, type Message, type Source } from "@corral/consumer-group";
import { afterAll, beforeAll, expect, test } from "vitest";
import { corral, jsonLines, start, withServer } from "./corral.ts";

const at = withServer();
const MESSAGES = 5;
let client: Client;
let directory = "";

/** Two partitions of five messages each, written at 2026-01-01 and each day after. */
const SOURCE: Source<number> = {
  topics: async function* (signal) {
    yield [{ name: "orders", partitions: 2 }];
    await aborted(signal);
  },
  fetch: async function* (_partition, from, signal) {
    const batch: Message<number>[] = [];
    for (let offset = from; offset < MESSAGES; offset++) batch.push({ offset, value: offset });
    if (batch.length > 0) yield batch;
    await aborted(signal);
  },
  bounds: () => Promise.resolve({ earliest: 0, latest: MESSAGES }),
};
const SOURCE_MODULE = `
  const DAY = 86_400_000, FIRST = Date.parse("2026-01-01T00:00:00Z");
  export default () => ({
    bounds: async () => ({ earliest: 1, latest: 9 }),
    offsetAt: async (partition, timeMs) => Math.min(9, Math.max(1, Math.ceil((timeMs - FIRST) / DAY))),
  });
`;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Resolves when it has handled and committed so many messages; by default all there are. */
async function consumeAll(group: string, messages = 2 * MESSAGES): Promise<Consumer> {
  let left = messages;
  let done = (): void => {};
  const handled = new Promise<void>((resolve) => (done = resolve));
  const consumer = await consume(client, {
    group,
    topics: ["orders"],
    source: SOURCE,
    clientId: "app-1",
    handle: () => {
      left -= 1;
      if (left === 0) done();
    },
  });
  if (left > 0) await handled;
  await consumer.commit();
  return consumer;
}

const json = async (...args: string[]): Promise<Record<string, unknown>[]> =>
  jsonLines((await corral("groups", ...args, "--json")).stdout);
const offsets = async (group: string): Promise<unknown[]> =>
  (await json("describe", group)).map(({ offset }) => offset);

beforeAll(async () => {
  client = await connect({ servers: [at.url] });
  directory = await mkdtemp(path.join(os.tmpdir(), "corral-cli-"));
  // One that has come to the end, and does not run any more.
  await (await consumeAll("billing")).close();
});
afterAll(async () => {
  await client.close();
  await rm(directory, { recursive: true });
});

test("a group at work is listed, described with its lag where the ends are given, and its members shown", async () => {
  await using consumer = await consumeAll("shipping");
  const [list, described, lag, members] = await Promise.all([
    corral("groups", "list"),
    corral("groups", "describe", "shipping"),
    json("describe", "shipping", "--end-offset", "orders:0=8"),
    corral("groups", "members", "shipping"),
  ]);
  expect(list.stdout).toMatch(/^GROUP +MEMBERS +EPOCH\nbilling +0 +\d+\nshipping +1 +\d+\n$/);
  const [head, first, second] = described.stdout.split("\n").map((line) => line.split(/ +/).slice(0, 6));
  expect(head).toEqual(["TOPIC", "PARTITION", "OFFSET", "END", "LAG", "OWNER"]);
  expect(first).toEqual(["orders", "0", "5", "-", "-", consumer.member]);
  expect(second).toEqual(["orders", "1", "5", "-", "-", consumer.member]);
  expect(described.stderr).toMatch(/^corral: shipping is stable; 1 member$/m);
  expect(described.stderr).toContain(
    "where partitions end is not in the tree; for the lag give --end-offset or --source",
  );
  const [state] = await json("state", "shipping");
  expect(state).toMatchObject({ group: "shipping", state: "stable", assignor: "cooperative-sticky", members: 1 });
  expect(state!["leader"]).toBe(consumer.member);
  expect(lag.map((one) => [one["end"], one["lag"]])).toEqual([
    [8, 3],
    [null, null],
  ]);
  expect(members.stdout).toMatch(
    new RegExp(`^${consumer.member} +app-1 +- +\\d+ +orders:0,1 +orders:0,1 +orders$`, "m"),
  );
});

test("a group that is not there is 3, with the nearest name, whatever is asked of it", async () => {
  const [describe, reset] = await Promise.all([
    corral("groups", "describe", "biling"),
    corral("groups", "reset-offsets", "biling", "--to-offset", "0"),
  ]);
  for (const { code, stdout, stderr } of [describe, reset]) {
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toContain("there is no group biling in /groups (did you mean billing?)");
  }
});

test("offsets are moved only with --execute, to a place, by a distance, and of those named", async () => {
  const reset = (...args: string[]) => corral("groups", "reset-offsets", "billing", ...args);
  const dry = await reset("--to-offset", "2");
  expect(dry.stdout).toBe(
    "TOPIC   PARTITION  BEFORE  AFTER\norders  0          5       2\norders  1          5       2\n",
  );
  expect(dry.stderr).toContain("nothing was changed; --execute does it");
  expect(await offsets("billing")).toEqual([5, 5]);
  expect((await reset("--to-offset", "2", "--execute")).stderr).toBe("");
  expect((await reset("orders:1", "--shift-by", "-1", "--execute")).code).toBe(0);
  expect(await offsets("billing")).toEqual([2, 1]);
  expect(
    (
      await reset(
        "orders",
        "--shift-by",
        "100",
        "--end-offset",
        "orders:0=4",
        "--end-offset",
        "orders:1=4",
        "--execute",
      )
    ).code,
  ).toBe(0);
  expect(await offsets("billing")).toEqual([4, 4]);
});

test("what the tree does not know is asked for, never guessed: beginning, end and times", async () => {
  const reset = (...args: string[]) => corral("groups", "reset-offsets", "billing", ...args);
  const file = path.join(directory, "source.mjs");
  await writeFile(file, SOURCE_MODULE);
  const [earliest, latest, datetime, from, time] = await Promise.all([
    reset("--to-earliest"),
    reset("--to-latest", "--end-offset", "orders:0=7"),
    reset("--to-datetime", "2026-01-04T00:00:00Z"),
    reset("--to-latest", "--source", file),
    reset("--to-datetime", "2026-01-04T00:00:00Z", "--source", file, "--json"),
  ]);
  expect(earliest).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("where partitions begin is not in the tree; give --start-offset orders:0=N"),
  });
  expect(latest).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("where partitions end is not in the tree; give --end-offset orders:1=N"),
  });
  expect(datetime).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("when messages were written is not in the tree"),
  });
  expect(from.stdout).toMatch(/^orders +0 +\d +9$/m);
  expect(jsonLines(time.stdout).map(({ after }) => after)).toEqual([3, 3]);
  await writeFile(file, "export default 7");
  expect(await reset("--to-latest", "--source", file)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is no source"),
  });
});

test("offsets of a group at work are not moved, and such a group is not deleted", async () => {
  await using consumer = await consumeAll("running");
  expect(consumer.group).toBe("running");
  const [reset, remove] = await Promise.all([
    corral("groups", "reset-offsets", "running", "--to-offset", "0", "--execute"),
    corral("groups", "delete", "running"),
  ]);
  const claimed = "a consumer of the group has orders:0: stop those first [NODE_EXISTS";
  expect(reset).toMatchObject({ code: 1, stderr: expect.stringContaining(claimed) });
  expect(remove).toMatchObject({ code: 1, stderr: expect.stringContaining("NOT_EMPTY") });
});

test("offsets of a topic are forgotten, and a group without members is deleted", async () => {
  await (await consumeAll("done")).close();
  expect((await corral("groups", "delete-offsets", "done", "orders:1")).stdout).toBe("deleted 1 offset of done\n");
  expect(await offsets("done")).toEqual([5]);
  expect((await corral("groups", "delete", "done")).stdout).toBe("deleted done\n");
  expect((await corral("groups", "delete", "done")).code).toBe(3);
});

test("--watch follows a group as its members come and go", async () => {
  await (await consumeAll("watched")).close();
  const [offsetsOf, membersOf] = [
    start(["groups", "describe", "watched", "--watch", "--json", "--end-offset", "orders:0=9"]),
    start(["groups", "members", "watched", "--watch", "--json"]),
  ];
  await Promise.all([offsetsOf.says("synced"), membersOf.says("synced")]);
  const consumer = await consumeAll("watched", 0);
  await Promise.all([offsetsOf.says(`"owner":"${consumer.member}"`), membersOf.says('"created"')]);
  await consumer.close();
  await membersOf.says('"deleted"');
  offsetsOf.child.kill("SIGINT");
  membersOf.child.kill("SIGINT");
  expect([(await offsetsOf.ended).code, (await membersOf.ended).code]).toEqual([0, 0]);
});
