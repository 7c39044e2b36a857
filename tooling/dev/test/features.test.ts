import { describe, expect, test } from "vitest";
import { proofFaults } from "../src/features/proof.ts";
import { expectedIds, readTable, type Row } from "../src/features/table.ts";

const PATH = "packages/log/test/exam.test.ts";

/** A whole table in which every row says no, with some rows written differently. */
function tableWith(changed: Readonly<Record<string, string>> = {}): string {
  const lines = expectedIds().map((id) => changed[id] ?? `| ${id} | a feature | no | not wanted by anyone |`);
  return ["| # | feature | here | proof |", "|---|---|---|---|", ...lines].join("\n");
}

function faultsOfProof(name: string, source: string): string[] {
  const row: Row = { id: "1", line: 1, verdict: "yes", tests: [{ path: PATH, name }] };
  return proofFaults([row], (path) => (path === PATH ? source : undefined));
}

describe("the table", () => {
  test("a table with every row and reasons has no fault", () => {
    expect(readTable(tableWith()).faults).toEqual([]);
  });

  test("a missing row is a fault", () => {
    expect(readTable(tableWith({ 7: "", W30: "" })).faults).toEqual(["row 7: is missing", "row W30: is missing"]);
  });

  test("a row that stands twice, or that the list does not have, is a fault", () => {
    const row = "| 7 | a feature | no | not wanted by anyone |";
    const { faults } = readTable(tableWith({ 7: `${row}\n${row}\n${row.replace("7", "136")}` }));
    expect(faults).toEqual([
      expect.stringContaining("row 7 (line 10): stands here twice"),
      "row 136: is not one of the list",
    ]);
  });

  test("TODO, a yes without a test and a no without a reason are faults", () => {
    const { faults } = readTable(
      tableWith({
        1: "| 1 | f | yes | TODO |",
        2: "| 2 | f | yes | soon |",
        3: "| 3 | f | no | |",
        4: "| 4 | f | maybe | x |",
      }),
    );
    expect(faults).toEqual([
      "row 1 (line 3): TODO is not a proof",
      "row 2 (line 4): names no test",
      "row 3 (line 5): gives no reason for 'no'",
      "row 4 (line 6): says 'maybe' instead of yes, later or no",
      "row 4: is missing",
    ]);
  });

  test("a proof may name several tests, and an escaped bar belongs to a name", () => {
    const { rows } = readTable(tableWith({ 1: `| 1 | f | yes | \`a.ts › x \\| y\`<br>\`b.ts › outer › z\` |` }));
    expect(rows[0]?.tests).toEqual([
      { path: "a.ts", name: "x | y" },
      { path: "b.ts", name: "outer › z" },
    ]);
  });
});

describe("the proof", () => {
  const sound = `describe("a log", () => { test("keeps order", () => { expect(1).toBe(1); }); });`;

  test("a test is found by its own title and by its whole title", () => {
    expect(faultsOfProof("keeps order", sound)).toEqual([]);
    expect(faultsOfProof("a log › keeps order", sound)).toEqual([]);
  });

  test("part of a title, another title and another file are not the test", () => {
    expect(faultsOfProof("keeps", sound)).toEqual([expect.stringContaining("has no test 'keeps'")]);
    expect(faultsOfProof("log › keeps order", sound)).toHaveLength(1);
    expect(
      proofFaults([{ id: "1", line: 1, verdict: "yes", tests: [{ path: "x.ts", name: "y" }] }], () => undefined),
    ).toEqual(["row 1 (line 1): x.ts is not a file that `npm test` runs"]);
  });

  test.for([
    ["skipped itself", `test.skip("t", () => { expect(1).toBe(1); });`],
    ["still to do", `test.todo("t");`],
    ["skipped by a condition", `test.skipIf(process.env.CI)("t", () => { expect(1).toBe(1); });`],
    ["skipped by an option", `test("t", { skip: true }, () => { expect(1).toBe(1); });`],
    ["in a skipped block", `describe.skip("d", () => { it("t", () => { expect(1).toBe(1); }); });`],
    ["without a body", `test("t");`],
  ])("a test that is %s does not count", ([, source = ""]) => {
    expect(faultsOfProof("t", source)).toEqual([expect.stringContaining("does not run")]);
  });

  test("a test beside a focused one does not count", () => {
    const source = `test.only("u", () => {}); test("t", () => { expect(1).toBe(1); });`;
    expect(faultsOfProof("t", source)).toEqual([expect.stringContaining(".only")]);
  });

  test("a test that asserts nothing does not count, and a comment is no assertion", () => {
    const source = `function plain() {} test("t", async () => { await plain(); /* expect(1) */ "expect(1)"; });`;
    expect(faultsOfProof("t", source)).toEqual([expect.stringContaining("asserts nothing")]);
  });

  test("a test may assert through node:assert, fast-check or a function of its file", () => {
    expect(faultsOfProof("t", `test("t", () => { assert.equal(1, 1); });`)).toEqual([]);
    expect(faultsOfProof("t", `test("t", () => { fc.assert(fc.property(x, (v) => v === v)); });`)).toEqual([]);
    expect(
      faultsOfProof("t", `const inner = () => expect(1); function outer() { inner(); } test("t", () => outer());`),
    ).toEqual([]);
  });

  test("two tests of one name cannot prove anything by it", () => {
    expect(faultsOfProof("keeps order", `${sound}\n${sound}`)).toEqual([expect.stringContaining("has 2 tests")]);
  });

  test("what a title leaves open until run time matches any text there", () => {
    const source = `for (const kind of kinds) describe(\`the \${kind} log\`, () => { test.each(rows)("keeps %s in order", () => { expect(1); }); });`;
    expect(faultsOfProof("the file log › keeps batches in order", source)).toEqual([]);
    expect(faultsOfProof("the file log › drops batches", source)).toHaveLength(1);
  });
});
