import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { SERVER_BOUNDS } from "../src/engine/limits.ts";
import { DEFAULT_PORT } from "../src/node/start-server.ts";

const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");

test("the table of limits in the README has every limit, in order, with its default", () => {
  const table = readme.slice(readme.indexOf("<!-- limits -->"), readme.indexOf("<!-- /limits -->"));
  const rows = [...table.matchAll(/^\| `(\w+)` \| ([\d,]+) \|/gm)].map(([, name, value]) => [
    name,
    Number(value!.replaceAll(",", "")),
  ]);
  expect(rows).toEqual(Object.entries(SERVER_BOUNDS).map(([name, bound]) => [name, bound.default]));
});

test("the default port in the README is the one", () => {
  expect(readme).toContain(`| \`port\` | \`${DEFAULT_PORT}\` |`);
});

test("the example in the README runs as it stands, on a free port, and ends by itself", async () => {
  const example = /```ts\n(.*?)```/s.exec(readme)![1]!;
  expect(example).toContain("port: 2190");
  const directory = await mkdtemp(join(tmpdir(), "corral-readme-"));
  try {
    const at = (path: string): string => new URL(path, import.meta.url).href;
    const code = example
      .replace('"@corral/log"', JSON.stringify(at("../../log/dist/index.js")))
      .replace('"@corral/server"', JSON.stringify(at("../dist/index.js")))
      .replace('"corral-data"', JSON.stringify(join(directory, "data")))
      .replace("port: 2190", "port: 0");
    await writeFile(join(directory, "example.mjs"), code);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(directory, "example.mjs")], {
      timeout: 20_000,
    });
    expect(stdout).toMatch(/^\[ 'ws:\/\/127\.0\.0\.1:\d+' \]\n$/);
    expect(stderr).toBe("");
  } finally {
    await rm(directory, { recursive: true });
  }
});
