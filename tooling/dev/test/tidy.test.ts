import { describe, expect, test } from "vitest";
import { cycleFindings } from "../src/tidy/cycles.ts";
import { directionFindings } from "../src/tidy/direction.ts";
import { fileFindings } from "../src/tidy/files.ts";
import { textFindings } from "../src/tidy/text.ts";
import type { Package } from "../src/workspace.ts";

const client: Package = { folder: "packages/client", manifest: { name: "@corral/client", version: "1.0.0" } };

/** Findings of the direction rule for one file of the client. */
function directionOf(path: string, text: string): string[] {
  return directionFindings([client], [{ path, text }]).map(({ where, what }) => `${where} ${what}`);
}

describe("direction", () => {
  test("what the table allows passes, from a source file and from a test", () => {
    expect(directionOf("packages/client/src/a.ts", `import { x } from "@corral/protocol"; import "./b.ts";`)).toEqual(
      [],
    );
    expect(
      directionOf("packages/client/test/a.test.ts", `import { x } from "../src/a.ts"; import "@corral/client";`),
    ).toEqual([]);
  });

  test("client and server never see each other, not even by a type", () => {
    for (const line of [
      `import { x } from "@corral/server";`,
      `import type { X } from "@corral/server";`,
      `export type { X } from "@corral/server";`,
      `const x = await import("@corral/server");`,
      `type X = import("@corral/server").X;`,
    ]) {
      expect(directionOf("packages/client/src/a.ts", line)).toEqual([
        "packages/client/src/a.ts:1 may not import @corral/server",
      ]);
    }
    expect(directionOf("packages/client/test/a.test.ts", `import "@corral/server";`)).toHaveLength(1);
  });

  test("a relative import stays in its package, and sources do not import tests", () => {
    expect(directionOf("packages/client/src/a.ts", `import "../../protocol/src/x.ts";`)).toHaveLength(1);
    expect(directionOf("packages/client/src/a.ts", `import "../test/x.ts";`)).toHaveLength(1);
  });

  test("the bounds of suites and the way with flags come from the workspace, for whatever is not published", () => {
    const lines = `import "../../tooling/dev/src/test-bounds.ts";`;
    expect(directionOf("packages/client/vitest.config.ts", lines)).toEqual([]);
    expect(directionOf("packages/client/test/a.ts", `import "../../../tooling/dev/flags.mjs";`)).toEqual([]);
    expect(directionOf("packages/client/src/a.ts", `import "../../../tooling/dev/flags.mjs";`)).toHaveLength(1);
    expect(directionOf("packages/client/test/a.ts", `import "../../../tooling/dev/run.mjs";`)).toHaveLength(1);
  });

  test("package.json is held to the same table", () => {
    const manifest = { ...client.manifest, dependencies: { "@corral/server": "workspace:^", ws: "8.0.0" } };
    expect(directionFindings([{ ...client, manifest }], [])).toEqual([
      { where: "packages/client/package.json", what: "dependencies may not list @corral/server" },
    ]);
  });

  test("a package without a row is a finding", () => {
    expect(directionFindings([{ ...client, folder: "packages/other" }], [])).toHaveLength(1);
  });
});

describe("cycles", () => {
  test("a cycle is found once, type imports included", () => {
    const findings = cycleFindings([
      { path: "packages/log/src/a.ts", text: `import "./b.ts";` },
      { path: "packages/log/src/b.ts", text: `\nimport type { C } from "./deep/c.ts";` },
      { path: "packages/log/src/deep/c.ts", text: `export { a } from "../a.ts";` },
    ]);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.what).toContain("packages/log/src/a.ts → packages/log/src/b.ts → packages/log/src/deep/c.ts");
  });

  test("two ways to the same file are no cycle", () => {
    const findings = cycleFindings([
      { path: "packages/log/src/a.ts", text: `import "./b.ts"; import "./c.ts";` },
      { path: "packages/log/src/b.ts", text: `import "./c.ts";` },
      { path: "packages/log/src/c.ts", text: "" },
    ]);
    expect(findings).toEqual([]);
  });
});

describe("files", () => {
  const lines = (count: number): string => "x;\n".repeat(count);

  test("a file may have 400 lines, one more only with a reason, and a reason only when it is needed", () => {
    const path = "packages/log/src/a.ts";
    expect(fileFindings([{ path, text: lines(400) }], {})).toEqual([]);
    expect(fileFindings([{ path, text: lines(401) }], {})).toHaveLength(1);
    expect(fileFindings([{ path, text: lines(401) }], { [path]: "one table" })).toEqual([]);
    expect(fileFindings([{ path, text: lines(400) }], { [path]: "one table" })).toHaveLength(1);
  });

  test("a name that says nothing is a finding, whether of a file, a folder or a part of either", () => {
    const paths = ["src/util.ts", "src/helpers/a.ts", "src/session-manager.ts"].map((path) => `packages/log/${path}`);
    expect(
      fileFindings(
        paths.map((path) => ({ path, text: "" })),
        {},
      ),
    ).toHaveLength(3);
    expect(fileFindings([{ path: "packages/log/src/utility.ts", text: "" }], {})).toEqual([]);
  });

  test("export * is a finding", () => {
    expect(fileFindings([{ path: "packages/log/src/a.ts", text: `export * from "./b.ts";` }], {})).toHaveLength(1);
    expect(fileFindings([{ path: "packages/log/src/a.ts", text: `export { b } from "./b.ts";` }], {})).toEqual([]);
  });
});

describe("text", () => {
  const exists = (path: string): boolean => path === "packages/log/src/log.ts" || path === "docs/protocol.md";
  const findingsIn = (text: string, path = "docs/guarantees.md"): string[] =>
    textFindings([{ path, text }], exists).map(({ where, what }) => `${where} ${what}`);

  test("a path that a document names must exist, unless a build makes it or it stands in an example", () => {
    expect(findingsIn("see `packages/log/src/log.ts` and `apps/daemon/dist/main.js`")).toEqual([]);
    expect(findingsIn("```\n`packages/log/src/gone.ts`\n```\n")).toEqual([]);
    expect(findingsIn("\nsee `packages/log/src/gone.ts`")).toEqual([
      "docs/guarantees.md:2 names packages/log/src/gone.ts, which does not exist",
    ]);
  });

  test("a link of a document leads somewhere", () => {
    expect(findingsIn("[p](protocol.md#frames) [log](../packages/log/src/log.ts) [w](https://example.org/x)")).toEqual(
      [],
    );
    expect(findingsIn("[p](protcol.md)")).toHaveLength(1);
  });

  test("a decision that any text cites exists", () => {
    const cited = (number: string): string => `decision ${number}`;
    const decision = { path: `docs/${"decisions"}/0002-layout.md`, text: "# Layout" };
    const source = { path: "packages/log/src/a.ts", text: `${cited("0002")}\n${cited("0003")}` };
    expect(textFindings([decision, source], exists).map(({ where }) => where)).toEqual(["packages/log/src/a.ts:2"]);
  });

  test("no text names what only one machine has", () => {
    const outside = [
      ["..", "shared", "x"],
      ["", "work", "x"],
      ["", "home", "ann", "x"],
    ].map((parts) => parts.join("/"));
    for (const name of outside) expect(findingsIn(`see ${name}`, "packages/log/src/a.ts")).toHaveLength(1);
    expect(findingsIn("net/work/x and ./work/x", "packages/log/src/a.ts")).toEqual([]);
  });
});
