import { describe, expect, it } from "vitest";
import { FrameSplitter, JuteReader, JuteWriter } from "../src/jute.ts";
import type { Op } from "../src/operation.ts";
import { connectRequest, readAnswer, readConnectResponse, readEvent, request } from "../src/zookeeper-messages.ts";

const hex = (text: string): string => text.replace(/\s+/g, "");
const bytes = (text: string): Buffer => Buffer.from(hex(text), "hex");
const open = [{ perms: 31, scheme: "world", id: "anyone" }];
const encoded = (op: Op, xid: number, lastZxid = 0n): string => request(op, xid, "", lastZxid).toString("hex");
const stat9 =
  "0000000000000002 0000000000000002 0000018bcfe56800 0000018bcfe56800 00000000 00000000 00000000 0000000000000000 00000001 00000000 0000000000000002";

function decoded(op: Op, frame: string): ReturnType<typeof readAnswer> {
  const reader = new JuteReader(bytes(frame).subarray(4));
  reader.int();
  const zxid = reader.long();
  return readAnswer(op, reader, reader.int(), zxid, "");
}

describe("the Jute client writes ZooKeeper's frames byte for byte", () => {
  const frames: [string, Op, number, string][] = [
    [
      "create",
      { op: "create", path: "/a", data: "x", acl: open, mode: "persistent", stat: false },
      1,
      "00000032 00000001 00000001 00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000000",
    ],
    [
      "createTTL with null data",
      { op: "create", path: "/t", data: null, acl: open, mode: "ttl", ttl: 60_000, stat: true },
      13,
      "00000039 0000000d 00000015 00000002 2f74 ffffffff 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000005 000000000000ea60",
    ],
    [
      "getData with a watch",
      { op: "getData", path: "/a", watch: true },
      2,
      "0000000f 00000002 00000004 00000002 2f61 01",
    ],
    ["exists", { op: "exists", path: "/a", watch: false }, 12, "0000000f 0000000c 00000003 00000002 2f61 00"],
    [
      "setData of nothing at all",
      { op: "setData", path: "/a", data: "", version: -1 },
      14,
      "00000016 0000000e 00000005 00000002 2f61 00000000 ffffffff",
    ],
    [
      "getChildren2 of the root",
      { op: "getChildren2", path: "=/", watch: false },
      11,
      "0000000e 0000000b 0000000c 00000001 2f 00",
    ],
    ["sync", { op: "sync", path: "=/" }, 10, "0000000d 0000000a 00000009 00000001 2f"],
    ["ping", { op: "ping" }, -2, "00000008 fffffffe 0000000b"],
    [
      "auth",
      { op: "addAuth", scheme: "digest", credentials: "bob:pw" },
      -4,
      "00000020 fffffffc 00000064 00000000 00000006 646967657374 00000006 626f623a7077",
    ],
    [
      "multi",
      {
        op: "multi",
        parts: [
          { op: "check", path: "/a", version: 1 },
          { op: "delete", path: "/b", version: -1 },
        ],
      },
      3,
      "00000037 00000003 0000000e 0000000d 00 ffffffff 00000002 2f61 00000001 00000002 00 ffffffff 00000002 2f62 ffffffff ffffffff 01 ffffffff",
    ],
    [
      "addWatch",
      { op: "addWatch", path: "/r", mode: "recursive" },
      7,
      "00000012 00000007 0000006a 00000002 2f72 00000001",
    ],
    [
      "removeWatches",
      { op: "removeWatches", path: "/r", type: "any" },
      8,
      "00000012 00000008 00000012 00000002 2f72 00000003",
    ],
    ["closeSession", { op: "close" }, 9, "00000008 00000009 fffffff5"],
  ];
  it.each(frames)("%s", (_, op, xid, frame) => expect(encoded(op, xid)).toBe(hex(frame)));

  it("setWatches2", () => {
    const op: Op = { op: "setWatches", data: ["/a"], exists: [], children: [], persistent: [], recursive: ["/r"] };
    expect(encoded(op, -8, 4n)).toBe(
      hex(
        "00000030 fffffff8 00000069 0000000000000004 00000001 00000002 2f61 00000000 00000000 00000000 00000001 00000002 2f72",
      ),
    );
  });

  it("the handshake", () => {
    expect(connectRequest(10_000, 0n, 0n, Buffer.alloc(16)).toString("hex")).toBe(
      hex("0000002d 00000000 0000000000000000 00002710 0000000000000000 00000010 00000000000000000000000000000000 00"),
    );
  });
});

