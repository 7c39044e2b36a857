import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { vote, type Voter } from "../src/vote.ts";

const voters = (...lists: string[]): Voter[] =>
  lists.map((list, at) => ({ member: `m${at}`, assignors: list.split(" ") }));

describe("a vote", () => {
  test("is won by the assignor that most members prefer among those that all of them name", () => {
    expect(vote(voters("a b c", "b a c", "c b"))).toEqual({ winner: "b", common: ["b", "c"], refused: [] });
    expect(vote(voters("a b", "b a", "a b")).winner).toBe("a");
  });

  test("goes by the list of the eldest when votes are equal", () => {
    expect(vote(voters("a b", "b a")).winner).toBe("a");
    expect(vote(voters("b a", "a b")).winner).toBe("b");
  });

  test("goes over to another assignor once the last member names it", () => {
    expect(vote(voters("old", "old new", "new old")).winner).toBe("old");
    expect(vote(voters("new old", "old new", "new old")).winner).toBe("new");
  });

  test("refuses the newcomer who names nothing in common, and nobody else", () => {
    expect(vote(voters("a b", "x", "b"))).toEqual({ winner: "b", common: ["b"], refused: ["m1"] });
  });

  test("refuses whoever names nothing, also the eldest, and has no winner when nobody is left", () => {
    expect(vote([{ member: "m0", assignors: [] }])).toEqual({ winner: undefined, common: [], refused: ["m0"] });
    expect(vote([{ member: "m0", assignors: [] }, ...voters("a")]).winner).toBe("a");
    expect(vote([]).winner).toBe(undefined);
  });

  test("is won, in any group, by one that all who are not refused name, and takes in the eldest", () => {
    const lists = fc.array(fc.uniqueArray(fc.constantFrom<string[]>("a", "b", "c", "d"), { minLength: 1 }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(lists, (all) => {
        const group = all.map((assignors, at) => ({ member: `m${at}`, assignors }));
        const { winner, refused } = vote(group);
        const taken = group.filter(({ member }) => !refused.includes(member));
        expect(taken.every(({ assignors }) => assignors.includes(winner!))).toBe(true);
        expect(refused).not.toContain("m0");
        // Whoever is refused could not have been taken in beside those before it.
        for (const member of refused) {
          const at = group.findIndex((one) => one.member === member);
          const before = taken.filter((one) => group.indexOf(one) < at);
          const common = group[at]!.assignors.filter((name) =>
            before.every(({ assignors }) => assignors.includes(name)),
          );
          expect(common).toEqual([]);
        }
      }),
    );
  });
});
