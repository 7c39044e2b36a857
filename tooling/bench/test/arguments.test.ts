import { describe, expect, test } from "vitest";
import { UsageError, parseArguments } from "../src/arguments.ts";
import { FULL, QUICK } from "../src/run/scale.ts";

describe("arguments of npm run bench", () => {
  test("without any, everything of all systems is measured", () => {
    const { systems, only, rounds, quick, out } = parseArguments([]);
    expect(systems).toEqual(["corral", "zookeeper", "etcd"]);
    expect(only).toEqual(["throughput", "fanout", "sessions", "size", "snapshot", "floors"]);
    expect([rounds, quick, out]).toEqual([undefined, false, undefined]);
  });

  test("lists stand in the bench's own order, and values may follow a space or an equals sign", () => {
    const args = parseArguments([
      "--",
      "--systems",
      "etcd,corral",
      "--only=floors,size",
      "--rounds",
      "2",
      "--out=a/b.md",
    ]);
    expect(args.systems).toEqual(["corral", "etcd"]);
    expect(args.only).toEqual(["size", "floors"]);
    expect([args.rounds, args.out]).toEqual([2, "a/b.md"]);
  });

  test.each([
    [["--fast"], "unknown flag --fast"],
    [["quick"], "unknown flag quick"],
    [["--systems", "corral,consul"], "no 'consul'; there are corral, zookeeper, etcd"],
    [["--systems"], "--systems needs a value"],
    [["--systems", ""], "--systems needs a value"],
    [["--only", "--quick"], "--only needs a value"],
    [["--only", "everything"], "no 'everything'"],
    [["--rounds", "0"], "a whole number from 1 to 20"],
    [["--rounds", "many"], "a whole number from 1 to 20"],
    [["--rounds", "1.5"], "a whole number from 1 to 20"],
    [["--quick=yes"], "--quick takes no value"],
    [["--quick", "--quick"], "--quick is given twice"],
    [["--out", "page.html"], "a page ends in .md"],
  ])("%j is refused in one line", (given, says) => {
    let refused: unknown;
    try {
      parseArguments(given);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(UsageError);
    expect((refused as Error).message).toContain(says);
    expect((refused as Error).message).not.toContain("\n");
  });

  test("a quick run has every part of a full one", () => {
    for (const [name, value] of Object.entries(QUICK)) {
      if (typeof value === "number") expect(value, name).toBeGreaterThan(0);
      else expect(value.length, name).toBeGreaterThan(1);
    }
    expect(Object.keys(QUICK)).toEqual(Object.keys(FULL));
  });
});