describe("the Jute client reads ZooKeeper's frames", () => {
  it("the answer to a handshake, and that the session is gone", () => {
    const standing = readConnectResponse(
      bytes("00000025 00000000 00002710 0100000000010000 00000010 000102030405060708090a0b0c0d0e0f 00").subarray(4),
    );
    expect(standing).toMatchObject({ timeoutMs: 10_000, id: 0x0100000000010000n });
    expect(standing.password.toString("hex")).toBe("000102030405060708090a0b0c0d0e0f");
    const gone = readConnectResponse(
      bytes("00000025 00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00").subarray(4),
    );
    expect(gone.timeoutMs).toBe(0);
  });

  it("created, refused, data with its Stat", () => {
    const create = frameless("create");
    expect(decoded(create, "00000016 00000001 0000000000000002 00000000 00000002 2f61")).toMatchObject({
      error: "OK",
      zxid: 2n,
    });
    expect(decoded(create, "00000010 00000001 0000000000000003 ffffff92")).toEqual({ error: "NODE_EXISTS" });
    const read = decoded(
      { op: "getData", path: "/a", watch: true },
      `00000059 00000002 0000000000000002 00000000 00000001 78 ${stat9}`,
    );
    expect(read).toMatchObject({ data: "x", stat: { czxid: 2n, ctime: 0x018bcfe56800, dataLength: 1, owner: "" } });
  });

  it("a multi that worked and one whose second part failed", () => {
    const multi: Op = {
      op: "multi",
      parts: [
        { op: "check", path: "/a", version: 1 },
        { op: "delete", path: "/b", version: -1 },
      ],
    };
    expect(
      decoded(
        multi,
        "0000002b 00000003 0000000000000005 00000000 0000000d 00 00000000 00000002 00 00000000 ffffffff 01 ffffffff",
      ),
    ).toEqual({
      error: "OK",
      zxid: 5n,
      parts: [{ error: "OK" }, { error: "OK" }],
    });
    expect(
      decoded(
        multi,
        "00000033 00000003 0000000000000005 00000000 ffffffff 00 00000000 00000000 ffffffff 00 ffffff9b ffffff9b ffffffff 01 ffffffff",
      ),
    ).toEqual({
      error: "NO_NODE",
      parts: [{ error: "OK" }, { error: "NO_NODE" }],
    });
  });

  it("an event", () => {
    const reader = new JuteReader(bytes("ffffffff ffffffffffffffff 00000000 00000003 00000003 00000002 2f61"));
    expect([reader.int(), reader.long(), reader.int()]).toEqual([-1, -1n, 0]);
    expect(readEvent(reader, "")).toEqual({ type: "dataChanged", path: "/a" });
  });

  it("frames in whatever pieces they come", () => {
    const stream = Buffer.concat([new JuteWriter().int(1).frame(), new JuteWriter().string("two").frame()]);
    for (let size = 1; size <= stream.length; size++) {
      const splitter = new FrameSplitter();
      const frames: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) frames.push(...splitter.push(stream.subarray(at, at + size)));
      expect(frames.map((frame) => frame.length)).toEqual([4, 7]);
    }
  });

  it("refuses a length that no frame has", () => {
    expect(() => new FrameSplitter().push(bytes("ffffffff"))).toThrow(/frame of -1 bytes/);
    expect(() => new JuteReader(bytes("00000009 61")).string()).toThrow(/9 bytes wanted/);
  });
});

function frameless(op: "create"): Op {
  return { op, path: "/a", data: "x", acl: open, mode: "persistent", stat: false };
}
