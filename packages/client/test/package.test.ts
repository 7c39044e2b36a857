import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ERRORS } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { CorralError, isCorralError } from "../src/error.ts";

const src = join(dirname(fileURLToPath(import.meta.url)), "../src");

/** Every module that an entry reaches: files as paths, packages by name. */
async function reached(file: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(file)) return found;
  found.add(file);
  const source = await readFile(file, "utf8");
  for (const [, specifier] of source.matchAll(/^(?:import|export)[^;]*?from "([^"]+)";/gm)) {
    if (specifier!.startsWith(".")) await reached(join(dirname(file), specifier!), found);
    else found.add(specifier!);
  }
  return found;
}

describe("the package", () => {
  test("the browser entry reaches no module of Node and no ws", async () => {
    const packages = [...(await reached(join(src, "browser.ts")))].filter((name) => !name.startsWith("/"));
    expect(packages.sort()).toEqual(["@corral/protocol", "lru-cache", "msgpackr/pack"]);
  });

  test("both entries export the same, but for the transport of Node", async () => {
    const names = async (entry: string): Promise<string[]> => Object.keys((await import(entry)) as object).sort();
    const node = await names("../src/node/index.ts");
    expect(node.filter((name) => name !== "wsTransport")).toEqual(await names("../src/browser.ts"));
  });
});

describe("errors", () => {
  test("are known across copies of the package, by all their codes", () => {
    const foreign = Object.assign(new Error("x"), { code: "NO_NODE" });
    Object.defineProperty(foreign, Symbol.for("corral.error"), { value: true });
    expect(isCorralError(foreign, "NO_NODE", "NO_AUTH")).toBe(true);
    expect(isCorralError(foreign, "NO_AUTH")).toBe(false);
    expect(isCorralError(new Error("x"))).toBe(false);
    expect(isCorralError(undefined)).toBe(false);
  });

  test.each(Object.entries(ERRORS))("%s has the outcome and the retry of the protocol's table", (code, row) => {
    const error = new CorralError(code as keyof typeof ERRORS, { op: "set", detail: { path: "/p" } });
    expect(error).toMatchObject({ code, outcome: row.outcome, retryable: row.retryable, path: "/p", op: "set" });
    expect(error.message).toContain(`set /p: ${row.means} [${code}`);
  });
});
