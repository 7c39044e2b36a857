/** The two phases of a cooperative move. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cooperativeSticky, twoPhase } from "../src/index.ts";
import type { GroupMember, Handover } from "../src/index.ts";
import { member, named, parts, worlds } from "./groups.ts";

/** The members after they did what the handovers say is to be done now. */
function stepped(members: readonly GroupMember[], handovers: ReadonlyMap<string, Handover>): GroupMember[] {
  return members.map((one) => {
    const { keep, claim } = handovers.get(one.id)!;
    const partitions = new Map<string, number[]>();
    for (const some of [keep, claim]) {
      for (const [name, numbers] of some) partitions.set(name, [...(partitions.get(name) ?? []), ...numbers]);
    }
    return { ...one, owned: { generation: 9, partitions } };
  });
}

const all = (part: "keep" | "revoke" | "claim" | "wait", handovers: ReadonlyMap<string, Handover>): string[] =>
  [...handovers.values()].flatMap((handover) => [...named(handover[part])]);

describe("twoPhase", () => {
  test("what moves is first given back, what nobody has is claimed at once, the rest goes on", () => {
    const before = [
      member("a", ["t"], { owned: { generation: 1, partitions: parts("t0 t1 t2") } }),
      member("b", ["t"]),
    ];
    const target = new Map([
      ["a", parts("t0 t1")],
      ["b", parts("t2 t3")],
    ]);
    expect(twoPhase(before, target)).toEqual(
      new Map([
        ["a", { keep: parts("t0 t1"), revoke: parts("t2"), claim: parts(""), wait: parts("") }],
        ["b", { keep: parts(""), revoke: parts(""), claim: parts("t3"), wait: parts("t2") }],
      ]),
    );
  });

  test("what two have in one generation, both give back; of two generations, the older one does", () => {
    const claim = (id: string, generation: number): GroupMember =>
      member(id, ["t"], { owned: { generation, partitions: parts("t0") } });
    const target = new Map([["a", parts("t0")]]);
    const equal = twoPhase([claim("a", 1), claim("b", 1)], target);
    expect(equal.get("a")).toEqual({ keep: parts(""), revoke: parts("t0"), claim: parts(""), wait: parts("t0") });
    expect(equal.get("b")!.revoke).toEqual(parts("t0"));
    const newer = twoPhase([claim("a", 2), claim("b", 1)], target);
    expect(newer.get("a")!.keep).toEqual(parts("t0"));
    expect(newer.get("b")!.revoke).toEqual(parts("t0"));
  });

  test("a target for nobody is refused", () => {
    expect(() => twoPhase([member("a", [])], new Map([["b", parts("t0")]]))).toThrow('the target names "b"');
  });

  test("nothing is given back and claimed in one step, and after two steps all have what they are to have", () => {
    fc.assert(
      fc.property(fc.constantFrom("equal", "any").chain(worlds), ({ members, topics }) => {
        const target = cooperativeSticky.assign(members, topics);
        const first = twoPhase(members, target);
        const held = new Set(members.flatMap(({ owned }) => [...named(owned?.partitions ?? new Map())]));
        for (const partition of all("claim", first)) expect(held).not.toContain(partition);
        for (const partition of all("wait", first)) expect(all("revoke", first)).toContain(partition);
        for (const { id, owned } of members) {
          const { keep, revoke, claim, wait } = first.get(id)!;
          expect([...named(keep), ...named(revoke)].sort()).toEqual([...named(owned?.partitions ?? new Map())].sort());
          expect([...named(keep), ...named(claim), ...named(wait)].sort()).toEqual([...named(target.get(id)!)].sort());
        }

        const between = stepped(members, first);
        const second = twoPhase(between, target);
        expect(all("revoke", second)).toEqual([]);
        expect(all("wait", second)).toEqual([]);
        expect(all("claim", second).sort()).toEqual(all("wait", first).sort());
      }),
      { numRuns: 500 },
    );
  });

  test("asked anew between the two steps, the assignor takes nothing from anybody that keeps to it", () => {
    fc.assert(
      fc.property(worlds("equal"), ({ members, topics }) => {
        const between = stepped(members, twoPhase(members, cooperativeSticky.assign(members, topics)));
        const again = twoPhase(between, cooperativeSticky.assign(between, topics));
        expect(all("revoke", again)).toEqual([]);
        expect(all("wait", again)).toEqual([]);
      }),
    );
  });
});
