import { type ErrorDetail, Push, Writer, errorCode, writeRefusal } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { LatencyCounts } from "../src/generator/corral/latencies.ts";
import { readMessages } from "../src/generator/corral/wire/messages.ts";

const ZXID = 2 ** 40 + 7;

/** What is heard of messages that stand between other bytes. */
function heard(write: (w: Writer) => void): unknown[] {
  const w = new Writer();
  write(w);
  const before = 3;
  const bytes = new Uint8Array(before + w.length + 5).fill(0xc1);
  bytes.set(w.written(), before);
  const found: unknown[] = [];
  readMessages(bytes, before, before + w.length, {
    reply: (xid, code) => found.push([xid, code]),
    event: () => found.push("event"),
  });
  return found;
}

function reply(w: Writer, xid: number, ...result: ((w: Writer) => void)[]): void {
  w.array(3 + result.length);
  w.int(xid);
  w.int(ZXID);
  w.int(0);
  for (const write of result) write(w);
}

describe("what a generator reads of the server's messages", () => {
  test("replies of every width, results stepped over whatever they hold", () => {
    const data = new Uint8Array(70_000).fill(0x93);
    const found = heard((w) => {
      reply(w, 1);
      reply(
        w,
        200,
        (each) => each.bin(data.subarray(0, 100)),
        (each) => {
          each.array(3);
          for (const value of [-1, -200, -40_000]) each.int(value);
        },
      );
      reply(
        w,
        60_000,
        (each) => each.bin(data),
        (each) => each.bin(data.subarray(0, 300)),
        (each) => each.str("a".repeat(300)),
      );
      reply(
        w,
        70_000,
        (each) => each.nil(),
        (each) => each.bool(true),
        (each) => each.str("é".repeat(20)),
        (each) => {
          const at = each.openArray();
          for (let n = 0; n < 20; n++) {
            each.array(2);
            each.int(ZXID);
            each.str("name");
          }
          each.closeArray(at, 20);
        },
      );
    });
    expect(found).toEqual([
      [1, 0],
      [200, 0],
      [60_000, 0],
      [70_000, 0],
    ]);
  });

  test("refusals with their code, and no pong", () => {
    const detail: ErrorDetail = { path: "/bench", name: "inFlight", limit: 5 };
    const found = heard((w) => {
      writeRefusal(w, 5, ZXID, errorCode("NO_NODE"), detail);
      reply(w, 0);
      writeRefusal(w, 6, ZXID, errorCode("OVERLOADED"), detail);
    });
    expect(found).toEqual([
      [5, errorCode("NO_NODE")],
      [6, errorCode("OVERLOADED")],
    ]);
  });

  test("events of watches; subscriptions stepped over", () => {
    const found = heard((w) => {
      w.array(4);
      for (const value of [Push.event, ZXID, 3]) w.int(value);
      w.str("/bench/w1");
      w.array(4);
      for (const value of [Push.subscription, ZXID, 1, 3]) w.int(value);
      reply(w, 9);
    });
    expect(found).toEqual(["event", [9, 0]]);
  });

  test("a goodbye, and what is no message, end it", () => {
    const goodbye = (w: Writer): void => {
      w.array(4);
      for (const value of [Push.goodbye, ZXID, errorCode("SLOW_CONSUMER")]) w.int(value);
      w.array(5);
      for (let n = 0; n < 5; n++) w.nil();
    };
    expect(() => heard(goodbye)).toThrow("goodbye");
    expect(() => heard((w) => w.str("no array"))).toThrow("begins with");
    // A hundred bytes are announced, and none are there.
    const cut = (w: Writer): void => reply(w, 1, (each) => each.raw(Uint8Array.of(0xc4, 100)));
    expect(() => heard(cut)).toThrow("ends early");
  });
});

describe("latencies in buckets", () => {
  test("quantiles are within a hundredth of the exact ones, the greatest is exact", () => {
    const counts = new LatencyCounts();
    const values: number[] = [];
    for (let n = 0; n < 20_000; n++) values.push(0.01 * 1.0007 ** n);
    for (const value of values) counts.add(value);
    const { quantiles, total } = counts;
    expect(total).toBe(values.length);
    for (const [name, share] of [
      ["p50", 0.5],
      ["p99", 0.99],
      ["p999", 0.999],
    ] as const) {
      const exact = values[Math.ceil(values.length * share) - 1]! * 1_000;
      expect(Math.abs(quantiles[name] / exact - 1)).toBeLessThan(0.01);
    }
    expect(quantiles.max).toBe(values.at(-1)! * 1_000);
  });

  test("nothing counted is nothing", () => {
    expect(new LatencyCounts().quantiles).toEqual({ p50: 0, p99: 0, p999: 0, max: 0 });
  });
});
