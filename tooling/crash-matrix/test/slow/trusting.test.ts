/** A log that takes records whose checksum is wrong: what both halves of the command have to find. */
import { crc32 } from "node:zlib";
import { expect, test, vi } from "vitest";
import { tryShare } from "../../src/matrix/share.ts";
import { WORKLOADS } from "../../src/matrix/workloads/index.ts";
import { makeSource } from "../../src/sweep/source.ts";
import { sweepShare } from "../../src/sweep/sweep.ts";

vi.mock("../../../../packages/log/dist/file/record.js", async (original) => {
  const real = await original<{ decodeRecord: (bytes: Buffer) => unknown }>();
  const decodeRecord = (bytes: Buffer): unknown => {
    const trusted = Buffer.from(bytes);
    trusted.writeUInt32LE(crc32(trusted.subarray(4)), 0);
    return real.decodeRecord(trusted);
  };
  return { ...real, decodeRecord };
});

test("a log that trusts a record whose checksum is wrong is found by the matrix: torn records come back with other bytes", async () => {
  const found = await tryShare(
    WORKLOADS.find(({ name }) => name === "bursts")!,
    0,
    1,
    undefined,
    1,
  );
  expect(found.failed).toBeGreaterThan(0);
  expect(found.failures[0]).toMatch(/invented|changed/);
}, 60_000);

test("a log that trusts a record whose checksum is wrong is found by the sweep: a flipped bit makes another state, or breaks recovery", async () => {
  const found = await sweepShare(await makeSource(), 1, 30, 1);
  expect(found.failed).toBeGreaterThan(0);
  expect(found.failures.join("\n")).toMatch(/bit flipped: log-.*(another state|failed with|instead of)/);
}, 120_000);
