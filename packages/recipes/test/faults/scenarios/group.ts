import { text } from "@corral/client";
import { expect } from "vitest";
import { type Group, group, type GroupState } from "../../../src/group.ts";
import type { Registration } from "../../../src/registration.ts";
import type { Scenario, Stage } from "../scenario.ts";

const PATH = "/groups/g";
/** Longer than any fault lasts. */
const timeoutMs = 60_000;

/** What the server lists: id, epoch, owner. */
const listed = ({ server }: Stage): [string, number, number][] =>
  server
    .dump()
    .filter(({ path, owner }) => path.startsWith(`${PATH}/`) && owner !== 0)
    .map(({ path, czxid, owner }): [string, number, number] => [path.slice(PATH.length + 1), czxid, owner])
    .toSorted(([, a], [, b]) => a - b);

const known = ({ members }: Pick<GroupState<string>, "members">): [string, number, number][] =>
  [...members].map(([id, { epoch, sessionId }]) => [id, epoch, sessionId]);

interface Followed {
  readonly group: Group<string>;
  readonly states: GroupState<string>[];
}

export const scenarios: readonly Scenario[] = [
  {
    name: "group: join and leave",
    async act({ subject, signal }) {
      const membership = await group(subject, PATH, { codec: text }).join("1", "one", { signal, timeoutMs });
      await membership.unregister({ timeoutMs });
    },
    settled: async (stage) => {
      expect(listed(stage)).toEqual([]);
      const { generation, members } = await stage.eventually(group(stage.other, PATH, { codec: text }).ready(), 1_000);
      expect(members.size).toBe(0);
      expect(generation).toBeGreaterThanOrEqual(0);
    },
  },
  {
    name: "group: follow others and oneself",
    async prepare({ subject, other }): Promise<Followed> {
      await group(other, PATH, { codec: text }).join("2", "two");
      return { group: group(subject, PATH, { codec: text }), states: [] };
    },
    async act({ subject, signal }, prepared) {
      const followed = prepared as Followed;
      await followed.group.ready({ signal, timeoutMs });
      void (async () => {
        for await (const state of followed.group.changes()) followed.states.push(state);
      })();
      return group(subject, PATH, { codec: text }).join("1", "one", { signal, timeoutMs });
    },
    async settled(stage, outcome, prepared) {
      const { group: mine, states } = prepared as Followed;
      expect(listed(stage).map(([id]) => id)).toEqual("error" in outcome ? ["2"] : expect.arrayContaining(["1", "2"]));
      await stage.eventually(mine.ready(), 1_000);
      expect(mine.isFresh).toBe(true);
      expect(known(mine)).toEqual(listed(stage));
      // Who was there all the time was never missing, and nothing was told twice.
      for (const { members } of states) expect(members.has("2")).toBe(true);
      for (const [i, state] of states.entries()) if (i > 0) expect(known(state)).not.toEqual(known(states[i - 1]!));
      const fresh = await stage.eventually(group(stage.other, PATH, { codec: text }).ready(), 1_000);
      expect(mine.generation).toBe(fresh.generation);
      if ("value" in outcome) await stage.eventually((outcome.value as Registration<string>).unregister());
      await mine.close();
    },
  },
];
