/** The traps: what a simulated program must not use is told, with the line that used it; what it may is not. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compileFunction } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import { run } from "../src/run.ts";
import { installTraps } from "../src/world/traps.ts";

let remove = (): void => {};
afterEach(() => remove());

/** As a file of a package of ours would be seen on the stack. */
const planted = (code: string, file = "/anywhere/packages/planted/dist/planted.js"): (() => unknown) =>
  compileFunction(code, [], { filename: file }) as () => unknown;

function usesOf(code: string): string[] {
  const told: string[] = [];
  remove = installTraps((what) => told.push(what));
  const use = planted(code);
  try {
    use();
  } finally {
    remove();
  }
  return told;
}

describe("a use is caught of", () => {
  test.each([
    ["Date.now", "Date.now()"],
    ["new Date()", "new Date()"],
    ["Date()", "Date()"],
    ["Math.random", "Math.random()"],
    ["performance.now", "performance.now()"],
    ["setTimeout", "clearTimeout(setTimeout(() => {}, 1))"],
    ["setInterval", "clearInterval(setInterval(() => {}, 1))"],
    ["setImmediate", "clearImmediate(setImmediate(() => {}))"],
    ["AbortSignal.timeout", "AbortSignal.timeout(1)"],
    ["crypto.randomUUID", "crypto.randomUUID()"],
    ["crypto.getRandomValues", "crypto.getRandomValues(new Uint8Array(1))"],
    ["new WeakRef", "new WeakRef({})"],
    ["new FinalizationRegistry", "new FinalizationRegistry(() => {})"],
    ["process.hrtime", "process.hrtime()"],
  ])("%s", (name, code) => {
    const told = usesOf(code);
    expect(told[0]).toMatch(`${name} was used at`);
    expect(told[0]).toContain("/planted/dist/planted.js");
  });

  test("a library that we carry: entries of an lru-cache that live for a time", () => {
    // It is the client's, not ours.
    const { LRUCache } = createRequire(join(import.meta.dirname, "../../../packages/client/package.json"))(
      "lru-cache",
    ) as { LRUCache: new (options: object) => { set(key: string, value: number): void } };
    const told: string[] = [];
    remove = installTraps((what) => told.push(what));
    new LRUCache({ max: 2, ttl: 1_000 }).set("a", 1);
    remove();
    expect(told.join()).toMatch(/was used at .*lru-cache/);
  });

  test("random bytes by a name that a module has imported", () => {
    const directory = mkdtempSync(join(tmpdir(), "planted-"));
    try {
      // A module's own bindings are what matters here, so it has to be one.
      const place = join(directory, "tooling/simulation/dist");
      const script = `
        import { mkdirSync, writeFileSync } from "node:fs";
        import { installTraps } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "../dist/world/traps.js")).href)};
        mkdirSync(${JSON.stringify(place)}, { recursive: true });
        writeFileSync(${JSON.stringify(join(place, "planted.mjs"))}, 'import { randomBytes } from "node:crypto"; export const use = () => randomBytes(4);');
        const { use } = await import(${JSON.stringify(pathToFileURL(join(place, "planted.mjs")).href)});
        installTraps((what) => console.log(what));
        use();`;
      const file = join(directory, "run.mjs");
      writeFileSync(file, script);
      const out = execFileSync(process.execPath, [file], { encoding: "utf8" });
      expect(out).toMatch(/node:crypto randomBytes was used at .*planted\.mjs/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

test("a run in which something simulated looks at the real clock fails, and says where", async () => {
  const mayAct = planted("Date.now(); return true;") as () => boolean;
  const { violations } = await run(1, { change: (plan) => ({ ...plan, casts: ["actors"], chaosMs: 2_000, mayAct }) });
  expect(violations[0]).toMatchObject({ check: "determinism" });
  expect(violations[0]!.what).toMatch(/Date\.now was used at .*planted\.js/);
});

describe("no use is told of", () => {
  test("a date of a given time", () => {
    expect(
      usesOf("new Date(0).toISOString(); new Date(2024, 1, 1); Date.UTC(2024, 1); new Date(0) instanceof Date;"),
    ).toEqual([]);
  });

  test("what nobody of ours has used", () => {
    const told: string[] = [];
    remove = installTraps((what) => told.push(what));
    planted("Date.now(); Math.random();", "/elsewhere/runner.js")();
    remove();
    expect(told.filter((what) => !what.includes("traps.test"))).toEqual([]);
  });

  test("anything once the traps are gone", () => {
    const before = Date.now;
    const told: string[] = [];
    const back = installTraps((what) => told.push(what));
    back();
    expect(Date.now).toBe(before);
    expect(typeof Math.random()).toBe("number");
    expect(told).toEqual([]);
  });
});
