/** What README.md promises: its example runs as it stands there, but for the server's address; the daemon is small. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { serving, temporaryFolder } from "./corrald.ts";

const ROOT = path.join(import.meta.dirname, "..", "..", "..");
/** Where corrald listens unless told otherwise. */
const ADDRESS = "ws://127.0.0.1:2190";

/** The one block of JavaScript. */
async function exampleOf(document: string): Promise<string> {
  const blocks = [...(await readFile(path.join(ROOT, document), "utf8")).matchAll(/^```js\n(.*?)^```$/gms)];
  expect(blocks).toHaveLength(1);
  return blocks[0]![1]!;
}

/** Runs a module from inside of this package, so that it finds `@corral/client`. */
async function run(
  module: string,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const folder = await mkdtemp(path.join(import.meta.dirname, "..", "node_modules", ".readme-"));
  try {
    const file = path.join(folder, "example.mjs");
    await writeFile(file, module);
    const child = spawn(process.execPath, ["--unhandled-rejections=strict", file], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 20_000,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
    child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { code, stdout, stderr };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test(
  "the twenty lines of the README run against a new corrald, tell what they should, and end",
  { timeout: 30_000 },
  async () => {
    const example = await exampleOf("README.md");
    expect(
      example
        .trimEnd()
        .split("\n")
        .filter((line) => line !== "").length,
    ).toBeLessThanOrEqual(20);
    expect(example.split(ADDRESS)).toHaveLength(2);
    const { url } = await serving(await temporaryFolder());
    const { code, stdout, stderr } = await run(example.replace(ADDRESS, url));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    for (const line of lines) expect(line).toMatch(/^\w+ \S* at \d+$/);
    expect(lines.map((line) => line.replace(/ at \d+$/, "").trimEnd())).toEqual([
      "entry /app",
      "entry /app/config",
      "entry /app/members",
      "entry /app/members/worker-1",
      "synced",
      "changed /app/config",
      "created /app/job-0000000002",
    ]);
    const [synced, changed, created] = lines.slice(-3).map((line) => Number(/\d+$/.exec(line)![0])) as [
      number,
      number,
      number,
    ];
    expect(
      [synced, changed, created].toSorted((a, b) => a - b),
      "in the order of their zxids",
    ).toEqual([synced, changed, created]);
  },
);

test(
  "corrald is one small process of Node: 150 MiB resident, with a thousand ephemerals in it",
  { timeout: 30_000 },
  async () => {
    const { url, child } = await serving(await temporaryFolder());
    const { code, stderr } = await run(`
    import { connect } from "@corral/client";
    const client = await connect({ servers: ["${url}"] });
    await Promise.all(Array.from({ length: 1000 }, (_, i) => client.create("/members/" + i, Buffer.from("x".repeat(100)), { lifetime: "ephemeral", parents: true })));
    await client.close();
  `);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const kib = Number(execFileSync("ps", ["-o", "rss=", "-p", String(child.pid)], { encoding: "utf8" }));
    expect(kib).toBeGreaterThan(10_000);
    expect(kib).toBeLessThan(150 * 1024);
  },
);
