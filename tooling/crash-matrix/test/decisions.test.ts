import type { Unsynced } from "@corral/log/testing";
import { MemoryDisk } from "@corral/log/testing";
import { expect, test } from "vitest";
import { decisionsAt, decisionText, fates, parseDecision } from "../src/matrix/decisions.ts";

const write = (number: number, at: number, length: number): Unsynced => ({
  number,
  kind: "write",
  name: "f",
  at,
  length,
});
const name = (number: number): Unsynced => ({ number, kind: "name", name: "f", at: 0, length: 0 });

test("of up to six changes every subset is tried", () => {
  const changes = [1, 2, 3, 4, 5, 6].map(name);
  const tried = decisionsAt(changes, 1).map(decisionText);
  expect(new Set(tried).size).toBe(64);
  expect(tried).toContain("l,k,l,l,k,k");
});

test("of more, a bounded set with every single loss and every single survival", () => {
  const changes = Array.from({ length: 11 }, (_, index) => name(index));
  const tried = new Set(decisionsAt(changes, 1).map(decisionText));
  expect(tried.size).toBe(64);
  for (let at = 0; at < 11; at += 1) {
    expect(tried).toContain(changes.map((_, index) => (index === at ? "l" : "k")).join(","));
    expect(tried).toContain(changes.map((_, index) => (index === at ? "k" : "l")).join(","));
  }
});

test("a write alone is torn at each of its borders, from the front, from the end, and in stripes", () => {
  const tried = decisionsAt([write(1, 500, 1_500)], 1).map(decisionText);
  expect(tried).toEqual(expect.arrayContaining(["l", "k", "g", "512p1", "512s1", "512p3", "512s3", "512e", "512o"]));
  expect(tried.some((text) => text.startsWith("4096"))).toBe(false);
});

test("a decision is read back from its text, and only for as many changes as it decides about", () => {
  const changes = [name(1), write(2, 0, 5_000)];
  for (const decision of decisionsAt(changes, 1))
    expect(parseDecision(decisionText(decision), changes)).toEqual(decision);
  expect(parseDecision("-", [])).toEqual([]);
  expect(() => parseDecision("k", changes)).toThrow("decides about 1 changes");
  expect(() => parseDecision("k,1024p1", changes)).toThrow("no token");
});

test("the disk does what is decided: sectors of a torn write, a length without bytes, a name that is lost", async () => {
  const disk = new MemoryDisk();
  const mounted = disk.mount();
  const file = await mounted.open("a", "create");
  await mounted.syncDirectory();
  await file.write([new Uint8Array(2_000).fill(1)], 0);
  await mounted.open("b", "create");
  const after = (text: string): MemoryDisk => {
    const fork = disk.fork();
    fork.crashWith(fates(parseDecision(text, disk.unsynced()), disk.unsynced()));
    return fork;
  };
  const kept = (text: string): string =>
    [0, 512, 1_024, 1_536].map((at) => after(text).contents("a")[at] ?? "-").join("");
  expect(disk.unsynced().map(({ kind }) => kind)).toEqual(["write", "name"]);
  expect([
    kept("k,l"),
    kept("l,l"),
    kept("g,l"),
    kept("512p2,l"),
    kept("512s1,l"),
    kept("512e,l"),
    kept("512o,l"),
  ]).toEqual(["1111", "----", "0000", "11--", "0111", "101-", "0101"]);
  expect(after("k,l").names()).toEqual(["a"]);
  expect(after("k,k").names()).toEqual(["a", "b"]);
  expect(disk.contents("a")).toHaveLength(2_000);
});
