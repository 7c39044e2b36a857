/** What the README shows is called as it stands there, line by line, against three brokers, a fourth and a group. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { type Client, connect } from "@corral/client";
import { consume } from "@corral/consumer-group";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExitCode } from "../src/exit-code.ts";
import { startBrokers, stopBrokers, type TestBroker } from "./cluster.ts";
import { start, withServer } from "./corral.ts";

const at = withServer();
const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const lines = [...readme.matchAll(/```sh\n([^]*?)```/g)].flatMap(([, block]) => block!.trim().split("\n"));
let brokers: TestBroker[] = [];
let client: Client;
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), "corral-cli-"));
  client = await connect({ servers: [at.url] });
  brokers = await startBrokers(at.url, "main", [1, 2, 3, 4]);
});
afterAll(async () => {
  await stopBrokers(brokers);
  await client.close();
  await rm(directory, { recursive: true });
});

/** A group that has an offset, and does not run. */
async function consumeOnce(group: string): Promise<void> {
  let done = (): void => {};
  const handled = new Promise<void>((resolve) => (done = resolve));
  await using _ = await consume(client, {
    group,
    topics: ["orders"],
    source: {
      async *topics(signal) {
        yield [{ name: "orders", partitions: 1 }];
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
      async *fetch(_partition, from, signal) {
        if (from === 0) yield [{ offset: 0, value: "one" }];
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
      bounds: () => Promise.resolve({ earliest: 0, latest: 1 }),
    },
    handle: done,
  });
  await handled;
}

test("every line that the README shows does what it says", async () => {
  await consumeOnce("billing");
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) {
    const [command, file] = line.split(" > ");
    const [program, ...words] = command!.split(" ").map((word) => word.replaceAll("'", ""));
    expect(program).toBe("corral");
    const running = start(words.map((word) => (word.endsWith(".json") ? path.join(directory, word) : word)));
    if (words.includes("watch") || words.includes("--watch")) {
      await running.says("synced");
      running.child.kill("SIGINT");
    }
    const { code, stdout, stderr } = await running.ended;
    // Replicas may still be on the move.
    const may = words.includes("verify") ? [0, 1] : [0];
    expect(may, `${line}\n${stderr}`).toContain(code);
    if (file !== undefined) await writeFile(path.join(directory, file), stdout);
  }
});

test("the README has every exit code", () => {
  const codes = [...readme.matchAll(/^\| (\d) \| /gm)].map(([, code]) => Number(code));
  expect(codes).toEqual(Object.values(ExitCode));
});
