import { describe, expect, test } from "vitest";
import { cooperativeSticky } from "../src/assignors/cooperative-sticky.ts";
import { range } from "../src/assignors/range.ts";
import type { Assignor } from "../src/index.ts";
import { divide, type Division, type GroupImage, type LiveMember } from "../src/membership/leader/division.ts";
import type { MemberRecord } from "../src/records.ts";
import { parts, shown, topic } from "./groups.ts";

let czxid = 0;

function live(id: string, more: Partial<MemberRecord> = {}): LiveMember {
  const record: MemberRecord = {
    subscription: { topics: ["x", "y"] },
    assignors: ["cooperative-sticky"],
    rack: null,
    instance: null,
    clientId: "",
    rebalanceTimeoutMs: 60_000,
    memberEpoch: 0,
    sinceMs: 0,
    ...more,
  };
  return { id, czxid: ++czxid, record };
}

/** `targets`: `{ a: "3: x0 x1" }`, epoch 3. `claims`: `{ a: "x0" }`. */
function image(
  members: readonly LiveMember[],
  more: {
    readonly topics?: GroupImage["topics"];
    readonly away?: readonly string[];
    readonly targets?: Readonly<Record<string, string>>;
    readonly claims?: Readonly<Record<string, string>>;
  } = {},
): GroupImage {
  return {
    members,
    away: new Set(more.away),
    targets: new Map(
      Object.entries(more.targets ?? {}).map(([id, text]) => {
        const [epoch, partitions] = text.split(":");
        return [id, { epoch: Number(epoch), partitions: Object.fromEntries(parts(partitions!)) }];
      }),
    ),
    claims: Object.entries(more.claims ?? {}).flatMap(([member, text]) =>
      [...parts(text)].flatMap(([name, numbers]) => numbers.map((partition) => ({ topic: name, partition, member }))),
    ),
    topics: more.topics ?? [topic("x", 4), topic("y", 2)],
  };
}

function divided(given: GroupImage, assignors: readonly Assignor[] = [cooperativeSticky, range]): Division {
  return divide(given, assignors)!;
}

const said = ({ targets }: Division): Record<string, string> =>
  shown(new Map(Array.from(targets, ([id, { partitions }]) => [id, new Map(Object.entries(partitions))])));

