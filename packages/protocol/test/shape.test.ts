import { describe, expect, test } from "vitest";
import {
  ERRORS,
  Op,
  ProtocolError,
  UnknownOperation,
  type Value,
  errorCode,
  errorName,
  opName,
  readDetail,
  readHello,
  readMessage,
  readServerMessage,
  readWelcome,
} from "../src/index.ts";
import { MESSAGES, decoded, written } from "./messages.ts";

const thrown = (act: () => unknown): Error => {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

describe("a message of the wrong shape is refused, and the refusal names the field", () => {
  test.each<[string, Value, string]>([
    ["no array", 7, "the message is not an array"],
    ["empty", [], "the message has no xid"],
    ["xid of the wrong type", ["1", 4], "xid of the message is not an integer"],
    ["negative xid", [-1, 4], "xid of the message is not an integer of at least 0"],
    ["no operation", [1], "the message has no operation"],
    ["path missing", [1, Op.sync], "the message has no path"],
    ["path as binary", [1, Op.sync, new Uint8Array(1)], "path of the message is not a string"],
    ["watch as a number", [1, Op.get, "/a", 1, 0], "watch of the message is not a boolean"],
    ["data as a string", [1, Op.set, "/a", "x", 0, null], "data of the message is not binary or nil"],
    ["version missing", [1, Op.delete, "/a"], "the message has no version"],
    ["guards missing", [1, Op.delete, "/a", 0], "the message has no guards"],
    ["guards of the wrong type", [1, Op.delete, "/a", 0, "x"], "guards of the message is not an array"],
    ["guard without a value", [1, Op.delete, "/a", 0, [["/a", 0]]], "the guard has no value"],
    ["guard that is no array", [1, Op.delete, "/a", 0, [7]], "the guard is not an array"],
    ["guard with too much", [1, Op.delete, "/a", 0, [["/a", 0, 0, 0]]], "the guard has 4 elements, 3 expected"],
    ["ACL entry with too little", [1, Op.setAcl, "/a", [[1, "world"]], 0, null], "the ACL entry has no id"],
    [
      "negative flags",
      [1, Op.create, "/a", null, 0, null, 0, -1, null],
      "flags of the message is not an integer of at least 0",
    ],
    ["credential as a string", [1, Op.addAuth, "digest", "a:b"], "credential of the message is not binary"],
    [
      "cursor with a string",
      [1, Op.children, "/a", false, 0, 0, ["x"], 0],
      "the cursor holds something else than integers",
    ],
    ["operation within a multi", [1, Op.multi, [[Op.delete, "/a"]], null], "the operation has no version"],
    ["close within a multi", [1, Op.multi, [[Op.close]], null], "close cannot stand in a multi"],
    ["a multi within a multi", [1, Op.multi, [[Op.multi, [], null]], null], "multi cannot stand in a multi"],
    ["one element too many", [1, Op.whoAmI, 0], "the message has 3 elements, 2 expected"],
    ["a request with xid 0", [0, Op.get, "/a", false, 0], "get with xid 0"],
    ["a signal with one element too many", [0, Op.ping, 0], "the message has 3 elements, 2 expected"],
    ["credits missing", [0, Op.credit, 1], "the message has no credits"],
  ])("%s", (_, value, message) => {
    const error = thrown(() => readMessage(value));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(message);
  });

  test("no prefix of a request is a request", () => {
    for (const { name, write } of MESSAGES) {
      if (!/^(request|signal)/.test(name)) continue;
      const value = decoded(written(write)) as readonly Value[];
      for (let length = 0; length < value.length; length++) {
        expect(() => readMessage(value.slice(0, length)), `${name} cut to ${length}`).toThrow(ProtocolError);
      }
      expect(() => readMessage([...value, null]), `${name} and one more`).toThrow(ProtocolError);
    }
  });

  test.each<[number, string]>([
    [13, "check is not known"],
    [999, "operation 999 is not known"],
    [-10, "operation -10 is not known"],
    [203, "credit is not known"],
  ])("operation %i as a request is unknown, and the error has the xid for the answer", (op, message) => {
    const error = thrown(() => readMessage([8, op]));
    expect(error).toBeInstanceOf(UnknownOperation);
    expect([(error as UnknownOperation).xid, error.message]).toEqual([8, message]);
  });
});

describe("what a client refuses of a server", () => {
  test.each<[string, Value, string]>([
    ["a message of an unknown kind", [-4, 1], "a message of the unknown kind -4"],
    ["a reply without a code", [1, 1], "the message has no code"],
    ["a refusal without a detail", [1, 1, -101], "the message has no detail"],
    ["a negative zxid", [1, -1, 0], "zxid of the message is not an integer of at least 0"],
    ["an event without a path", [-1, 1, 2], "the message has no path"],
  ])("%s", (_, value, message) => {
    const error = thrown(() => readServerMessage(value));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(message);
  });

  test("a detail with fewer than its five elements", () => {
    expect(() => readDetail(["/a"])).toThrow("a detail has fewer than 5 elements");
    expect(() => readDetail(null)).toThrow(ProtocolError);
  });

  test("a first message of an unknown kind, or with a limit missing", () => {
    expect(() => readWelcome([2])).toThrow("the server's first message has the kind 2");
    const welcome = [1, 1, "c", 1, 1, 1, false, [1, 2, 3]];
    expect(() => readWelcome(welcome)).toThrow("the limits of Welcome has no pageBytes");
  });

  test("but not limits and fields that a newer server adds", () => {
    const limits = [1, 2, 3, 4, 5, 6, 7, 8];
    const newer = [1, 1, "c", 1, 1, 1, false, [...limits, 9, 10]];
    expect(readWelcome(newer)).toMatchObject({ limits: { frameBytes: 1, multiOps: 8 } });
    expect(readDetail(["/a", null, null, null, null, "more"])).toMatchObject({ path: "/a" });
  });
});

describe("Hello", () => {
  const secret = new Uint8Array(16);
  const hello = (session: Value, credentials: Value = []): Value => [
    "corral",
    1,
    1,
    null,
    0,
    1000,
    credentials,
    session,
  ];

  test.each<[string, Value, string]>([
    ["another protocol's greeting", ["http", 1], "the first message is not a Hello of Corral"],
    ["a session of an unknown kind", hello([3]), "the session of Hello has the kind 3"],
    ["a session that is no array", hello(null), "the session of Hello is not an array"],
    ["a secret of 15 bytes", hello([0, new Uint8Array(15)]), "the secret has 15 bytes, not 16 to 64"],
    ["a secret of 65 bytes", hello([0, new Uint8Array(65)]), "the secret has 65 bytes, not 16 to 64"],
    [
      "a short new secret in place of an old session",
      hello([2, 5, secret, new Uint8Array(1)]),
      "the secret has 1 bytes, not 16 to 64",
    ],
    ["an attach without what was received", hello([1, 5, secret]), "the session of Hello has no acked"],
    [
      "a credential that is text",
      hello([0, secret], [["digest", "a:b"]]),
      "credential of the credential is not binary",
    ],
    [
      "more credentials than allowed",
      hello([0, secret], new Array(17).fill(["digest", secret])),
      "Hello has 17 credentials (CREDENTIALS_MAX: 16)",
    ],
  ])("is refused: %s", (_, value, message) => {
    const error = thrown(() => readHello(value));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(message);
  });

  test("takes 16 credentials and secrets of 16 to 64 bytes", () => {
    for (const length of [16, 64])
      expect(readHello(hello([0, new Uint8Array(length)]))).toMatchObject({ session: { kind: "new" } });
    expect(readHello(hello([0, secret], new Array(16).fill(["digest", secret]))).credentials).toHaveLength(16);
  });
});

describe("the table of errors", () => {
  const rows = Object.entries(ERRORS);

  test("gives every error its own number, and finds it by name and by number", () => {
    expect(new Set(rows.map(([, { code }]) => code)).size).toBe(rows.length);
    for (const [name, { code }] of rows) {
      expect(code).toBeLessThan(0);
      expect([errorName(code), errorCode(name as keyof typeof ERRORS)]).toEqual([name, code]);
    }
    expect(errorName(0)).toBeUndefined();
    expect(errorName(-999)).toBeUndefined();
  });

  test("uses ZooKeeper's numbers where ZooKeeper has the error", () => {
    expect(
      Object.fromEntries(rows.filter(([, { code }]) => code > -200).map(([name, { code }]) => [name, code])),
    ).toEqual({
      RUNTIME_INCONSISTENCY: -2,
      UNIMPLEMENTED: -6,
      BAD_ARGUMENTS: -8,
      NO_NODE: -101,
      NO_AUTH: -102,
      BAD_VERSION: -103,
      NO_CHILDREN_FOR_EPHEMERALS: -108,
      NODE_EXISTS: -110,
      NOT_EMPTY: -111,
      SESSION_EXPIRED: -112,
      INVALID_ACL: -114,
      AUTH_FAILED: -115,
      SESSION_MOVED: -118,
      NO_WATCHER: -121,
      QUOTA_EXCEEDED: -125,
      OVERLOADED: -127,
    });
  });

  test("leaves the outcome open only where a client, not a server, gives the answer", () => {
    for (const [name, { code, outcome }] of rows) {
      if (outcome === "unknown") expect(code, name).toBeLessThanOrEqual(-300);
    }
  });

  test("says of every error what it means", () => {
    for (const [name, { means }] of rows) expect(means.length, name).toBeGreaterThan(10);
  });

  test("operations have names, and each its own number", () => {
    const numbers = Object.values(Op);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect([opName(Op.create), opName(12345)]).toEqual(["create", "operation 12345"]);
  });
});
