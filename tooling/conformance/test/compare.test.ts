import { describe, expect, it } from "vitest";
import { openAcl } from "../src/acl.ts";
import type { Answer, Stat } from "../src/answer.ts";
import { compare } from "../src/compare.ts";
import type { Op, Sequence } from "../src/operation.ts";
import type { Entry, Transcript } from "../src/runner.ts";

const create: Op = { op: "create", path: "/a", data: "x", acl: openAcl, mode: "persistent", stat: true };
const get: Op = { op: "getData", path: "/a", watch: true };
const set: Op = { op: "setData", path: "/a", data: "y", version: -1 };
const sequence: Sequence = {
  seed: 1,
  mortal: [false],
  steps: [{ step: "burst", session: 0, ops: [create, get, set] }],
};

const stat = (zxid: number, changes: Partial<Stat> = {}): Stat => ({
  czxid: BigInt(zxid),
  mzxid: BigInt(zxid),
  pzxid: BigInt(zxid),
  ctime: 1000,
  mtime: 1000,
  version: 0,
  cversion: 0,
  aversion: 0,
  owner: "",
  dataLength: 1,
  numChildren: 0,
  ...changes,
});
const reply = (index: number, op: Op, answer: Answer): Entry => ({ kind: "reply", step: 0, index, op, answer });
const changed: Entry = { kind: "event", type: "dataChanged", path: "/a" };

/** What a server says whose first write has the zxid `base` and whose second comes `gap` later. */
function heard(base: number, gap: number, second: Partial<Stat> = {}): Transcript {
  const after = stat(base, { mzxid: BigInt(base + gap), version: 1, mtime: 1005, ...second });
  const stream: Entry[] = [
    reply(0, create, { error: "OK", path: "/a", stat: stat(base), zxid: BigInt(base) }),
    reply(1, get, { error: "OK", data: "x", stat: stat(base) }),
    changed,
    reply(2, set, { error: "OK", stat: after, zxid: BigInt(base + gap) }),
  ];
  return { streams: [stream], ids: ["1"] };
}

const faults = (other: Transcript): string[] =>
  compare(sequence, heard(10, 1), other).disagreements.map(({ what }) => what);

function without(entry: Entry): Transcript {
  const whole = heard(10, 1);
  return { ...whole, streams: whole.streams.map((stream) => stream.filter((one) => one !== entry)) };
}

describe("a comparison", () => {
  it("agrees when zxids differ in number and agree in order", () => {
    expect(compare(sequence, heard(10, 1), heard(4_294_967_299, 7))).toMatchObject({
      comparisons: 4,
      masked: [],
      disagreements: [],
      drift: [],
    });
  });

  it("tells a zxid that is another one's", () => {
    expect(faults(heard(10, 1, { mzxid: 10n }))[0]).toMatch(/stat\.mzxid of setData/);
    expect(faults(heard(10, 1, { pzxid: 11n }))[0]).toMatch(/stat\.pzxid of setData/);
  });

  it("tells a time that does not belong to its zxid", () => {
    expect(faults(heard(10, 1, { ctime: 1001 }))[0]).toMatch(/zxid 10 has the times 1000 and 1001/);
    expect(faults(heard(10, 1, { mtime: 999 }))[0]).toMatch(/zxid 11 has the time 999/);
  });

  it("tells an event that is missing, one too many, and one that comes behind its reply", () => {
    expect(faults(without(changed))[0]).toMatch(/ZooKeeper: event dataChanged \/a\n +Corral: +reply to setData/);
    const whole = heard(10, 1);
    const [stream] = whole.streams as [Entry[]];
    expect(faults({ ...whole, streams: [[...stream.slice(0, 3), changed, ...stream.slice(3)]] })).toHaveLength(1);
    expect(faults({ ...whole, streams: [[stream[0], stream[1], stream[3], stream[2]] as Entry[]] })).toHaveLength(1);
  });

  it("reports a model that foretold another code than ZooKeeper gave", () => {
    const wrong = heard(10, 1);
    const first = reply(0, create, { error: "NO_NODE" });
    const other = { ...wrong, streams: [[first, ...(wrong.streams[0] ?? []).slice(1)]] };
    expect(compare(sequence, other, other).drift[0]).toMatch(/foretold OK/);
  });

  it("excuses nothing that no row of the table tells", () => {
    const refused = heard(10, 1);
    const other = {
      ...refused,
      streams: [[...(refused.streams[0] ?? []).slice(0, 3), reply(2, set, { error: "NO_AUTH" })]],
    };
    expect(faults(other)[0]).toMatch(/error of setData/);
  });
});
