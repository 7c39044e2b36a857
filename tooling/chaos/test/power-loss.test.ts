/** What is read of strace's record, and what a disk may hold after a power failure. */
import { drawFrom } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import { type Image, imageAt } from "../src/power-loss/image.ts";
import { type Operation, understand } from "../src/power-loss/record.ts";
import { bytesIn, readCalls } from "../src/power-loss/system-calls.ts";

const hex = (text: string | Uint8Array): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}"`;

/** Every image of many draws, as text by name. */
function imagesOf(operations: readonly Operation[], moment: number, keep = 0.5): Record<string, string>[] {
  return Array.from({ length: 200 }, (_, i) => asText(imageAt(operations, moment, drawFrom(i, "image"), keep)));
}

const asText = (image: Image): Record<string, string> =>
  Object.fromEntries([...image].map(([name, bytes]) => [name, bytes.toString("latin1")]));

describe("the record", () => {
  test("puts the two halves of a call that was interrupted together, by thread", () => {
    const calls = readCalls(
      [
        `11 pwritev(20, [{iov_base=${hex("a")}, iov_len=1}], 1, 4096 <unfinished ...>`,
        "12 fdatasync(21 <unfinished ...>",
        "11 <... pwritev resumed>)            = 1",
        "12 <... fdatasync resumed>)          = 0",
        "13 close(20 <unfinished ...>",
      ].join("\n"),
    );
    expect(calls.map(({ name, begin, end, result }) => [name, begin, end, result])).toEqual([
      ["pwritev", 0, 2, 1],
      ["fdatasync", 1, 3, 0],
      ["close", 4, Number.POSITIVE_INFINITY, undefined],
    ]);
  });

  test("takes no string that was cut short", () => {
    expect(bytesIn(`20, ${hex("ab")}, 2`)).toEqual([Buffer.from("ab")]);
    expect(() => bytesIn(`20, ${hex("ab")}..., 9`)).toThrow("cut");
  });

  test("follows files through their names and descriptors, and leaves the lock and other directories out", () => {
    const { operations } = understand(
      readCalls(
        [
          `1 openat(AT_FDCWD, ${hex("/d/log.tmp")}, O_RDWR|O_CREAT|O_EXCL, 0640) = 5`,
          `1 pwrite64(5, ${hex("one")}, 3, 0) = 3`,
          "1 fdatasync(5) = 0",
          "1 close(5) = 0",
          `1 rename(${hex("/d/log.tmp")}, ${hex("/d/log")}) = 0`,
          `1 openat(AT_FDCWD, ${hex("/d")}, O_RDONLY|O_CLOEXEC) = 5`,
          "1 fsync(5) = 0",
          "1 close(5) = 0",
          `1 openat(AT_FDCWD, ${hex("/elsewhere")}, O_RDWR|O_CREAT, 0640) = 5`,
          `1 pwrite64(5, ${hex("no")}, 2, 0) = 2`,
          `1 rename(${hex("/d/.lock-1")}, ${hex("/d/lock-1")}) = 0`,
          `1 openat(AT_FDCWD, ${hex("/d/log")}, O_RDWR|O_DSYNC|O_CLOEXEC) = 6`,
          `1 pwritev(6, [{iov_base=${hex("tw")}, iov_len=2}, {iov_base=${hex("o")}, iov_len=1}], 2, 3) = 3`,
        ].join("\n"),
      ),
      "/d",
    );
    expect(operations.map(({ kind, ...rest }) => [kind, "file" in rest ? rest.file : "-"])).toEqual([
      ["name", 1],
      ["write", 1],
      ["sync", 1],
      ["name", 1],
      ["sync names", "-"],
      ["write", 1],
    ]);
    expect(operations.at(-1)).toMatchObject({ offset: 3, isSynced: true, bytes: Buffer.from("two") });
  });
});

