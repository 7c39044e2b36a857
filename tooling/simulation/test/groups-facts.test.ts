/** What a log says of a group: read from real entries, as the model has them. */
import { type MultiOp, Op, type WriteRequest } from "@corral/protocol";
import { TxnKind } from "@corral/state-machine";
import { describe, expect, test } from "vitest";
import { type Fact, factsOf } from "../src/check/groups/facts.ts";
import { Log } from "./hand-made.ts";

const SESSION = 1;
const data = (record: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(record));
const create = (path: string, record: unknown, mode = 0): MultiOp => ({
  op: Op.create,
  path,
  data: data(record),
  mode,
  acl: null,
  ttlMs: 0,
  flags: 0,
});
const set = (path: string, record: unknown): MultiOp => ({ op: Op.set, path, data: data(record), version: -1 });
const held = (path: string, czxid: number): MultiOp => ({ op: Op.check, path, kind: 1, value: czxid });
const absent = (path: string): MultiOp => ({ op: Op.check, path, kind: 4, value: 0 });

const multi = (log: Log, ...ops: readonly MultiOp[]): number =>
  log.write({ op: Op.multi, ops } as unknown as Omit<WriteRequest, "xid" | "guards">);
const offset = (value: number, claim: number) => ({ offset: value, claim, member: "m" });

/** Everything that a group needs, and one claim of its first partition. */
function begun(): { readonly log: Log; readonly token: number } {
  const log = new Log();
  for (const path of ["/effects", "/groups", "/groups/g"]) log.create(path);
  for (const name of ["members", "instances", "targets", "own", "offsets", "leader"]) log.create(`/groups/g/${name}`);
  for (const name of ["own/t", "offsets/t"]) log.create(`/groups/g/${name}`);
  const token = multi(log, create("/groups/g/own/t/0", { member: "m" }, 1));
  return { log, token };
}

const kinds = (facts: readonly Fact[]): string[] => facts.map(({ kind }) => kind);

describe("facts of a group", () => {
  test("a claim has the session of its znode, and ends by it, by another, or with it", () => {
    const { log, token } = begun();
    expect(factsOf(log.entries)).toMatchObject([{ kind: "claim", key: "t/0", member: "m", token, session: SESSION }]);
    multi(log, { op: Op.delete, path: "/groups/g/own/t/0", version: -1 });
    expect(factsOf(log.entries).at(-1)).toMatchObject({ kind: "unclaim", token, gone: "own" });
    for (const [gone, end] of [
      ["closed", (other: Log) => other.close()],
      ["expired", (other: Log) => other.add({ kind: TxnKind.expire, session: SESSION, generation: SESSION })],
    ] as const) {
      const other = begun();
      end(other.log);
      expect(factsOf(other.log.entries).at(-1)).toMatchObject({ kind: "unclaim", token: other.token, gone });
    }
  });

  test("an effect comes before the offset of its transaction, and that before the end of the claim in it", () => {
    const { log, token } = begun();
    multi(log, create("/effects/t-0@4-", null, 2), create("/groups/g/offsets/t/0", offset(5, token)), {
      op: Op.delete,
      path: "/groups/g/own/t/0",
      version: -1,
    });
    const facts = factsOf(log.entries).slice(1);
    expect(facts).toMatchObject([
      { kind: "effect", key: "t/0", offset: 4 },
      { kind: "offset", key: "t/0", offset: 5, claim: token, session: SESSION },
      { kind: "unclaim", key: "t/0" },
    ]);
    expect(new Set(facts.map(({ index }) => index)).size).toBe(1);
  });

  test("members, instances, targets and the group's record are read; a member that says how far it is is not new", () => {
    const { log } = begun();
    multi(
      log,
      create("/groups/g/members/i1", { instance: "i1" }, 1),
      create("/groups/g/instances/i1", { state: "in" }),
    );
    multi(log, set("/groups/g/members/i1", { instance: "i1", memberEpoch: 2 }));
    multi(log, create("/groups/g/targets/i1", { epoch: 1, partitions: { u: [0], t: [1, 0] } }));
    multi(log, set("/groups/g", { epoch: 1, assignor: "range" }), set("/groups/g/instances/i1", { state: "away" }));
    const facts = factsOf(log.entries).slice(1);
    expect(facts).toMatchObject([
      { kind: "member", member: "i1", isStatic: true },
      { kind: "instance", state: "in" },
      { kind: "target", member: "i1", epoch: 1, partitions: ["t/0", "t/1", "u/0"] },
      { kind: "division", epoch: 1, assignor: "range", candidacy: undefined },
      { kind: "instance", state: "away" },
    ]);
  });

  test("what was refused is told, and nothing else of it", () => {
    const { log, token } = begun();
    const path = "/groups/g/offsets/t/0";
    multi(log, held("/groups/g/own/t/0", token - 1), create(path, offset(1, token - 1)));
    multi(log, absent("/groups/g/own/t/0"), create(path, offset(0, 0)));
    const ops = [create("/groups/g/own/t/0", { member: "n" }, 1)];
    log.write({ op: Op.multiEach, ops } as unknown as Omit<WriteRequest, "xid" | "guards">);
    // Refused for another reason.
    multi(log, held("/groups/g/own/t/0", token), set(path, offset(1, token)));
    const facts = factsOf(log.entries).slice(1);
    expect(facts.map((fact) => (fact.kind === "refused" ? fact.what : fact.kind))).toEqual([
      "commit",
      "reset",
      "claim",
    ]);
  });

  test("other znodes say nothing of the group", () => {
    const { log } = begun();
    for (const path of ["/groups/h", "/groups/g/other", "/effects/x", "/groups/g/own/u"]) log.create(path);
    expect(kinds(factsOf(log.entries))).toEqual(["claim"]);
  });
});
