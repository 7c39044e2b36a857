import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkPartition, electLeader, type ElectionKind, firstState, type PartitionState } from "../src/index.ts";
import { BROKERS, brokerSet, partition, quiet, set } from "./states.ts";

const KINDS: readonly ElectionKind[] = ["offline", "preferred", "controlled-shutdown", "unclean"];

interface Row {
  readonly name: string;
  readonly kind: ElectionKind;
  readonly state: Partial<PartitionState>;
  readonly live: readonly number[];
  readonly leaving?: readonly number[];
  readonly unclean?: boolean;
  /** Leader and in-sync replicas after; a word if nobody is elected. */
  readonly is: readonly [number, readonly number[]] | "unchanged" | "none";
  readonly recovering?: boolean;
}

const rows: readonly Row[] = [
  {
    name: "offline: the first live in sync, in the order of replicas",
    kind: "offline",
    state: { leader: null, isr: [3, 2] },
    live: [2, 3],
    is: [2, [3, 2]],
  },
  {
    name: "offline: who is dead leaves the in-sync replicas",
    kind: "offline",
    state: { leader: 1 },
    live: [3],
    is: [3, [3]],
  },
  {
    name: "offline: who is live but not in sync does not lead",
    kind: "offline",
    state: { leader: null, isr: [1] },
    live: [2, 3],
    is: "none",
  },
  {
    name: "offline: who is shutting down neither leads nor stays in sync",
    kind: "offline",
    state: { leader: 1 },
    live: [2, 3],
    leaving: [2],
    is: [3, [3]],
  },
  {
    name: "offline: who is shutting down leads where nobody else in sync lives",
    kind: "offline",
    state: { leader: 1, isr: [1, 2] },
    live: [2, 3],
    leaving: [2],
    unclean: true,
    is: [2, [2]],
  },
  {
    name: "offline: a leader that lives goes on",
    kind: "offline",
    state: { leader: 2 },
    live: [1, 2],
    is: "unchanged",
  },
  {
    name: "offline: a leader that is shutting down still leads",
    kind: "offline",
    state: { leader: 1 },
    live: [1, 2],
    leaving: [1],
    is: "unchanged",
  },
  {
    name: "offline, unclean allowed: who is in sync goes first",
    kind: "offline",
    state: { leader: null, isr: [3] },
    live: [2, 3],
    unclean: true,
    is: [3, [3]],
  },
  {
    name: "offline, unclean allowed: the first live, alone in sync, recovering",
    kind: "offline",
    state: { leader: null, isr: [1] },
    live: [2, 3],
    unclean: true,
    is: [2, [2]],
    recovering: true,
  },
  {
    name: "offline, unclean allowed: nobody lives",
    kind: "offline",
    state: { leader: null },
    live: [9],
    unclean: true,
    is: "none",
  },
  {
    name: "unclean: the first live, alone in sync, recovering",
    kind: "unclean",
    state: { leader: null, isr: [1] },
    live: [3],
    is: [3, [3]],
    recovering: true,
  },
  { name: "unclean: not while somebody leads", kind: "unclean", state: {}, live: [1], is: "unchanged" },
  {
    name: "preferred: back to the first, in-sync replicas unchanged",
    kind: "preferred",
    state: { leader: 2, isr: [2, 1] },
    live: [1, 2, 3],
    is: [1, [2, 1]],
  },
  { name: "preferred: the first leads already", kind: "preferred", state: {}, live: [1, 2, 3], is: "unchanged" },
  {
    name: "preferred: the first is not in sync",
    kind: "preferred",
    state: { leader: 2, isr: [2, 3] },
    live: [1, 2, 3],
    is: "none",
  },
  { name: "preferred: the first is dead", kind: "preferred", state: { leader: 2 }, live: [2, 3], is: "none" },
  {
    name: "preferred: the first is shutting down",
    kind: "preferred",
    state: { leader: 2 },
    live: [1, 2, 3],
    leaving: [1],
    is: "none",
  },
  {
    name: "controlled shutdown: the next in sync; who leaves is not in sync any more",
    kind: "controlled-shutdown",
    state: {},
    live: [1, 2, 3],
    leaving: [1],
    is: [2, [2, 3]],
  },
  {
    name: "controlled shutdown: two at once",
    kind: "controlled-shutdown",
    state: {},
    live: [1, 2, 3],
    leaving: [1, 2],
    is: [3, [3]],
  },
  {
    name: "controlled shutdown: nobody else is in sync, so it goes on leading",
    kind: "controlled-shutdown",
    state: { isr: [1] },
    live: [1, 2, 3],
    leaving: [1],
    is: "none",
  },
  {
    name: "controlled shutdown: one replica only",
    kind: "controlled-shutdown",
    state: { replicas: [1], isr: [1] },
    live: [1],
    leaving: [1],
    is: "none",
  },
  {
    name: "controlled shutdown: of a follower, leadership stays",
    kind: "controlled-shutdown",
    state: {},
    live: [1, 2, 3],
    leaving: [2],
    is: "unchanged",
  },
];

