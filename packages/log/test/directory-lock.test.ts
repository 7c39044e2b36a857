import { spawn } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { nodeDirectoryLock, openFileLog } from "../src/index.ts";

const stale = "lock-00000000000000aa";
const made: string[] = [];
afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true });
});

async function directory(): Promise<string> {
  const name = await mkdtemp(path.join(tmpdir(), "corral-lock-"));
  made.push(name);
  return name;
}

const limits = { segmentBytes: 64 << 10, maxRecordBytes: 32 << 10, reserveBytes: 0, softMarkBytes: 0 };
const nobody = { snapshot: async () => {}, batch: () => {} };

test("a live owner refuses a second one, which then leaves nothing behind, and may come when the first has closed", async () => {
  const at = await directory();
  const first = openFileLog({ directory: at, limits });
  await first.recover(nobody);
  const names = await readdir(at);
  await expect(openFileLog({ directory: at, limits }).recover(nobody)).rejects.toMatchObject({
    code: "LOCKED",
    message: expect.stringContaining(at),
  });
  expect(await readdir(at)).toEqual(names);
  await openFileLog({ directory: at, limits, readOnly: true }).recover(nobody);
  await first.close();
  expect((await readdir(at)).filter((name) => name.includes("lock"))).toEqual([]);
  const second = openFileLog({ directory: at, limits });
  await second.recover(nobody);
  await second.close();
});

test("the socket of an owner that was killed is replaced", async () => {
  const at = await directory();
  const child = spawn(
    process.execPath,
    ["-e", `require("net").createServer().listen(${JSON.stringify(path.join(at, stale))}, () => console.log("ready"))`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await new Promise((resolve) => child.stdout.once("data", resolve));
  await expect(nodeDirectoryLock(at).acquire()).rejects.toMatchObject({ code: "LOCKED" });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
  await access(path.join(at, stale));
  const letGo = await nodeDirectoryLock(at).acquire();
  await expect(nodeDirectoryLock(at).acquire()).rejects.toMatchObject({ code: "LOCKED" });
  await letGo();
  expect(await readdir(at)).toEqual([]);
});

test("of many that start at once over a stale socket, one gets the directory", async () => {
  const at = await directory();
  const child = spawn(
    process.execPath,
    ["-e", `require("net").createServer().listen(${JSON.stringify(path.join(at, stale))}, () => console.log("ready"))`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
  const tries = await Promise.allSettled(Array.from({ length: 8 }, () => nodeDirectoryLock(at).acquire()));
  const winners = tries.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  expect(winners).toHaveLength(1);
  expect(await readdir(at)).toHaveLength(1);
  for (const each of tries) if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "LOCKED" });
  await winners[0]!();
});

test("a directory whose path is too long for a socket is locked all the same", async () => {
  const at = path.join(await directory(), "d".repeat(120));
  await mkdir(at);
  const letGo = await nodeDirectoryLock(at).acquire();
  expect(await readdir(at)).toEqual([expect.stringMatching(/^lock-/)]);
  await expect(nodeDirectoryLock(at).acquire()).rejects.toMatchObject({ code: "LOCKED" });
  await letGo();
  expect(await readdir(at)).toEqual([]);
});
