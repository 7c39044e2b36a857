/** All verbs of a double barrier. Whatever strikes them, nobody passes alone, no party stays that does not know it, and the next round begins and ends. */
import type { Client } from "@corral/client";
import { expect } from "vitest";
import { doubleBarrier, type DoubleBarrier, type Entered } from "../../../src/double-barrier.ts";
import type { Scenario, Stage } from "../scenario.ts";

const PATH = "/barriers/double";

const here = (client: Client): DoubleBarrier => doubleBarrier(client, PATH, { parties: 2, whenFull: "wait" });

const partiesIn = ({ server }: Stage): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${PATH}/round/_c_`));

async function allLeave(parties: readonly (Promise<Entered> | undefined)[]): Promise<void> {
  await Promise.all(parties.flatMap((party) => (party === undefined ? [] : [party.then((one) => one.leave())])));
}

/** Both enter a later round and leave it, and nothing stays but the number of rounds. */
async function works(stage: Stage, after = 0): Promise<void> {
  const { subject, other, server, eventually } = stage;
  const entered = await eventually(Promise.all([here(subject).enter(), here(other).enter()]), 1_000);
  expect(entered[0].round).toBe(entered[1].round);
  expect(entered[0].round).toBeGreaterThan(after);
  await eventually(Promise.all(entered.map((one) => one.leave())), 1_000);
  expect(server.dump().filter(({ path }) => path.startsWith(`${PATH}/`))).toEqual([]);
}

/** Both inside. */
async function bothIn({ subject, other, eventually }: Stage, first: "subject" | "other"): Promise<[Entered, Entered]> {
  const entering = first === "subject" ? here(subject).enter() : undefined;
  if (entering !== undefined) await subject.sync();
  const others = here(other).enter();
  await other.sync();
  const both = Promise.all([entering ?? here(subject).enter(), others]);
  return eventually(both);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "double barrier: enter as the first, and be waited for",
    prepare: async () => ({}),
    act({ subject, other, signal }, prepared) {
      // After everything is healed.
      other.clock.setTimeout(() => {
        (prepared as { others?: Promise<Entered> }).others = here(other).enter();
      }, 30_000);
      return here(subject).enter({ signal });
    },
    async settled(stage, outcome, prepared) {
      await stage.server.clock.advance(40_000);
      const mine = "value" in outcome ? (outcome.value as Entered) : undefined;
      const { others } = prepared as { others: Promise<Entered> };
      const isBegun = stage.server.dump().some(({ path }) => path === `${PATH}/round/ready`);
      expect(partiesIn(stage)).toHaveLength(mine?.isValid === true ? 2 : 1);
      // Whoever passed was not alone then; else somebody comes in place of this one.
      expect(isBegun || mine === undefined).toBe(true);
      const second = isBegun ? mine && Promise.resolve(mine) : here(stage.subject).enter();
      const { round } = await stage.eventually(others, 1_000);
      await stage.eventually(allLeave([second, others]), 1_000);
      await works(stage, round);
    },
  },
  {
    name: "double barrier: enter as the last",
    async prepare({ other }) {
      const others = here(other).enter();
      await other.sync();
      return { others };
    },
    act: ({ subject, signal }) => here(subject).enter({ signal }),
    async settled(stage, outcome, prepared) {
      const { others } = prepared as { others: Promise<Entered> };
      const mine = "value" in outcome ? (outcome.value as Entered) : undefined;
      const parties = partiesIn(stage);
      expect(parties.includes(mine?.path ?? "")).toBe(mine?.isValid ?? false);
      // Whoever did not get in left no party; if the other one passed, it leaves without it.
      const entering = mine === undefined && stage.server.dump().every(({ path }) => path !== `${PATH}/round/ready`);
      const second = entering ? here(stage.subject).enter() : undefined;
      const theirs = await stage.eventually(others, 1_000);
      await stage.eventually(allLeave([others, mine && Promise.resolve(mine), second]), 1_000);
      await works(stage, theirs.round);
    },
  },
  {
    name: "double barrier: leave as the first of the round",
    prepare: (stage) => bothIn(stage, "subject"),
    async act({ other, signal }, prepared) {
      const [mine, theirs] = prepared as [Entered, Entered];
      other.clock.setTimeout(() => void theirs.leave(), 100);
      await mine.leave({ signal });
    },
    async settled(stage, _outcome, prepared) {
      const [mine, theirs] = prepared as [Entered, Entered];
      await stage.eventually(theirs.leave(), 1_000);
      expect(mine.isValid).toBe(false);
      expect(partiesIn(stage)).toEqual([]);
      await works(stage, theirs.round);
    },
  },
  {
    name: "double barrier: leave after the first of the round",
    prepare: (stage) => bothIn(stage, "other"),
    async act({ other, signal }, prepared) {
      const [mine, theirs] = prepared as [Entered, Entered];
      other.clock.setTimeout(() => void theirs.leave(), 100);
      await mine.leave({ signal });
    },
    async settled(stage, _outcome, prepared) {
      const [mine, theirs] = prepared as [Entered, Entered];
      await stage.eventually(theirs.leave(), 1_000);
      expect(mine.isValid).toBe(false);
      expect(partiesIn(stage)).toEqual([]);
      await works(stage, theirs.round);
    },
  },
  {
    name: "double barrier: one more than the round takes",
    async prepare({ server, eventually }) {
      const others = [await server.connect(), await server.connect()];
      return eventually(Promise.all(others.map((client) => here(client).enter())));
    },
    act: ({ subject, signal }) => doubleBarrier(subject, PATH, { parties: 2 }).enter({ signal }),
    async settled(stage, outcome, prepared) {
      const inside = prepared as Entered[];
      expect("value" in outcome).toBe(false);
      // A restart is noticed by nobody, and whoever did not get in left nothing.
      expect(inside.every(({ isValid }) => isValid)).toBe(true);
      expect(partiesIn(stage).toSorted()).toEqual(inside.map(({ path }) => path).toSorted());
      await stage.eventually(Promise.all(inside.map((one) => one.leave())), 1_000);
      await works(stage, 1);
    },
  },
];
