import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Writer,
  decodeFrame,
  readMessage,
  readServerMessage,
  statFrom,
  writeRefusal,
  writeRequest,
} from "../src/index.ts";
import * as random from "./arbitraries.ts";
import { MESSAGES, STAT_NUMBERS, asRead, decoded, written } from "./messages.ts";

describe("requests", () => {
  test("any request is read as it was written", () => {
    const xid = random.natural.filter((n) => n > 0);
    fc.assert(
      fc.property(xid, random.requestBody, random.guards, (xid, body, guards) => {
        const message = readMessage(decoded(written((w) => writeRequest(w, xid, body, guards))));
        expect(message).toEqual(asRead(xid, body, body.op === -11 ? null : guards));
      }),
      { numRuns: 2000 },
    );
  });

  test("any number of them stand in one frame, each with the offset at which it ends", () => {
    fc.assert(
      fc.property(fc.array(random.requestBody, { minLength: 1, maxLength: 10 }), (bodies) => {
        const w = new Writer();
        const ends = bodies.map((body, i) => {
          writeRequest(w, i + 1, body);
          return w.length;
        });
        const frame = decodeFrame(w.take());
        expect(frame.ends).toEqual(ends);
        expect(frame.values.map(readMessage)).toEqual(bodies.map((body, i) => asRead(i + 1, body, null)));
      }),
      { numRuns: 300 },
    );
  });

  test("an empty list of guards is no guard", () => {
    const message = readMessage(decoded(written((w) => writeRequest(w, 1, { op: 2, path: "/a", version: 0 }, []))));
    expect(message).toMatchObject({ guards: null });
  });
});

describe("what the server sends", () => {
  test("a refusal is read as it was written, whatever its detail lacks", () => {
    const detail = fc.record({
      path: fc.option(random.text, { nil: undefined }),
      index: fc.option(random.integer, { nil: undefined }),
      name: fc.option(random.text, { nil: undefined }),
      limit: fc.option(random.integer, { nil: undefined }),
      actual: fc.option(random.integer, { nil: undefined }),
    });
    const code = random.integer.filter((n) => n !== 0);
    fc.assert(
      fc.property(random.natural, random.natural, code, detail, (xid, zxid, code, detail) => {
        const message = readServerMessage(decoded(written((w) => writeRefusal(w, xid, zxid, code, detail))));
        expect(message).toEqual({ kind: "reply", xid, zxid, code, result: [], detail });
      }),
    );
  });

  test("a Stat has its eleven fields in ZooKeeper's order", () => {
    expect(Object.values(statFrom(STAT_NUMBERS))).toEqual(STAT_NUMBERS);
    expect(Object.keys(statFrom(STAT_NUMBERS))).toEqual([
      "czxid",
      "mzxid",
      "ctime",
      "mtime",
      "version",
      "cversion",
      "aversion",
      "ephemeralOwner",
      "dataLength",
      "numChildren",
      "pzxid",
    ]);
    expect(() => statFrom(STAT_NUMBERS.slice(1))).toThrow("a Stat has 11 fields, not 10");
  });

  test("binary values are read without a copy", () => {
    const { write } = MESSAGES.find(({ name }) => name === "reply: data and stat")!;
    const bytes = written(write);
    const [data] = (decoded(bytes) as [number, number, number, Uint8Array]).slice(3) as [Uint8Array];
    expect(data.buffer).toBe(bytes.buffer);
  });
});
