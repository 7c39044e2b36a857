/** Bugs that are built in must find their place in what is built, or they prove nothing. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { load, initialize } from "../src/plants/hooks.ts";
import { PLANTS, plantedEnv } from "../src/plants/plants.ts";
import { ROWS } from "../src/rows/index.ts";

const packages = path.join(import.meta.dirname, "../../../packages");
const patched = Object.entries(PLANTS).flatMap(([name, { patch }]) =>
  patch === undefined ? [] : [[name, patch] as const],
);

test("each plant names a row that there is", () => {
  for (const { row } of Object.values(PLANTS)) expect(ROWS.map(({ name }) => name)).toContain(row);
});

test("without a plant, corrald runs as it is built", () => {
  expect(plantedEnv(undefined)).toEqual({});
  expect(plantedEnv("unfenced")).toEqual({});
});

describe.each(patched)("%s", (_name, patch) => {
  test("its line stands in the built product, once", () => {
    expect(readFileSync(packages + patch.file, "utf8").split(patch.from)).toHaveLength(2);
  });

  test("is in what is loaded, and in no other module", async () => {
    await initialize(patch);
    const loaded = async (source: string, url: string): Promise<unknown> => {
      const next = async (): Promise<{ format: "module"; source: string }> => ({ format: "module", source });
      return (await load(url, { conditions: [], format: "module", importAttributes: {} } as never, next)).source;
    };
    expect(await loaded(`a ${patch.from} b`, `file://${patch.file}`)).toBe(`a ${patch.to} b`);
    expect(await loaded(`a ${patch.from} b`, "file:///other.js")).toBe(`a ${patch.from} b`);
    await expect(loaded("changed since", `file://${patch.file}`)).rejects.toThrow("has no");
  });
});