describe("after a power failure", () => {
  const named: readonly Operation[] = [
    { kind: "name", name: "log", file: 1, begin: 0, end: 0 },
    { kind: "sync names", begin: 1, end: 1 },
  ];
  const write = (text: string, offset: number, begin: number, end: number, isSynced = false): Operation => ({
    kind: "write",
    file: 1,
    offset,
    bytes: Buffer.from(text),
    isSynced,
    begin,
    end,
  });

  test("a name whose directory was not synced may be there or not", () => {
    const images = imagesOf(named.slice(0, 1), 5);
    expect(images.some((image) => "log" in image)).toBe(true);
    expect(images.some((image) => !("log" in image))).toBe(true);
  });

  test("a name whose directory was synced after it is there", () => {
    expect(imagesOf(named, 5).every((image) => "log" in image)).toBe(true);
  });

  test("a sync that is not over, or that began before the name did, promises nothing", () => {
    const late: Operation = { kind: "sync names", begin: 1, end: 9 };
    expect(imagesOf([named[0]!, late], 5).some((image) => !("log" in image))).toBe(true);
    const early: Operation = { kind: "sync names", begin: 1, end: 3 };
    const name: Operation = { kind: "name", name: "log", file: 1, begin: 2, end: 2 };
    expect(imagesOf([early, name], 5).some((image) => !("log" in image))).toBe(true);
  });

  test("a write that was synced is whole", () => {
    const operations = [...named, write("one", 0, 2, 3), { kind: "sync", file: 1, begin: 4, end: 5 } as const];
    expect(new Set(imagesOf(operations, 6).map(({ log }) => log))).toEqual(new Set(["one"]));
  });

  test("a write to a file that is synced by each write is whole when it is over, and not before", () => {
    const operations = [...named, write("one", 0, 2, 4, true)];
    expect(new Set(imagesOf(operations, 5).map(({ log }) => log))).toEqual(new Set(["one"]));
    expect(new Set(imagesOf(operations, 3).map(({ log }) => log)).size).toBeGreaterThan(1);
  });

  test("a sync of another file promises nothing", () => {
    const operations = [...named, write("one", 0, 2, 3), { kind: "sync", file: 2, begin: 4, end: 5 } as const];
    expect(imagesOf(operations, 6).some(({ log }) => log === "")).toBe(true);
  });

  test("a write that was not synced is torn at the borders of sectors", () => {
    const long = "x".repeat(2_000);
    const lengths = new Set(
      imagesOf([...named, write(long, 0, 2, 3)], 6).map(({ log }) => log!.replaceAll("\0", "").length),
    );
    expect(lengths.size).toBeGreaterThan(3);
    // What is missing is the beginning or the end, up to a border.
    for (const length of lengths) expect([0, 2_000 % 512].includes(length % 512)).toBe(true);
  });

  test("a later write can be there without an earlier one, with zeros between", () => {
    const operations = [...named, write("one", 0, 2, 3), write("two", 3, 4, 5)];
    const logs = new Set(imagesOf(operations, 6).map(({ log }) => log));
    expect(logs.has("\0\0\0two")).toBe(true);
    expect(logs.has("one")).toBe(true);
  });

  test("a file that was deleted may come back, and one that was renamed may have its old name", () => {
    const deleted: readonly Operation[] = [...named, { kind: "name", name: "log", file: undefined, begin: 2, end: 2 }];
    expect(imagesOf(deleted, 5).some((image) => "log" in image)).toBe(true);
    const renamed: readonly Operation[] = [
      ...named,
      { kind: "name", name: "new", from: "log", file: 1, begin: 2, end: 2 },
    ];
    expect(new Set(imagesOf(renamed, 5).map((image) => Object.keys(image).join()))).toEqual(new Set(["log", "new"]));
  });

  test("what begins after the moment is not there", () => {
    expect(imagesOf([...named, write("one", 0, 9, 10)], 5).every(({ log }) => log === "")).toBe(true);
  });
});
