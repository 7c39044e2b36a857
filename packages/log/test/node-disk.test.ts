import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { nodeDisk } from "../src/index.ts";

let directory = "";
afterEach(() => rm(directory, { recursive: true, force: true }));

test("an error of the system says which file it was, and keeps its code: also of calls that know only a descriptor", async () => {
  directory = await mkdtemp(path.join(tmpdir(), "corral-disk-"));
  const file = await nodeDisk(directory).open("log-7", "create");
  await file.close();
  const named = { code: "EBADF", errno: expect.any(Number), message: expect.stringContaining("'log-7'") };
  await expect(file.read(new Uint8Array(1), 0)).rejects.toMatchObject(named);
  await expect(file.write([Uint8Array.of(1)], 0)).rejects.toMatchObject(named);
  await expect(file.sync()).rejects.toMatchObject(named);
});
