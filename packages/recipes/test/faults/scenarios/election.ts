/** Elections: coming to lead, leading again, and looking on. */
import { expect } from "vitest";
import { election, type Leadership } from "../../../src/election.ts";
import type { Scenario, Stage } from "../scenario.ts";

const PATH = "/election";
const WORK = "/work";

/** Nobody stands in the way of the next one. */
async function isOpen({ other, eventually }: Stage): Promise<void> {
  expect(await eventually(election(other, PATH).candidates())).toEqual([]);
  await using next = await eventually(election(other, PATH).campaign(), 1_000);
  expect(next.isValid).toBe(true);
  expect(await eventually(election(other, PATH).current())).toMatchObject({ term: next.term, isMine: true });
}

export const scenarios: readonly Scenario[] = [
  {
    name: "election: a candidate comes to lead after another, proclaims, and resigns",
    prepare: ({ other }) => election(other, PATH, { identity: "first" }).campaign(),
    async act({ subject, signal }, prepared) {
      const first = prepared as Leadership;
      await using leadership = await election(subject, PATH, { identity: "second" }).campaign({
        signal,
        onWait: () => void first.resign(),
      });
      await leadership.proclaim(Uint8Array.of(1), { signal, timeoutMs: Infinity });
      return leadership.term;
    },
    async settled(stage, outcome, prepared) {
      // It may never have been waited for.
      await stage.eventually((prepared as Leadership).resign());
      if ("value" in outcome) expect(outcome.value).toBeGreaterThan((prepared as Leadership).term);
      await isOpen(stage);
    },
  },
  {
    name: "election: run leads, works under its guard, and resigns",
    prepare: ({ other }) => other.create(WORK, Uint8Array.of(0)),
    async act({ subject, signal }) {
      let calls = 0;
      const set = { signal, timeoutMs: Infinity };
      await election(subject, PATH).run(
        async ({ guard }) => {
          calls++;
          await subject.set(WORK, Uint8Array.of(1), { ...set, guard });
        },
        { signal },
      );
      expect(calls).toBe(1);
    },
    async settled(stage, outcome) {
      const { value } = await stage.other.get(WORK);
      if ("value" in outcome) expect(value).toEqual(Uint8Array.of(1));
      await isOpen(stage);
    },
  },
  {
    name: "election: run leads again and again, whatever it loses, until it is stopped",
    prepare: ({ other }) => other.create(WORK, Uint8Array.of(0)),
    async act({ subject, signal }) {
      const stop = new AbortController();
      signal.addEventListener("abort", () => {
        stop.abort();
      });
      let under = 0;
      const terms: number[] = [];
      await election(subject, PATH).run(
        async ({ guard, term }, ended) => {
          expect(++under).toBe(1);
          terms.push(term);
          try {
            const add = { guard, signal: ended, timeoutMs: Infinity };
            const { value } = await subject.update(WORK, (now) => Uint8Array.of(now!.value![0]! + 1), add);
            if (value![0]! >= 2) stop.abort();
          } finally {
            under--;
          }
        },
        { again: true, signal: stop.signal },
      );
      expect(terms).toEqual(terms.toSorted((a, b) => a - b));
      return terms.length;
    },
    async settled(stage, outcome) {
      const { value } = await stage.other.get(WORK);
      // Once for each term at most. A term may have been lost before its work was done, or before it learned of it.
      if ("value" in outcome) expect(value![0]).toBeLessThanOrEqual(outcome.value as number);
      if (!stage.signal.aborted) expect(value![0]).toBeGreaterThanOrEqual(2);
      await isOpen(stage);
    },
  },
  {
    name: "election: observe sees the leader, and that it has gone",
    prepare: ({ other }) => election(other, PATH, { identity: "first" }).campaign(),
    async act({ subject, signal }, prepared) {
      const first = prepared as Leadership;
      const seen: (number | undefined)[] = [];
      for await (const leader of election(subject, PATH).observe({ signal })) {
        seen.push(leader?.term);
        if (leader === undefined) break;
        void first.resign();
      }
      // Whoever is away long enough sees the end only.
      if (!signal.aborted) expect(seen.at(-1)).toBeUndefined();
      expect(seen.filter((term) => term !== undefined && term !== first.term)).toEqual([]);
      return "seen";
    },
    async settled(stage, _outcome, prepared) {
      await stage.eventually((prepared as Leadership).resign());
      await isOpen(stage);
    },
  },
];
