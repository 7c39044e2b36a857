import { Op, ProtocolError, Writer, writeRequest } from "@corral/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DEFAULT_OPTIONS,
  type Txn,
  TxnKind,
  type WriteTxn,
  digestOf,
  readTxns,
  requestHash,
  sameOptions,
  writeTxn,
  writeWriteTxn,
} from "../src/index.ts";
import { Life, steps } from "./steps.ts";
import { EPOCH, answerOf, applyEntry, printHistory, printTree, replay } from "./world.ts";
import { Applier, State } from "../src/index.ts";

test("the same log makes the same state: digest, tree, history, and every answer on the way", () => {
  fc.assert(
    fc.property(steps(60), (sequence) => {
      const life = new Life();
      const answers: Uint8Array[] = [];
      for (const step of sequence) {
        const answer = life.live(step);
        if (answer !== undefined) answers.push(answer.bytes);
      }
      const { state, log } = life.world;
      const again = replay(log);
      expect(digestOf(again)).toBe(digestOf(state));
      expect(printTree(again)).toEqual(printTree(state));
      expect(printHistory(again)).toEqual(printHistory(state));
      expect([again.zxid, again.timeMs, again.options]).toEqual([state.zxid, state.timeMs, state.options]);
      const applier = new Applier(new State());
      const repeated = log.map((entry) => answerOf(applyEntry(applier, entry)).bytes);
      for (const answer of answers) expect(repeated).toContainEqual(answer);
    }),
    { numRuns: 60 },
  );
});

test("the digest tells apart what differs in a single field", () => {
  const digests = new Set<string>();
  const seen = (change: (state: State) => void): void => {
    const state = new State();
    state.zxid = EPOCH + 1;
    change(state);
    digests.add(digestOf(state));
  };
  const stamp = { zxid: EPOCH, timeMs: 5 };
  const acl = [{ permissions: 31, scheme: "world", id: "anyone" }];
  const make = (state: State, name = "a", data: Uint8Array | null = null, kind = 0, ttl = 0): number =>
    state.tree.create(0, name, data, acl, 0, kind, stamp, ttl);
  const changes: ((state: State) => void)[] = [
    () => {},
    (s) => make(s),
    (s) => make(s, "b"),
    (s) => make(s, "a", new Uint8Array(0)),
    (s) => make(s, "a", new Uint8Array(1)),
    (s) => make(s, "a", null, 2),
    (s) => make(s, "a", null, 3, 1),
    (s) => make(s, "a", null, 3, 2),
    (s) => s.tree.setData(make(s), null, stamp),
    (s) => s.tree.setAcl(make(s), acl),
    (s) => s.tree.setAcl(make(s), [{ ...acl[0]!, permissions: 1 }]),
    (s) => s.tree.remove(make(s), EPOCH + 1),
    (s) => void s.sessions.open(EPOCH, new Uint8Array(32), 1, []),
    (s) => void s.sessions.open(EPOCH, new Uint8Array(32), 2, []),
    (s) => void s.sessions.open(EPOCH, new Uint8Array(32), 1, [{ scheme: "a", id: "b" }]),
    (s) => s.sessions.open(EPOCH, new Uint8Array(32), 1, []).results.remember(1, 2, new Uint8Array(1)),
    (s) => s.sessions.open(EPOCH, new Uint8Array(32), 1, []).results.remember(1, 3, new Uint8Array(1)),
    (s) => void (s.options = { ...s.options, multiOps: 1 }),
    (s) => void (s.options = { ...s.options, superIdentities: [{ scheme: "a", id: "b" }] }),
    (s) => void (s.options = { ...s.options, superIdentities: [{ scheme: "a", id: "c" }] }),
  ];
  for (const change of changes) seen(change);
  expect(digests.size).toBe(changes.length);
});

