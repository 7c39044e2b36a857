/** All verbs of a barrier. Whatever strikes them, whoever waits goes on when it is down, and it is up or down as the last call that succeeded left it. */
import { expect } from "vitest";
import { barrier } from "../../../src/barrier.ts";
import type { Scenario, Stage } from "../scenario.ts";

const PATH = "/barriers/a";

/** It works for the others: up, down, and a wait of each. */
async function works({ other, server, eventually }: Stage): Promise<void> {
  await eventually(barrier(other, PATH).raise(), 1_000);
  const waiting = barrier(other, PATH).wait();
  await eventually(barrier(other, PATH).lower(), 1_000);
  await eventually(waiting, 1_000);
  expect(server.dump().filter(({ path }) => path.startsWith(PATH))).toEqual([]);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "barrier: raise",
    act: ({ subject, signal }) => barrier(subject, PATH).raise({ signal }),
    async settled(stage, outcome) {
      const up = stage.server.dump().filter(({ path }) => path === PATH);
      if ("value" in outcome) expect(up).toMatchObject([{ czxid: outcome.value, owner: 0 }]);
      // Raised once more, nothing is left unknown.
      expect(await stage.eventually(barrier(stage.subject, PATH).raise())).toBeGreaterThan(0);
      expect(await stage.eventually(barrier(stage.other, PATH).isRaised())).toBe(true);
      await works(stage);
    },
  },
  {
    name: "barrier: raise as an ephemeral",
    act: ({ subject, signal }) => barrier(subject, PATH).raise({ signal, lifetime: "ephemeral" }),
    async settled(stage) {
      const { subject, server } = stage;
      const up = server.dump().filter(({ path }) => path === PATH);
      // None but of the present session.
      for (const { owner } of up) expect(owner).toBe(subject.session!.id);
      await works(stage);
    },
  },
  {
    name: "barrier: lower",
    prepare: ({ other }) => barrier(other, PATH).raise(),
    act: ({ subject, signal }) => barrier(subject, PATH).lower({ signal }),
    async settled(stage, outcome) {
      if ("value" in outcome) {
        expect(outcome.value).toBe(true);
        expect(stage.server.dump().some(({ path }) => path === PATH)).toBe(false);
      }
      await works(stage);
    },
  },
  {
    name: "barrier: wait until it is lowered",
    prepare: ({ other }) => barrier(other, PATH).raise(),
    async act({ subject, other, signal }) {
      const waiting = barrier(subject, PATH).wait({ signal });
      other.clock.setTimeout(() => void barrier(other, PATH).lower(), 20_000);
      await waiting;
    },
    async settled(stage) {
      await stage.server.clock.advance(20_000);
      expect(stage.server.leaks().watches).toBe(0);
      await works(stage);
    },
  },
  {
    name: "barrier: wait while it is lowered and raised again",
    prepare: ({ other }) => barrier(other, PATH).raise(),
    async act({ subject, other, signal, server }) {
      const waiting = barrier(subject, PATH).wait({ signal });
      // When it has looked; if it never did, it waits for the second one, which is lowered when everything is healed.
      server.faults.at({ op: "exists", client: 1 }, () => {
        other.clock.setTimeout(() => {
          void barrier(other, PATH).lower();
          void barrier(other, PATH).raise();
        }, 10);
      });
      other.clock.setTimeout(() => void barrier(other, PATH).lower(), 30_000);
      await waiting;
    },
    async settled(stage, outcome) {
      const upFor = 30_000 - stage.server.clock.now;
      // Let go by the end of the first, as far as it had seen that.
      if ("value" in outcome && upFor > 20_000) {
        expect(await stage.eventually(barrier(stage.other, PATH).isRaised())).toBe(true);
      }
      await stage.server.clock.advance(30_000);
      await works(stage);
    },
  },
];
