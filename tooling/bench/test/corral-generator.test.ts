import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LoadJob, WORKLOADS, type Workload } from "../src/generator/job.ts";
import { Generator } from "../src/generator/process.ts";
import { corral } from "../src/systems/corral.ts";
import type { GeneratorCommand, RunningServer } from "../src/systems/system.ts";

const WITHIN_MS = 25_000;
const KEYS = 1_500;

const directory = mkdtempSync(join(tmpdir(), "corral-bench-generator-"));
let port: number;
let server: RunningServer;
const generators = new Map<string, Generator>();

/** The generator is the built one, as the bench starts it. */
const commandOf = (name: string): GeneratorCommand => {
  const found = corral.generators(server.address).find((command) => command.name === name)!;
  const command = found.command.map((word) => word.replace("/bench/src/", "/bench/dist/"));
  return { ...found, command };
};

/** Microseconds. A machine that is busy elsewhere leaves no time for a single operation: then more of it is asked for. */
async function latencyMax(generator: Generator, workload: Workload, keys: number): Promise<number> {
  for (let measureMs = 60; ; measureMs *= 3) {
    const shape = { job: "load", workload, connections: 3, inFlight: 8, keys } as const;
    const job: LoadJob = { ...shape, warmUpMs: 10, measureMs };
    const { operations, latencies } = await generator.run(job, server.pid, WITHIN_MS);
    if (operations > 0) return latencies!.max;
  }
}

beforeAll(async () => {
  port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address() as AddressInfo;
      probe.close(() => resolve(free));
    });
  });
  server = await corral.start({ directory, port });
  for (const name of ["sdk", "wire", "wire-single"]) generators.set(name, await Generator.start(commandOf(name)));
});

afterAll(async () => {
  await Promise.all([...generators.values()].map((generator) => generator.kill()));
  await server.kill();
  rmSync(directory, { recursive: true, force: true });
});

describe("the generator of corral", () => {
  test("reads from a server that is only starting, and has no znodes", async () => {
    expect(await generators.get("wire")!.read(0, WITHIN_MS)).toBeGreaterThan(0);
  });

  test.each(["sdk", "wire", "wire-single"])("%s: every workload is done, with keys and without", async (name) => {
    const generator = generators.get(name)!;
    const from = [...generators.keys()].indexOf(name) * KEYS;
    const fill = { job: "fill", from, to: from + KEYS, connections: 3, inFlight: 64 } as const;
    expect(await generator.run(fill, server.pid, WITHIN_MS)).toMatchObject({ operations: KEYS });
    for (const workload of WORKLOADS) {
      for (const keys of [0, KEYS]) {
        expect(await latencyMax(generator, workload, keys)).toBeGreaterThan(0);
      }
    }
  });

  test("a key that is there already fails the fill, and the next job is done", async () => {
    const generator = generators.get("wire")!;
    const fill = { job: "fill", from: 0, to: 10, connections: 1, inFlight: 4 } as const;
    await expect(generator.run(fill, server.pid, WITHIN_MS)).rejects.toThrow("NODE_EXISTS");
    expect(await generator.read(KEYS, WITHIN_MS)).toBeGreaterThan(0);
  });

  test.each([1, 7])("every watcher of %i znodes is told once, in each round", async (znodes) => {
    const job = { job: "watch", watchers: 40, znodes, rounds: 3 } as const;
    const { operations, end } = await generators.get("wire")!.run(job, server.pid, WITHIN_MS);
    expect(operations).toBe(120);
    expect(end.rounds).toHaveLength(3);
  });

  test.each(["sdk", "wire"])("%s: sessions outlive their timeout until they are released", async (name) => {
    const generator = generators.get(name)!;
    const opened = await generator.run({ job: "sessions", count: 30, timeoutMs: 1_000 }, server.pid, WITHIN_MS);
    expect(opened.operations).toBe(30);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    // Fails if one of them was lost.
    await generator.release(WITHIN_MS);
  });

  test("reads what was filled after the server was killed and started again", async () => {
    await server.kill();
    server = await corral.start({ directory, port });
    expect(await generators.get("wire")!.read(KEYS, WITHIN_MS)).toBeGreaterThan(0);
  });
});
