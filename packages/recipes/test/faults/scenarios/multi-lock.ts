/** Several locks as one. Whatever strikes, either all are held by whoever knows it, or none is. */
import { expect } from "vitest";
import type { Held } from "../../../src/hold/held.ts";
import { lock } from "../../../src/lock.ts";
import { type MultiHeld, type MultiLock, multiLock } from "../../../src/multi-lock.ts";
import type { Client } from "@corral/client";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATHS = ["/locks/a", "/locks/b", "/locks/c"];

const allOf = (client: Client): MultiLock =>
  multiLock(
    client,
    PATHS.map((path) => lock(client, path)),
  );

const contenders = ({ server }: Stage): number[] =>
  server
    .dump()
    .filter(({ path, owner }) => owner !== 0 && path.startsWith("/locks/"))
    .map(({ czxid }) => czxid);

async function allFree(stage: Stage): Promise<void> {
  const held = await stage.eventually(allOf(stage.other).acquire(), 1_000);
  expect(held.isValid).toBe(true);
  expect(new Set(contenders(stage))).toEqual(new Set(held.tokens));
  expect(await held.release()).toBe("released");
}

const heldOf = (outcome: Outcome): MultiHeld | undefined =>
  "value" in outcome ? (outcome.value as MultiHeld | undefined) : undefined;

export const scenarios: readonly Scenario[] = [
  {
    name: "multi-lock: acquire free ones, and hold",
    act: ({ subject, signal }) => allOf(subject).acquire({ signal }),
    async settled(stage, outcome) {
      const held = heldOf(outcome);
      expect(contenders(stage)).toEqual(held?.isValid === true ? held.tokens : []);
      await held?.release();
      await allFree(stage);
    },
  },
  {
    name: "multi-lock: acquire one by one, as others let go",
    prepare: ({ other }) => Promise.all(PATHS.slice(0, 2).map((path) => lock(other, path).acquire())),
    async act({ subject, signal }, prepared) {
      const theirs = prepared as Held[];
      const onWait = (): void => void theirs.find(({ signal: over }) => !over.aborted)?.release();
      await using held = await allOf(subject).acquire({ signal, onWait });
      return held.token;
    },
    async settled(stage, _outcome, prepared) {
      // They may never have been waited for.
      for (const held of prepared as Held[]) await held.release();
      await allFree(stage);
    },
  },
  {
    name: "multi-lock: tryAcquire when the last is held",
    prepare: ({ other }) => lock(other, PATHS[2]!).acquire(),
    act: ({ subject, signal }) => allOf(subject).tryAcquire({ signal }),
    async settled(stage, outcome, prepared) {
      const theirs = prepared as Held;
      if ("value" in outcome) expect(outcome.value).toBeUndefined();
      expect(theirs.isValid).toBe(true);
      expect(contenders(stage)).toEqual([theirs.token]);
      await theirs.release();
      await allFree(stage);
    },
  },
  {
    name: "multi-lock: release",
    prepare: ({ subject }) => allOf(subject).acquire(),
    act: ({ signal }, prepared) => (prepared as MultiHeld).release({ signal }),
    async settled(stage, outcome, prepared) {
      expect(outcome).toHaveProperty("value");
      expect((prepared as MultiHeld).isValid).toBe(false);
      await allFree(stage);
    },
  },
];
