import { expect, test } from "vitest";
import { decodeFrame, encodeFrame, FRAME_BYTES } from "../src/file/frame.ts";
import { getInteger, putInteger } from "../src/file/integers.ts";
import {
  decodeRecord,
  encodeRecordHeader,
  follows,
  LOG_START,
  type LogRecord,
  positionAfter,
  RECORD_HEADER_BYTES,
} from "../src/file/record.ts";
import { encodeSegmentHeader, saltOf } from "../src/file/segment.ts";

const record: LogRecord = {
  level: 7,
  epoch: 3,
  seq: 1,
  firstZxid: 3 * 2 ** 32 + 1,
  count: 2,
  timeMs: 1_700_000_000_123,
  chain: LOG_START.chain,
  body: Buffer.from("create /a"),
};

function encoded(from: LogRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + from.body.length);
  encodeRecordHeader(from, bytes, 0);
  bytes.set(from.body, RECORD_HEADER_BYTES);
  return bytes;
}

test("the bytes of format 1 never change: record, chain, frame, segment header", () => {
  const bytes = encoded(record);
  const position = positionAfter(record, bytes.subarray(0, RECORD_HEADER_BYTES));
  const frame = Buffer.alloc(FRAME_BYTES);
  const secret = Buffer.alloc(16, 0xa5);
  encodeFrame(
    { type: "batch", length: bytes.length, seq: 1, durableSeq: 0, epoch: 3, clean: false },
    saltOf(secret, 1),
    frame,
    0,
  );
  const header = encodeSegmentHeader({
    clusterId: "00112233445566778899aabbccddeeff",
    secret,
    number: 2,
    base: position,
    epoch: 3,
  });
  expect({
    record: bytes.toString("hex"),
    chain: Buffer.from(position.chain).toString("hex"),
    frame: frame.toString("hex"),
    header: header.subarray(0, 128).toString("hex"),
  }).toMatchInlineSnapshot(`
    {
      "chain": "72a7c565a3a5f468b1d62d77a59a40a1",
      "frame": "e35ded3649000000010000000000000000000000000000000300000001000000",
      "header": "434f5252414c4f470100000073786b5d00112233445566778899aabbccddeeffa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a50200000000000000010000000000000002000000030000007b68e5cf8b01000072a7c565a3a5f468b1d62d77a59a40a10300000000000000000000000000000000000000000000000000000000000000",
      "record": "38e33f350100000007000000030000000200000009000000010000000000000001000000030000007b68e5cf8b01000000000000000000000000000000000000637265617465202f61",
    }
  `);
});

test("a record reads back as it was written, and any flipped bit is found", () => {
  const bytes = encoded(record);
  expect(decodeRecord(bytes)).toEqual({ ...record, chain: Buffer.from(record.chain), body: Buffer.from(record.body) });
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const spoiled = Buffer.from(bytes);
    spoiled[bit >> 3]! ^= 1 << (bit & 7);
    expect(typeof decodeRecord(spoiled)).toBe("string");
  }
});

test("a record follows only the one it was chained to", () => {
  const position = positionAfter(record, encoded(record).subarray(0, RECORD_HEADER_BYTES));
  const next = { ...record, seq: 2, firstZxid: record.firstZxid + 2, chain: position.chain };
  expect(follows(record, LOG_START)).toBeUndefined();
  expect(follows(next, position)).toBeUndefined();
  expect(follows({ ...next, seq: 3 }, position)).toContain("record 3 stands after record 1");
  expect(follows({ ...next, chain: LOG_START.chain }, position)).toContain("chain");
  expect(follows({ ...next, firstZxid: record.firstZxid + 1 }, position)).toContain("zxid");
  expect(follows({ ...next, timeMs: 0 }, position)).toContain("stamp");
});

test("a frame of another segment or another directory is none", () => {
  const secret = Buffer.alloc(16, 1);
  const bytes = Buffer.alloc(FRAME_BYTES);
  encodeFrame({ type: "mark", length: 0, seq: 5, durableSeq: 5, epoch: 1, clean: true }, saltOf(secret, 3), bytes, 0);
  expect(decodeFrame(bytes, 0, saltOf(secret, 3))).toEqual({
    type: "mark",
    length: 0,
    seq: 5,
    durableSeq: 5,
    epoch: 1,
    clean: true,
  });
  expect(decodeFrame(bytes, 0, saltOf(secret, 4))).toBeUndefined();
  expect(decodeFrame(bytes, 0, saltOf(Buffer.alloc(16, 2), 3))).toBeUndefined();
  expect(decodeFrame(Buffer.alloc(FRAME_BYTES), 0, 0)).toBeUndefined();
});

test("integers up to 2^53 - 1 keep every bit, and larger ones are not believed", () => {
  const bytes = Buffer.alloc(8);
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 21 * 2 ** 31 + 12345]) {
    putInteger(bytes, value, 0);
    expect(getInteger(bytes, 0)).toBe(value);
    expect(bytes.readBigUInt64LE(0)).toBe(BigInt(value));
  }
  bytes.fill(0xff);
  expect(getInteger(bytes, 0)).toBeNaN();
});
