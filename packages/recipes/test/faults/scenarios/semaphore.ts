/** All verbs of a semaphore. Whatever strikes them, every permit that nobody knows he holds is free again. */
import { isCorralError } from "@corral/client";
import { expect } from "vitest";
import type { Held } from "../../../src/hold/held.ts";
import { semaphore, type Semaphore } from "../../../src/semaphore.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/semaphores/a";
const PERMITS = 2;

const of = ({ other }: Stage, permits: number = PERMITS): Semaphore => semaphore(other, PATH, { permits });

/** The other one gets all permits within a second, and finds nothing else in the tree. */
async function allFree(stage: Stage, permits: number = PERMITS): Promise<void> {
  const theirs = of(stage, permits);
  expect(await theirs.available()).toBe(permits);
  const held: Held[] = [];
  for (let i = 0; i < permits; i++) held.push(await stage.eventually(theirs.acquire(), 1_000));
  const nodes = stage.server.dump().map(({ path }) => path);
  expect(new Set(nodes.filter((path) => path.startsWith(`${PATH}/leases/`)))).toEqual(
    new Set(held.map(({ path }) => path)),
  );
  expect(nodes.filter((path) => path.startsWith(`${PATH}/queue/`))).toEqual([]);
  expect(await theirs.tryAcquire()).toBeUndefined();
  for (const one of held) expect(await one.release()).toBe("released");
  expect(await theirs.available()).toBe(permits);
}

const heldOf = (outcome: Outcome): Held | undefined =>
  "value" in outcome ? (outcome.value as Held | undefined) : undefined;

/** Whoever holds knows it, and nobody else does. */
async function endsWith(stage: Stage, held: readonly (Held | undefined)[]): Promise<void> {
  const valid = held.filter((one) => one?.isValid === true);
  expect((await of(stage).holders()).map(({ token }) => token)).toEqual(valid.map((one) => one!.token));
  for (const one of held) await one?.release();
  await allFree(stage);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "semaphore: acquire the first permit, and release",
    async act({ subject, signal }) {
      const held = await semaphore(subject, PATH, { permits: PERMITS }).acquire({ signal });
      await held.release();
    },
    settled: (stage) => allFree(stage),
  },
  {
    name: "semaphore: acquire the last permit, and hold",
    prepare: (stage) => of(stage).acquire(),
    act: ({ subject, signal }) => semaphore(subject, PATH, { permits: PERMITS }).acquire({ signal }),
    settled: (stage, outcome, prepared) => endsWith(stage, [prepared as Held, heldOf(outcome)]),
  },
  {
    name: "semaphore: acquire behind one who waits",
    async prepare(stage) {
      const held = [await of(stage).acquire(), await of(stage).acquire()];
      const next = of(stage).acquire();
      await stage.server.clock.runUntilIdle();
      return { held, next };
    },
    async act({ subject, signal }, prepared) {
      const { held } = prepared as { held: Held[] };
      const onWait = (): void => {
        for (const one of held) void one.release();
      };
      return semaphore(subject, PATH, { permits: PERMITS }).acquire({ signal, onWait });
    },
    async settled(stage, outcome, prepared) {
      const { held, next } = prepared as { held: Held[]; next: Promise<Held> };
      // They may never have been waited for.
      for (const one of held) await one.release();
      await endsWith(stage, [await stage.eventually(next, 1_000), heldOf(outcome)]);
    },
  },
  {
    name: "semaphore: release",
    prepare: ({ subject }) => semaphore(subject, PATH, { permits: PERMITS }).acquire(),
    act: ({ signal }, prepared) => (prepared as Held).release({ signal }),
    async settled(stage, outcome, prepared) {
      expect(outcome).toHaveProperty("value");
      expect((prepared as Held).isValid).toBe(false);
      await allFree(stage);
    },
  },
  {
    name: "semaphore: tryAcquire the last permit",
    prepare: (stage) => of(stage).acquire(),
    act: ({ subject, signal }) => semaphore(subject, PATH, { permits: PERMITS }).tryAcquire({ signal }),
    async settled(stage, outcome, prepared) {
      if ("value" in outcome) expect(outcome.value).toBeDefined();
      await endsWith(stage, [prepared as Held, heldOf(outcome)]);
    },
  },
  {
    name: "semaphore: tryAcquire when there is none left",
    prepare: async (stage) => [await of(stage).acquire(), await of(stage).acquire()],
    act: ({ subject, signal }) => semaphore(subject, PATH, { permits: PERMITS }).tryAcquire({ signal }),
    async settled(stage, outcome, prepared) {
      if ("value" in outcome) expect(outcome.value).toBeUndefined();
      await endsWith(stage, prepared as Held[]);
    },
  },
  {
    name: "semaphore: resize",
    prepare: (stage) => of(stage).acquire(),
    act: ({ subject, signal }) => semaphore(subject, PATH, { permits: PERMITS }).resize(3, { signal }),
    async settled(stage, outcome, prepared) {
      const held = prepared as Held;
      expect(held.isValid).toBe(true);
      await held.release();
      const now = await of(stage).available();
      if ("value" in outcome) {
        // Read again after the answer to its own write was lost with its session, it is what it had written.
        expect(outcome.value).toBe(PERMITS);
        expect(now).toBe(3);
      } else if (!isCorralError(outcome.error, "ABORTED", "OUTCOME_UNKNOWN")) expect(now).toBe(PERMITS);
      await allFree(stage, now);
    },
  },
  {
    name: "semaphore: evict",
    prepare: (stage) => of(stage).acquire(),
    act: ({ subject, signal }, prepared) =>
      semaphore(subject, PATH, { permits: PERMITS }).evict((prepared as Held).token, { signal }),
    async settled(stage, outcome, prepared) {
      const held = prepared as Held;
      if ("value" in outcome) {
        expect(outcome.value).toBe(true);
        expect(held.isValid).toBe(false);
      }
      await endsWith(stage, [held]);
    },
  },
];
