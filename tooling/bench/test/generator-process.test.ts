import { afterEach, describe, expect, test } from "vitest";
import { Generator } from "../src/generator/process.ts";
import type { Job } from "../src/generator/job.ts";
import { fakeCommand } from "./fakes.ts";

const load: Job = {
  job: "load",
  workload: "get",
  connections: 1,
  inFlight: 1,
  warmUpMs: 0,
  measureMs: 1,
  keys: 0,
};
const WITHIN_MS = 20_000;

const started: Generator[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((generator) => generator.kill()));
});
async function start(how: string): Promise<Generator> {
  const generator = await Generator.start(fakeCommand(how));
  started.push(generator);
  return generator;
}

describe("a load generator", () => {
  test("says what it is, does one job after the other, and its CPU time between the marks is counted", async () => {
    const generator = await start("works");
    expect(generator.client).toBe("fake 1.0");
    for (let n = 0; n < 2; n++) {
      const ran = await generator.run(load, process.pid, WITHIN_MS);
      expect(ran).toMatchObject({ operations: 1000, seconds: 0.1, latencies: { p50: 10, max: 40 } });
      expect(ran.generatorCpu).toBeGreaterThan(0);
      expect(ran.machineCpu).toBeGreaterThan(0);
      expect(ran.serverCpu).toBeGreaterThanOrEqual(0);
    }
  });

  test("tells when the first read was answered, and when sessions are released", async () => {
    const generator = await start("works");
    expect(await generator.read(0, WITHIN_MS)).toBe(0.25);
    await generator.release(WITHIN_MS);
    expect((await generator.run(load, process.pid, WITHIN_MS)).operations).toBe(1000);
  });

  test("that fails says why", async () => {
    const generator = await start("fails");
    await expect(generator.run(load, process.pid, WITHIN_MS)).rejects.toThrow("fake failed: the znode is not there");
  });

  test("that dies in the middle of a job is told of with its exit code and its last words", async () => {
    const generator = await start("dies");
    await expect(generator.run(load, process.pid, WITHIN_MS)).rejects.toThrow(/ended with 9\nout of memory/);
    expect(generator.isAlive).toBe(false);
    await expect(generator.run(load, process.pid, WITHIN_MS)).rejects.toThrow(/ended with 9/);
  });

  test("that dies before it is ready is told of", async () => {
    await expect(Generator.start(fakeCommand("dies-at-once"))).rejects.toThrow(/ended with 3\nno such server/);
  });

  test("that does not exist is told of", async () => {
    const command = { ...fakeCommand("works"), command: ["/nowhere/generator", "x"] };
    await expect(Generator.start(command)).rejects.toThrow(/cannot be started: .*ENOENT/);
  });

  test("that says nothing is not waited for beyond its time", async () => {
    const generator = await start("silent");
    await expect(generator.run(load, process.pid, 30)).rejects.toThrow("did not say 'begin' within");
  });

  test("that says what is no mark, or a mark out of order, is not believed", async () => {
    await expect((await start("talks")).run(load, process.pid, WITHIN_MS)).rejects.toThrow(
      "what is no mark: Picked up",
    );
    await expect((await start("out-of-order")).run(load, process.pid, WITHIN_MS)).rejects.toThrow(
      "said 'end' where 'begin' was due",
    );
  });

  test("of a server that has died, nothing is measured", async () => {
    const gone = await start("works");
    const other = await start("works");
    const pid = gone.pid;
    await gone.kill();
    await expect(other.run(load, pid, WITHIN_MS)).rejects.toThrow(/ENOENT|ESRCH/);
  });
});
