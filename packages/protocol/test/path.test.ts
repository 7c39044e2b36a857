import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { childOf, isWithin, nameOf, parentOf, pathFault, sequentialPathFault } from "../src/index.ts";

const char = (code: number): string => String.fromCharCode(code);

describe("a path is valid", () => {
  test.each([
    "/",
    "/a",
    "/a/b",
    "/.a",
    "/..a",
    "/a.",
    "/a..",
    "/...",
    "/....",
    "/a.b",
    "/ ",
    "/ a /b ",
    "/a/...b",
    "/ä/漢字",
    "/A",
    "/a\u0020b",
    "/~",
    "/\u00a0",
    "/\ud7ff",
    "/\uf900",
    "/\uffef",
    "/\ufeffbom",
    "/\u200b",
  ])("%j", (path) => {
    expect(pathFault(path, 4096)).toBeUndefined();
  });
});

describe("a path is refused, and the fault says why and where", () => {
  test.each([
    ["", "is empty"],
    ["a", "does not begin with /"],
    ["a/b", "does not begin with /"],
    [" /a", "does not begin with /"],
    ["/a/", "ends in /"],
    ["//", "ends in /"],
    ["//a", "has an empty component at index 1"],
    ["/a//b", "has an empty component at index 3"],
    ["/.", "has a relative component at index 1"],
    ["/..", "has a relative component at index 1"],
    ["/a/./b", "has a relative component at index 3"],
    ["/a/../b", "has a relative component at index 3"],
    ["/a/..", "has a relative component at index 3"],
    ["/a\u0000", "has the forbidden character U+0000 at index 2"],
    ["/a/b\u0000c", "has the forbidden character U+0000 at index 4"],
    ["/\ud83d\ude00", "has the forbidden character U+d83d at index 1"],
  ])("%j %s", (path, fault) => {
    expect(pathFault(path, 4096)).toBe(fault);
  });

  test("for exactly the code units that ZooKeeper forbids", () => {
    const ranges = [
      [0x00, 0x1f],
      [0x7f, 0x9f],
      [0xd800, 0xf8ff],
      [0xfff0, 0xffff],
    ] as const;
    for (let unit = 0; unit <= 0xffff; unit++) {
      if (unit === 0x2f || unit === 0x2e) continue;
      const forbidden = ranges.some(([from, to]) => unit >= from && unit <= to);
      expect(pathFault(`/${char(unit)}`, 4096) !== undefined, `U+${unit.toString(16)}`).toBe(forbidden);
    }
  });

  test.each([
    ["/a", 1],
    [`/${"x".repeat(50)}`, 50],
    ["/é", 2],
    ["/漢", 3],
    ["/é漢", 5],
  ])("%j when it has more bytes than %i", (path, most) => {
    expect(pathFault(path, Buffer.byteLength(path))).toBeUndefined();
    expect(pathFault(path, most)).toBe(`is ${Buffer.byteLength(path)} bytes long (pathBytes: ${most})`);
  });

  test("however long: no path that a bounded length lets pass has more bytes", () => {
    const component = fc.string({ unit: fc.constantFrom("a", "é", "漢", ".", "x"), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 6 }), fc.nat(40), (components, most) => {
        const path = `/${components.join("/")}`;
        if (pathFault(path, most) === undefined) expect(Buffer.byteLength(path)).toBeLessThanOrEqual(most);
      }),
    );
  });
});

describe("a path that will get a sequence number", () => {
  test("may end in a slash, and counts the ten digits", () => {
    expect(sequentialPathFault("/queue/", 4096)).toBeUndefined();
    expect(sequentialPathFault("/", 4096)).toBeUndefined();
    expect(sequentialPathFault("/a/.", 4096)).toBeUndefined();
    expect(sequentialPathFault("/q-", 13)).toBeUndefined();
    expect(sequentialPathFault("/q-", 12)).toBe("is 13 bytes long (pathBytes: 12)");
  });

  test("is refused where the path is", () => {
    for (const path of ["", "q", "/a//", "//"]) expect(sequentialPathFault(path, 4096), path).toBeDefined();
  });
});

test("parent, name and child fit together", () => {
  const cases = [
    ["/a", "/", "a"],
    ["/a/b", "/a", "b"],
    ["/a/b/c", "/a/b", "c"],
    ["/ä/ b", "/ä", " b"],
  ] as const;
  for (const [path, parent, name] of cases) {
    expect([parentOf(path), nameOf(path), childOf(parent, name)]).toEqual([parent, name, path]);
  }
  expect(nameOf("/")).toBe("");
});

test("a path is within itself, its ancestors and the root, and within nothing else", () => {
  expect(["/a/b", "/a", "/"].map((root) => isWithin(root, "/a/b"))).toEqual([true, true, true]);
  expect(["/a/bc", "/b", "/a/b/c", "/ab"].map((root) => isWithin(root, "/a/b"))).toEqual([false, false, false, false]);
  expect(isWithin("/a", "/ab")).toBe(false);
});
