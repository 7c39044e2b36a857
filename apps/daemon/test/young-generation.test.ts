/** The young generation of a process that allocates much, with its bound and without. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Much survives for a while: V8 wants a larger young generation. Prints its size in MiB. */
const churn = `
const kept = [];
for (let round = 0; round < 300; round++) {
  for (let i = 0; i < 20_000; i++) kept[(round * 20_000 + i) % 300_000] = { pair: [i, round] };
  await new Promise((resolve) => setImmediate(resolve));
}
const { getHeapSpaceStatistics } = await import("node:v8");
console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_size / 2 ** 20);
`;

async function youngMiB(before: string): Promise<number> {
  const script = ["--max-semi-space-size=64", "--input-type=module", "--eval", before + churn];
  const { stdout } = await promisify(execFile)(process.execPath, script, { timeout: 60_000 });
  return Number(stdout);
}

test("it stops to grow", async () => {
  const bound = new URL("../dist/young-generation.js", import.meta.url).href;
  expect(await youngMiB("")).toBeGreaterThanOrEqual(64);
  const bounded = await youngMiB(`(await import(${JSON.stringify(bound)})).boundYoungGeneration();`);
  expect(bounded).toBeGreaterThan(0);
  expect(bounded).toBeLessThanOrEqual(32);
}, 120_000);
