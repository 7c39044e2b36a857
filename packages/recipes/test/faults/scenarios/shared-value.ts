/** All verbs of a shared value. Whatever strikes them, it is what stands at the server, and a write that is not unknown happened once or not at all. */
import { isCorralError, text } from "@corral/client";
import { expect } from "vitest";
import { type SharedValue, sharedValue } from "../../../src/shared-value.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/shared/a";
const HOW = { codec: text, initial: "initial" };

/** What stands at the server: `after` if the call succeeded, `before` if not, one of both if nobody can know. */
async function isExact(stage: Stage, outcome: Outcome, before: string | undefined, after: string): Promise<void> {
  const { other, eventually } = stage;
  const now = (await eventually(other.find(PATH, { codec: text, consistency: "linearizable" })))?.value;
  if ("value" in outcome) expect(now).toBe(after);
  else if (isCorralError(outcome.error) && outcome.error.outcome === "no") expect(now).toBe(before);
  else expect([before, after]).toContain(now);
}

/** It shows what is there, and what is written next. */
async function isAlive({ other, server, eventually }: Stage, shared: SharedValue<string>): Promise<void> {
  expect(shared.isFresh).toBe(true);
  expect(shared.value).toBe((await eventually(other.find(PATH, { codec: text })))?.value ?? "initial");
  await using theirs = await eventually(sharedValue(other, PATH, HOW));
  await eventually(theirs.set("then", { ifMatch: theirs.zxid }));
  await server.clock.advance(1_000);
  expect(shared).toMatchObject({ value: "then", zxid: theirs.zxid, isFresh: true });
  await shared.close();
}

const opened = ({ subject, eventually }: Stage): Promise<SharedValue<string>> =>
  eventually(sharedValue(subject, PATH, HOW));

export const scenarios: readonly Scenario[] = [
  {
    name: "shared value: open the first",
    act: ({ subject, signal }) => sharedValue(subject, PATH, { ...HOW, signal }),
    async settled(stage, outcome) {
      if ("value" in outcome) await isAlive(stage, outcome.value as SharedValue<string>);
      await stage.server.clock.advance(1_000);
      expect(stage.server.leaks().subscriptions).toBe(0);
      await using again = await opened(stage);
      expect(["initial", "then"]).toContain(again.value);
    },
  },
  {
    name: "shared value: set",
    prepare: opened,
    act: ({ signal }, shared) => (shared as SharedValue<string>).set("mine", { signal }),
    async settled(stage, outcome, shared) {
      await isExact(stage, outcome, "initial", "mine");
      await isAlive(stage, shared as SharedValue<string>);
    },
  },
  {
    name: "shared value: compare and set",
    prepare: opened,
    act({ signal }, prepared) {
      const shared = prepared as SharedValue<string>;
      return shared.set("mine", { signal, ifMatch: shared.zxid });
    },
    async settled(stage, outcome, shared) {
      await isExact(stage, outcome, "initial", "mine");
      await isAlive(stage, shared as SharedValue<string>);
    },
  },
  {
    name: "shared value: set after a deletion",
    async prepare(stage) {
      const shared = await opened(stage);
      await stage.other.delete(PATH);
      return shared;
    },
    act: ({ signal }, shared) => (shared as SharedValue<string>).set("mine", { signal }),
    async settled(stage, outcome, shared) {
      await isExact(stage, outcome, undefined, "mine");
      await isAlive(stage, shared as SharedValue<string>);
    },
  },
  {
    name: "shared value: update",
    prepare: opened,
    act: ({ signal }, shared) => (shared as SharedValue<string>).update((now) => `${now}!`, { signal }),
    async settled(stage, outcome, shared) {
      await isExact(stage, outcome, "initial", "initial!");
      await isAlive(stage, shared as SharedValue<string>);
    },
  },
];