describe("entries of the log", () => {
  const identities = [
    { scheme: "ip", id: "10.0.0.1" },
    { scheme: "digest", id: "bob:x" },
  ];
  const origin = { daemon: 2 ** 40, connection: 7 };
  const secretHash = new Uint8Array(32).fill(9);
  const txns: Exclude<Txn, WriteTxn>[] = [
    {
      kind: TxnKind.addAuth,
      session: EPOCH,
      generation: EPOCH + 1,
      acked: 3,
      xid: 4,
      hash: 5,
      identity: identities[0]!,
    },
    { kind: TxnKind.open, origin, secretHash, timeoutMs: 10_000, identities, replaces: null },
    {
      kind: TxnKind.open,
      origin,
      secretHash,
      timeoutMs: 10_000,
      identities: [],
      replaces: { session: EPOCH, secretHash },
    },
    { kind: TxnKind.attach, origin, session: EPOCH, secretHash, timeoutMs: 1, identities, acked: 12 },
    { kind: TxnKind.expire, session: EPOCH, generation: EPOCH + 3 },
    { kind: TxnKind.reap, path: "/ä", czxid: EPOCH },
    { kind: TxnKind.options, options: { ...DEFAULT_OPTIONS, multiOps: 3, superIdentities: identities } },
    { kind: TxnKind.sync, session: EPOCH, generation: EPOCH, xid: 9 },
  ];

  test("are read as they were written, one after the other", () => {
    const w = new Writer();
    for (const txn of txns) writeTxn(w, txn);
    expect(readTxns(w.take(), txns.length)).toEqual(txns);
  });

  test("hold a client's write byte for byte, and its hash", () => {
    const request = new Writer();
    writeRequest(request, 4, { op: Op.set, path: "/a", data: new Uint8Array([1, 2]), version: 3 });
    const bytes = request.take();
    const head = { session: EPOCH, generation: EPOCH + 1, acked: 2, hash: requestHash(bytes, 0, bytes.length) };
    const w = new Writer();
    writeWriteTxn(w, head, bytes);
    expect(readTxns(w.take(), 1)).toEqual([
      {
        kind: TxnKind.write,
        ...head,
        request: { op: Op.set, xid: 4, path: "/a", data: new Uint8Array([1, 2]), version: 3, guards: null },
      },
    ]);
    expect(requestHash(bytes, 0, bytes.length - 1)).not.toBe(head.hash);
    const inFrame = Uint8Array.from([0, 0, ...bytes, 0]);
    expect(requestHash(inFrame, 2, 2 + bytes.length)).toBe(head.hash);
  });

  const written = (write: (w: Writer) => void): Uint8Array => {
    const w = new Writer();
    write(w);
    return w.take();
  };
  const read = written((w) => writeRequest(w, 1, { op: Op.sync, path: "/" }));
  test.each<[string, Uint8Array, string]>([
    ["of an unknown kind", written((w) => (w.array(1), w.int(99))), "the log holds an entry of the unknown kind 99"],
    ["fewer than announced", written((w) => writeTxn(w, txns[5]!)), "the batch holds 1 entries instead of 2"],
    [
      "that are reads",
      written((w) => writeWriteTxn(w, { session: 1, generation: 1, acked: 0, hash: 0 }, read)),
      "the log holds a request that is not a write",
    ],
    [
      "without their request",
      written((w) => writeWriteTxn(w, { session: 1, generation: 1, acked: 0, hash: 0 }, new Uint8Array(0))),
      "the message is not an array",
    ],
  ])("are refused when they are %s", (_, body, message) => {
    expect(() => readTxns(body, 2)).toThrow(ProtocolError);
    expect(() => readTxns(body, 2)).toThrow(message);
  });

  test("options are the same when every value is, whatever the order of the keys", () => {
    const turned = Object.fromEntries(Object.entries(DEFAULT_OPTIONS).reverse()) as unknown as typeof DEFAULT_OPTIONS;
    expect(sameOptions(DEFAULT_OPTIONS, turned)).toBe(true);
    for (const key of Object.keys(DEFAULT_OPTIONS) as (keyof typeof DEFAULT_OPTIONS)[]) {
      const other = key === "superIdentities" ? identities : DEFAULT_OPTIONS[key] + 1;
      expect(sameOptions(DEFAULT_OPTIONS, { ...DEFAULT_OPTIONS, [key]: other }), key).toBe(false);
    }
  });

  test("options that an older release wrote get the defaults of what it did not know", () => {
    const body = written((w) => {
      w.array(2);
      w.int(TxnKind.options);
      w.array(2);
      w.array(2);
      w.int(5);
      w.int(6);
      w.array(0);
    });
    expect(readTxns(body, 1)).toEqual([
      { kind: TxnKind.options, options: { ...DEFAULT_OPTIONS, childrenMax: 5, ephemeralsMax: 6 } },
    ]);
  });
});
