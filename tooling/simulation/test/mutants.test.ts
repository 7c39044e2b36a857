/** The mutants are what they say: each can still be made, and a run tells a defect from none. */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { MUTANTS } from "../src/mutants/catalogue/index.ts";
import { type Mutant, mutated, Stale, urlOf } from "../src/mutants/mutant.ts";

const mutant: Mutant = { name: "m", bug: "b", story: "s", file: "f.js", find: "a < b", replace: "a <= b" };

test("a mutant changes the one place that it names", () => {
  expect(mutated("if (a < b) $&", mutant)).toBe("if (a <= b) $&");
});

test("a mutant whose text is gone, or stands there twice, is stale", () => {
  expect(() => mutated("if (b > a)", mutant)).toThrow(Stale);
  expect(() => mutated("if (a < b || a < b)", mutant)).toThrow(Stale);
});

test("a mutant that changes nothing is stale", () => {
  expect(() => mutated("a < b", { ...mutant, replace: mutant.find })).toThrow(Stale);
});

test("every mutant can be made, and has a name of its own", () => {
  const names = MUTANTS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const stale = MUTANTS.flatMap((each) => {
    try {
      mutated(readFileSync(urlOf(each.file), "utf8"), each);
      return [];
    } catch (error) {
      return [String(error)];
    }
  });
  expect(stale).toEqual([]);
});

/** A thread as the campaign begins it. */
async function violationsIn(defect: Mutant | undefined, seed: number): Promise<readonly { readonly check: string }[]> {
  const worker = new Worker(new URL("../dist/mutants/thread.js", import.meta.url), { workerData: defect });
  try {
    return await new Promise((resolve, reject) => {
      worker.on("message", ({ violations }: { violations: readonly { check: string }[] }) => resolve(violations));
      worker.on("error", reject);
      worker.postMessage({ seed, where: {} });
    });
  } finally {
    await worker.terminate();
  }
}

test("a thread runs the product with the defect, and without one the sound one", { timeout: 60_000 }, async () => {
  const defect = MUTANTS.find(({ name }) => name === "padding-forgotten");
  expect(await violationsIn(defect, 1)).not.toEqual([]);
  expect(await violationsIn(undefined, 1)).toEqual([]);
});

test("a thread refuses to run a stale mutant", { timeout: 60_000 }, async () => {
  const gone = { ...MUTANTS[0]!, find: "this stands nowhere" };
  await expect(violationsIn(gone, 1)).rejects.toThrow("not once");
});