describe("a division", () => {
  test("leaves each partition with whom it is targeted to, also where another has it still", () => {
    const members = [live("a"), live("b")];
    const targets = { a: "1: x0 x1 x2", b: "2: x3 y0 y1" };
    const claims = { a: "x0 x1 x2 x3 y0 y1" };
    expect(said(divided(image(members, { targets, claims })))).toEqual({ a: "x0 x1 x2", b: "x3 y0 y1" });
  });

  test("of two that a partition is targeted to, leaves it with the one that has it, else with the newer target", () => {
    // A leader has ended between the two writes that take x2 and y1 from one and give it to the other.
    const members = [live("a"), live("b")];
    const targets = { a: "1: x0 x1 x2 y1", b: "2: x2 x3 y0 y1" };
    const had = divided(image(members, { targets, claims: { a: "x2" } }));
    expect(said(had)).toEqual({ a: "x0 x1 x2", b: "x3 y0 y1" });
    const turned = divided(image(members.toReversed(), { targets, claims: { a: "y1", b: "x2" } }));
    expect(said(turned)).toEqual({ a: "x0 x1 y1", b: "x2 x3 y0" });
  });

  test("leaves a partition that is targeted to nobody who lives with whoever has it", () => {
    const members = [live("a"), live("b")];
    const given = image(members, { targets: { gone: "4: x0 x1 x2 x3 y0 y1" }, claims: { a: "x3 y1", b: "x0 y0" } });
    const now = said(divided(given));
    expect(now["a"]).toMatch(/x3.*y1/);
    expect(now["b"]).toMatch(/x0.*y0/);
  });

  test("knows nothing of topics, partitions and claims that are gone", () => {
    const members = [live("a")];
    const targets = { a: "1: x0 x7 z0" };
    expect(said(divided(image(members, { targets, claims: { a: "z3 x9", b: "x1" } })))).toEqual({
      a: "x0 x1 x2 x3 y0 y1",
    });
  });

  test("leaves out topics that are subscribed to and do not exist", () => {
    const members = [live("a", { subscription: { topics: ["x", "nowhere"] } }), live("b")];
    expect(said(divided(image(members)))).toEqual({ a: "x0 x1 x2", b: "x3 y0 y1" });
  });

  test("gives topics that match a pattern, also those of another notation only to who can read it", () => {
    const members = [
      live("a", { subscription: { pattern: "^x$" } }),
      live("b", { subscription: { pattern: "(?<bad" } }),
    ];
    const division = divided(image(members));
    expect(said(division)).toEqual({ a: "x0 x1 x2 x3", b: "" });
    expect(division.targets.get("b")?.refused).toContain("(?<bad");
  });

  test("refuses a member that is no record of ours, and goes on with the others", () => {
    const members = [live("a"), { id: "junk", czxid: 9, record: null as unknown as MemberRecord }];
    const division = divided(image(members));
    expect(division.targets.get("junk")?.refused).not.toBe(undefined);
    expect(said(division)["a"]).toBe("x0 x1 x2 x3 y0 y1");
  });

  test("tells the newcomer that has no assignor in common, and divides among the others", () => {
    const members = [live("a"), live("b", { assignors: ["mine"] })];
    const division = divided(image(members));
    expect(division.targets.get("b")).toMatchObject({
      partitions: {},
      refused: expect.stringContaining("cooperative-sticky"),
    });
    expect(said(division)["a"]).toBe("x0 x1 x2 x3 y0 y1");
  });

  test("takes the best assignor that the leader has, and is none where it has none of them", () => {
    const both = [live("a", { assignors: ["mine", "range"] }), live("b", { assignors: ["mine", "range"] })];
    expect(divided(image(both)).assignor).toBe("range");
    expect(divide(image([live("a", { assignors: ["mine"] })]), [range])).toBe(undefined);
  });

  test("keeps what waits for a member that is away from everybody else, whatever the assignor", () => {
    for (const name of ["range", "cooperative-sticky"]) {
      const members = [live("a", { assignors: [name] }), live("b", { assignors: [name] })];
      const targets = { gone: "1: x1 x2", a: "1: x0 y0", b: "1: x3 y1" };
      const now = said(divided(image(members, { away: ["gone"], targets })));
      expect(now).toEqual({ gone: "x1 x2", a: "x0 y0", b: "x3 y1" });
    }
  });

  test("shares out all the rest when a newcomer joins while another is away", () => {
    const members = [live("a"), live("new")];
    const targets = { gone: "1: x1 x2", a: "1: x0 x3 y0 y1" };
    const now = said(divided(image(members, { away: ["gone"], targets })));
    expect(now["gone"]).toBe("x1 x2");
    expect([...now["a"]!.split(" "), ...now["new"]!.split(" ")].toSorted()).toEqual(["x0", "x3", "y0", "y1"]);
    expect(now["a"]!.split(" ")).toHaveLength(2);
  });

  test("goes on without trouble when a topic is shortened of which something waits for a member that is away", () => {
    const given = image([live("a")], { away: ["gone"], targets: { gone: "1: x1 x2" }, topics: [topic("x", 2)] });
    expect(said(divided(given))).toEqual({ gone: "x1 x2", a: "x0" });
  });

  test("shows racks of the right partitions where some are kept back", () => {
    const racks = [["r1"], ["r9"], ["r2"], ["r1"]];
    const members = [live("a", { assignors: ["range"], rack: "r2" }), live("b", { assignors: ["range"], rack: "r1" })];
    const topics = [{ name: "x", partitions: 4, racks }];
    const now = said(divided(image(members, { topics, away: ["gone"], targets: { gone: "1: x1" } })));
    expect(now).toEqual({ gone: "x1", a: "x2", b: "x0 x3" });
  });

  test("is refused when the assignor gives a partition to two, to nobody, to a stranger, or what is not there", () => {
    const bad = (targets: Record<string, string>): Assignor => ({
      name: "cooperative-sticky",
      protocol: "eager",
      assign: () => new Map(Object.entries(targets).map(([id, text]) => [id, parts(text)])),
    });
    const members = [live("a"), live("b", { subscription: { topics: ["x"] } })];
    const all = "x0 x1 x2 x3 y0 y1";
    for (const targets of [
      { a: all, b: "x0" },
      { a: "x0 x1 x2 y0 y1", b: "" },
      { a: "x0 x1 x2 x3", b: "" },
      { a: all, c: "" },
      { a: `${all} y2`, b: "" },
      { a: "x0 x1 x2 x3", b: "y0 y1" },
      { a: "x1 x0 x2 x3 y0 y1", b: "" },
      { a: "x0 x0 x1 x2 x3 y0 y1", b: "" },
    ])
      expect(() => divided(image(members), [bad(targets as Record<string, string>)]), JSON.stringify(targets)).toThrow(
        RangeError,
      );
    expect(said(divided(image(members), [bad({ a: all })]))).toEqual({ a: all, b: "" });
  });
});
