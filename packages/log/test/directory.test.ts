import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeDirectory } from "../src/file/node-directory.ts";

let base: string;
beforeEach(async () => {
  base = await fs.mkdtemp(path.join(os.tmpdir(), "corral-directory-"));
});
afterEach(() => fs.rm(base, { recursive: true }));

test("a directory is made with its parents, and those made are told, the outermost first", async () => {
  expect(await makeDirectory(path.join(base, "a/b/c"))).toEqual(["a", "a/b", "a/b/c"].map((at) => path.join(base, at)));
  expect((await fs.stat(path.join(base, "a/b/c"))).isDirectory()).toBe(true);
  expect(await makeDirectory(path.join(base, "a/b/c"))).toEqual([]);
});

test("many that want the same one at once all get it", async () => {
  const at = path.join(base, "a/b/c/d");
  await Promise.all(Array.from({ length: 20 }, () => makeDirectory(at)));
  expect((await fs.stat(at)).isDirectory()).toBe(true);
});

test("where there can be none, the system's error is told, and nobody waits for ever", async () => {
  const file = path.join(base, "file");
  await fs.writeFile(file, "");
  await expect(makeDirectory(file)).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeDirectory(path.join(file, "x/y"))).rejects.toMatchObject({ code: "ENOTDIR" });
  await fs.symlink(path.join(base, "nowhere"), path.join(base, "dangling"));
  await expect(makeDirectory(path.join(base, "dangling"))).rejects.toMatchObject({ code: "EEXIST" });
});

test.runIf(process.platform === "linux")("below /proc, which exists and takes nothing, too", async () => {
  await expect(makeDirectory("/proc/corral/data")).rejects.toMatchObject({ code: "ENOENT", path: "/proc/corral" });
});