describe("an election decides", () => {
  test.each(rows)("$name", ({ kind, state, live, leaving = [], unclean, is, recovering = false }) => {
    const before = partition(state);
    const election = electLeader(before, kind, set(...live), set(...leaving), { unclean });
    if (typeof is === "string") {
      expect(election.outcome).toBe(is);
      return;
    }
    expect(election).toEqual({
      outcome: "elected",
      state: { ...before, leader: is[0], isr: is[1], leaderEpoch: before.leaderEpoch + 1, recovering },
      clean: !recovering,
    });
  });

  test("the first state is led by the first live replica, with all live ones in sync", () => {
    expect(firstState([4, 2, 7], set(2, 7))).toEqual({
      outcome: "elected",
      state: partition({ replicas: [4, 2, 7], leader: 2, isr: [2, 7], leaderEpoch: 0 }),
      clean: true,
    });
    expect(firstState([4, 2], set(1)).outcome).toBe("none");
  });
});

describe("whatever is elected", () => {
  const any = fc.record({
    state: quiet,
    kind: fc.constantFrom(...KINDS),
    live: brokerSet,
    leaving: brokerSet,
    unclean: fc.boolean(),
  });

  test("leads live and in sync, and the epoch is one more; a clean one was in sync before and nobody comes into sync", () => {
    fc.assert(
      fc.property(any, ({ state, kind, live, leaving, unclean }) => {
        const election = electLeader(state, kind, live, leaving, { unclean });
        if (election.outcome !== "elected") return;
        const { state: next, clean } = election;
        checkPartition(next);
        expect(next.leaderEpoch).toBe(state.leaderEpoch + 1);
        expect(live.has(next.leader as number)).toBe(true);
        if (leaving.has(next.leader as number)) {
          expect(state.isr.some((id) => live.has(id) && !leaving.has(id))).toBe(false);
        }
        expect(next.leader).not.toBe(state.leader);
        expect(next.isr).toContain(next.leader);
        expect(next.replicas).toEqual(state.replicas);
        if (clean) expect(state.isr).toEqual(expect.arrayContaining([...next.isr]));
        else expect(next).toMatchObject({ isr: [next.leader], recovering: true });
        if (!clean) expect(state.isr.some((id) => live.has(id))).toBe(false);
      }),
    );
  });

  test("is clean unless it was asked for otherwise", () => {
    fc.assert(
      fc.property(any, ({ state, kind, live, leaving }) => {
        if (kind === "unclean") return;
        const election = electLeader(state, kind, live, leaving);
        if (election.outcome === "elected") expect(election.clean).toBe(true);
      }),
    );
  });

  test("a partition that nobody leads gets a leader whenever one in sync may lead", () => {
    fc.assert(
      fc.property(any, ({ state, live, leaving }) => {
        const orphan = { ...state, leader: null };
        const could = state.isr.some((id) => live.has(id));
        expect(electLeader(orphan, "offline", live, leaving).outcome).toBe(could ? "elected" : "none");
      }),
    );
  });

  test("a broken state is refused, by the invariant's name", () => {
    const everybody = new Set(Array.from({ length: BROKERS }, (_, id) => id));
    expect(() => electLeader(partition({ leader: 9 }), "offline", everybody)).toThrow(
      /leader 9 is not in isr \[1,2,3\]/,
    );
    expect(() => electLeader(partition({ leader: null, leaderEpoch: 2 ** 31 - 1 }), "offline", everybody)).toThrow(
      /leaderEpoch is 2147483648, not a whole number from 0 to 2147483647/,
    );
  });
});
