/** All verbs of a latch. Whatever strikes them, a key counts once, and the latch is open exactly when nothing is left. */
import { isCorralError } from "@corral/client";
import { expect } from "vitest";
import { latch } from "../../../src/latch.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/latches/a";

/** `mine` counted exactly once, or not at all if that cannot be known; then the others open it. */
async function isExact({ other, server, eventually }: Stage, outcome: Outcome, others: number): Promise<void> {
  const here = latch(other, PATH, 3);
  const isUnknown = "error" in outcome && isCorralError(outcome.error) && outcome.error.outcome === "unknown";
  const before = await eventually(here.left());
  if (!isUnknown) expect(before).toBe(3 - others - ("value" in outcome ? 1 : 0));
  // Told once more, it has counted once.
  expect(await eventually(here.countDown("mine"))).toBe(3 - others - 1);
  const waiting = here.wait();
  for (const key of ["x", "y"]) await eventually(here.countDown(key));
  expect(await eventually(here.left())).toBe(0);
  await eventually(waiting, 1_000);
  expect(server.dump().filter(({ path }) => path.startsWith(`${PATH}/key-`))).toHaveLength(3);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "latch: the first count-down",
    act: ({ subject, signal }) => latch(subject, PATH, 3).countDown("mine", { signal }),
    settled: (stage, outcome) => isExact(stage, outcome, 0),
  },
  {
    name: "latch: the last count-down",
    async prepare({ other }) {
      await latch(other, PATH, 3).countDown("x");
      await latch(other, PATH, 3).countDown("y");
    },
    act: ({ subject, signal }) => latch(subject, PATH, 3).countDown("mine", { signal }),
    settled: (stage, outcome) => isExact(stage, outcome, 2),
  },
  {
    name: "latch: count down against another",
    prepare: ({ other }) => latch(other, PATH, 3).countDown("x"),
    async act({ subject, other, signal, server }) {
      // In between what it reads and what it writes.
      server.faults.at({ op: "multiRead", client: 1 }, () => {
        other.clock.setTimeout(() => void latch(other, PATH, 3).countDown("y"), 0);
      });
      return latch(subject, PATH, 3).countDown("mine", { signal });
    },
    async settled(stage, outcome) {
      // The other one may never have been called.
      await stage.eventually(latch(stage.other, PATH, 3).countDown("y"));
      await isExact(stage, outcome, 2);
    },
  },
  {
    name: "latch: wait until it opens",
    async act({ subject, other, signal }) {
      const waiting = latch(subject, PATH, 1).wait({ signal });
      other.clock.setTimeout(() => void latch(other, PATH, 1).countDown("x"), 20_000);
      await waiting;
    },
    async settled({ server, other, eventually }) {
      await server.clock.advance(20_000);
      expect(await eventually(latch(other, PATH, 1).left())).toBe(0);
      expect(server.leaks().watches).toBe(0);
    },
  },
  {
    name: "latch: reset",
    prepare: ({ other }) => latch(other, PATH, 3).countDown("x"),
    act: ({ subject, signal }) => latch(subject, PATH, 3).reset({ signal }),
    async settled(stage, outcome) {
      const { other, eventually } = stage;
      if ("value" in outcome) expect(await eventually(latch(other, PATH, 3).left())).toBe(3);
      await eventually(latch(other, PATH, 3).reset());
      await isExact(stage, { error: undefined }, 0);
    },
  },
];
