/** Threads that die or hang are replaced, and a whole small campaign. */
import { expect, test } from "vitest";
import { campaign, CANARY, type Job } from "../../src/campaign/campaign.ts";
import { differences } from "../../src/campaign/perform.ts";
import { askProcess, Thread } from "../../src/campaign/thread.ts";

const odd = new URL("./campaign-worker.ts", import.meta.url);
const slow = { timeout: 120_000 };

test("a thread that dies, ends or hangs is a failure of that task alone", slow, async () => {
  const thread = new Thread(odd);
  const ask = (seed: number) => thread.ask({ wanted: { seed } }, 3_000);
  expect(await ask(10)).toMatchObject({ hash: "10" });
  expect(await ask(1)).toMatchObject({ check: "thread", what: expect.stringContaining("dies of 1") });
  expect(await ask(11)).toMatchObject({ hash: "11" });
  expect(await ask(2)).toMatchObject({ check: "thread", what: "ended with code 3" });
  expect(await ask(3)).toMatchObject({ check: "hang" });
  expect(await ask(12)).toMatchObject({ hash: "12" });
  await thread.end();
});

test("a fresh process comes to the same as a thread", slow, async () => {
  const thread = new Thread();
  const here = await thread.ask({ wanted: { seed: 14 }, isTwice: true });
  const there = await askProcess({ wanted: { seed: 14 } });
  await thread.end();
  expect("check" in here || "check" in there).toBe(false);
  if ("check" in here || "check" in there) return;
  expect(here.violations).toEqual([]);
  expect(differences("they", here, there)).toEqual([]);
});

test("two runs differ in their hash, in a figure or in a mark", () => {
  const one = { hash: "a", figures: { calls: 1, frames: 2 }, marks: ["x", "y"] };
  expect(differences("they", one, { hash: "a", figures: { frames: 2, calls: 1 }, marks: ["y", "x"] })).toEqual([]);
  for (const other of [
    { ...one, hash: "b" },
    { ...one, figures: { calls: 1, frames: 3 } },
    { ...one, figures: { calls: 1 } },
    { ...one, marks: ["x"] },
    { ...one, marks: ["x", "z"] },
  ])
    expect(differences("they", one, other)).toMatchObject([{ check: "determinism" }]);
});

const jobsOf = (...seeds: readonly number[]): Job[] =>
  seeds.map((seed, i) => ({ wanted: { seed }, replay: `--seed ${seed}`, isCompared: i === 0 }));

test("a campaign passes when all its seeds do and its canary is found", slow, async () => {
  const lines: string[] = [];
  const { passed, failed, tally } = await campaign(jobsOf(14, 7, 12), {
    threads: 2,
    shrinks: 0,
    canary: { seed: 100, plant: CANARY },
    say: (line) => lines.push(line),
  });
  expect(lines.filter((line) => line.includes("FAILED"))).toEqual([]);
  expect([passed, failed]).toEqual([4, 0]);
  expect(lines.join("\n")).toContain("canary found");
  expect(tally.report(2, 1).seeds).toBe(3);
});

test("a campaign fails when its canary is not found", slow, async () => {
  // Nothing is built in, and nobody there.
  const canary = { seed: 14, casts: [], steps: [], chaosMs: 1 };
  const settings = { threads: 1, shrinks: 0, canary, say: () => {} };
  const { passed, failed } = await campaign(jobsOf(14), settings);
  expect([passed, failed]).toEqual([1, 1]);
});

test("a seed that fails is told with the line that replays it", slow, async () => {
  const lines: string[] = [];
  const jobs = Array.from({ length: 5 }, (_, i) => ({
    wanted: { seed: 100 + i, plant: CANARY },
    replay: `--seed ${100 + i} --plant ${CANARY}`,
    isCompared: false,
  }));
  const say = (line: string): void => void lines.push(line);
  const { failed, tally } = await campaign(jobs, { threads: 2, shrinks: 0, canary: undefined, say });
  expect(failed).toBeGreaterThan(0);
  const { failures } = tally.report(2, 1);
  expect(failures).toHaveLength(failed);
  for (const { replay } of failures) expect(lines.join("\n")).toContain(`FAILED   npm run simulate -- ${replay} `);
});
