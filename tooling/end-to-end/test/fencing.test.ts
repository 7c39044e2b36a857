/** A lock whose holders are stopped while they hold. CORRAL_HAND_OVERS sets how many hand-overs (1,000; every 33rd by SIGSTOP past the session timeout). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CorraldProcess, endAll, startCorrald } from "../src/corrald-process.ts";
import { contendForOneLock } from "../src/fencing/campaign.ts";
import { violations } from "../src/fencing/store.ts";

const HAND_OVERS = Number(process.env["CORRAL_HAND_OVERS"] ?? 1_000);
const STOP_EVERY = 33;
const crowd = { processes: 25, clientsEach: 4, sessionTimeoutMs: 500 };

let data: string;
let daemon: CorraldProcess;
beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), "corral-fencing-"));
  daemon = await startCorrald({ data, limits: { sessionTimeoutMsMin: 100, tickMs: 20 } });
});
afterEach(async () => {
  await endAll();
  await rm(data, { recursive: true, force: true });
});

test(
  `a store that keeps the greatest token takes no write of a holder that has lost the lock: ${HAND_OVERS} hand-overs among 100 contenders, every ${STOP_EVERY}rd holder stopped past its timeout`,
  async () => {
    const startedAt = performance.now();
    const store = await contendForOneLock({
      ...crowd,
      url: daemon.url,
      handOvers: HAND_OVERS,
      stopEvery: STOP_EVERY,
      isFenced: true,
    });
    const late = store.history.filter(({ isLate }) => isLate);
    expect(violations(store.history)).toEqual([]);
    expect(late.filter(({ isAccepted }) => isAccepted)).toEqual([]);
    expect(late).toHaveLength(store.overtaken);
    expect(store.overtaken).toBeGreaterThanOrEqual(Math.floor(HAND_OVERS / STOP_EVERY) - 1);
    const contenders = new Set(store.history.map(({ contender }) => contender));
    expect(contenders.size).toBe(crowd.processes * crowd.clientsEach);
    console.log("fencing:", {
      handOvers: store.handOvers,
      bySigstop: store.overtaken,
      writes: store.history.length,
      lateWritesRefused: late.length,
      seconds: Math.round((performance.now() - startedAt) / 1_000),
    });
  },
  60_000 + HAND_OVERS * 100,
);

test("without its check the store takes writes of those that hold no more, and that is seen", async () => {
  const store = await contendForOneLock({
    ...crowd,
    processes: 5,
    url: daemon.url,
    handOvers: 60,
    stopEvery: 10,
    isFenced: false,
  });
  expect(store.overtaken).toBeGreaterThan(0);
  expect(violations(store.history)).toHaveLength(store.overtaken);
});
