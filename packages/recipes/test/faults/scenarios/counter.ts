/** All writes of a counter. Whatever strikes them, what succeeded counted exactly once, what failed not at all, and what is unknown at most once. */
import { isCorralError } from "@corral/client";
import { expect } from "vitest";
import { counter } from "../../../src/counter.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/counters/a";

/** What the counter stands at: `before`, or `after` if the call succeeded, or one of both if nobody can know. */
async function isExact({ other, eventually }: Stage, outcome: Outcome, before: bigint, after: bigint): Promise<void> {
  const now = await eventually(counter(other, PATH).get({ consistency: "linearizable" }));
  if ("value" in outcome) expect(now).toBe(after);
  else if (isCorralError(outcome.error) && outcome.error.outcome === "no") expect(now).toBe(before);
  else expect([before, after]).toContain(now);
  expect(await eventually(counter(other, PATH).add())).toBe(now + 1n);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "counter: the first addition",
    act: ({ subject, signal }) => counter(subject, PATH).add(5, { signal }),
    settled: (stage, outcome) => isExact(stage, outcome, 0n, 5n),
  },
  {
    name: "counter: add against another",
    prepare: ({ other }) => counter(other, PATH).set(10),
    act({ subject, other, signal, server }) {
      // In between what it reads and what it writes.
      server.faults.at({ op: "get", client: 1 }, () => {
        other.clock.setTimeout(() => void counter(other, PATH).add(100), 0);
      });
      return counter(subject, PATH).add(5, { signal });
    },
    async settled(stage, outcome) {
      const { other, eventually } = stage;
      const others = (await eventually(counter(other, PATH).get())) >= 110n ? 100n : 0n;
      await isExact(stage, outcome, 10n + others, 15n + others);
    },
  },
  {
    name: "counter: reserve",
    prepare: ({ other }) => counter(other, PATH).set(10),
    act: ({ subject, signal }) => counter(subject, PATH).reserve(7, { signal }),
    async settled(stage, outcome) {
      if ("value" in outcome) expect(outcome.value).toEqual({ from: 10n, to: 17n });
      await isExact(stage, outcome, 10n, 17n);
    },
  },
  {
    name: "counter: set",
    prepare: ({ other }) => counter(other, PATH).set(10),
    act: ({ subject, signal }) => counter(subject, PATH).set(20, { signal }),
    settled: (stage, outcome) => isExact(stage, outcome, 10n, 20n),
  },
  {
    name: "counter: compareAndSet",
    prepare: ({ other }) => counter(other, PATH).set(10),
    act: ({ subject, signal }) => counter(subject, PATH).compareAndSet(10, 20, { signal }),
    async settled(stage, outcome) {
      if ("value" in outcome) expect(outcome.value).toBe(true);
      await isExact(stage, outcome, 10n, 20n);
    },
  },
];
