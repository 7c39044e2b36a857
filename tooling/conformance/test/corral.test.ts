import { OK, readMessage, Writer, decodeFrame, writeRequest, type Reply, type Value } from "@corral/protocol";
import { describe, expect, it } from "vitest";
import { openAcl } from "../src/acl.ts";
import { answerOf, requestOf } from "../src/corral-messages.ts";
import type { Op } from "../src/operation.ts";

const reply = (code: number, result: readonly Value[], index?: number): Reply => ({
  kind: "reply",
  xid: 1,
  zxid: 4_294_967_300,
  code,
  result,
  detail: { index },
});
const stat = [5, 6, 1000, 1001, 1, 2, 3, 9, 4, 0, 7];

describe("Corral's adapter", () => {
  it("asks for every operation in messages that the protocol reads", () => {
    const create = { op: "create", path: "/a", data: null, acl: openAcl, mode: "ttl", ttl: 5, stat: true } as const;
    const operations: Op[] = [
      create,
      { op: "delete", path: "/a", version: -1 },
      { op: "setData", path: "/a", data: "", version: 3 },
      { op: "setACL", path: "/a", acl: openAcl, version: 0 },
      { op: "exists", path: "/a", watch: true },
      { op: "getData", path: "/a", watch: false },
      { op: "getChildren", path: "/", watch: true },
      { op: "getChildren2", path: "=/", watch: false },
      { op: "getACL", path: "/a" },
      { op: "sync", path: "/a" },
      { op: "getEphemerals", path: "/a" },
      { op: "getAllChildrenNumber", path: "/a" },
      {
        op: "multi",
        parts: [create, { op: "check", path: "/a", version: 1 }, { op: "delete", path: "/b", version: 0 }],
      },
      {
        op: "multiRead",
        parts: [
          { op: "getData", path: "/a" },
          { op: "getChildren", path: "/b" },
        ],
      },
      { op: "addWatch", path: "/a", mode: "recursive" },
      { op: "checkWatches", path: "/a", type: "persistent" },
      { op: "removeWatches", path: "/a", type: "any" },
      { op: "setWatches", data: ["/a"], exists: ["/b"], children: ["/c"], persistent: ["/d"], recursive: ["/"] },
      { op: "addAuth", scheme: "digest", credentials: "bob:pw" },
      { op: "whoAmI" },
      { op: "close" },
    ];
    for (const op of operations) {
      const body = requestOf(op, "/top", 77);
      if (body === undefined) throw new Error(`${op.op} has no request`);
      const writer = new Writer();
      writeRequest(writer, 9, body);
      const [value = null] = decodeFrame(writer.take()).values;
      expect(readMessage(value)).toMatchObject({ xid: 9, op: body.op });
    }
    expect(requestOf({ op: "ping" }, "/top", 0)).toBeUndefined();
    expect(
      requestOf(
        { op: "setWatches", data: ["/a"], exists: [], children: [], persistent: [], recursive: ["/"] },
        "/top",
        77,
      ),
    ).toMatchObject({
      watches: [
        { path: "/top/a", kind: 0, zxid: 77 },
        { path: "/top", kind: 4, zxid: 77 },
      ],
    });
  });

  it("reads a Stat, null data, and paths below the top", () => {
    expect(answerOf({ op: "getData", path: "/a", watch: false }, reply(OK, [null, stat]), "/top")).toEqual({
      error: "OK",
      data: null,
      stat: {
        czxid: 5n,
        mzxid: 6n,
        pzxid: 7n,
        ctime: 1000,
        mtime: 1001,
        version: 1,
        cversion: 2,
        aversion: 3,
        owner: "9",
        dataLength: 4,
        numChildren: 0,
      },
    });
    const create: Op = { op: "create", path: "/a", data: "", acl: openAcl, mode: "persistent", stat: false };
    expect(answerOf(create, reply(OK, ["/top/a", stat]), "/top")).toEqual({
      error: "OK",
      path: "/a",
      zxid: 4_294_967_300n,
    });
    expect(
      answerOf({ op: "getEphemerals", path: "/" }, reply(OK, [["/other/e", "/top/e"], null]), "/top").names,
    ).toEqual(["/e"]);
  });

  it("tells of a refused multi what ZooKeeper tells of each part", () => {
    const parts = (["/a", "/b", "/c"] as const).map((path) => ({ op: "delete", path, version: -1 }) as const);
    expect(answerOf({ op: "multi", parts }, reply(-101, [], 1), "/top")).toEqual({
      error: "NO_NODE",
      parts: [{ error: "OK" }, { error: "NO_NODE" }, { error: "RUNTIME_INCONSISTENCY" }],
    });
  });
});
