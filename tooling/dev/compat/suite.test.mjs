// What must hold on every supported Node: the packages load, the daemon serves, and kill -9 loses nothing that was
// acknowledged. Runs in a project into which the published packages were installed (see run.mjs).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { bin, startDaemon } from "./corrald.mjs";
import { open } from "./sdk.mjs";

const LIMIT = { timeout: 60_000 };

/** A data directory that goes with its test. */
function dataDirectory(t) {
  const folder = mkdtempSync(join(tmpdir(), "corral-data-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("every published package loads by import and by require", LIMIT, async () => {
  const require = createRequire(import.meta.url);
  const names = process.env.COMPAT_PACKAGES.split(" ");
  assert.ok(names.length > 0);
  for (const name of names) {
    const imported = await import(name);
    assert.deepEqual(Object.keys(require(name)).sort(), Object.keys(imported).sort(), name);
  }
});

test("a client creates, reads, changes, lists and deletes, and SIGTERM ends the daemon with 0", LIMIT, async (t) => {
  const daemon = await startDaemon(dataDirectory(t));
  t.after(daemon.kill);
  const client = await open(daemon.url);
  t.after(() => client.close());
  await client.create("/a", "one");
  await client.create("/a/b", "two");
  assert.equal(await client.get("/a"), "one");
  await client.set("/a", "three");
  assert.equal(await client.get("/a"), "three");
  assert.deepEqual(await client.children("/a"), ["b"]);
  await client.delete("/a/b");
  assert.equal(await client.exists("/a/b"), false);
  await client.close();
  assert.equal(await daemon.stop(), 0);
});

test("kill -9 loses no acknowledged write, and the session lives on with its ephemerals", LIMIT, async (t) => {
  const data = dataDirectory(t);
  let daemon = await startDaemon(data);
  t.after(() => daemon.kill());
  const client = await open(daemon.url);
  t.after(() => client.close());
  await client.create("/kept", "");
  await client.createEphemeral("/kept/mine");
  for (let cycle = 0; cycle < 3; cycle += 1) {
    const acknowledged = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await client.create(`/kept/c${cycle}-${i}`, `${i}`);
        return `c${cycle}-${i}`;
      }),
    );
    // Unanswered when the daemon dies: the client sends it again, and it happens once.
    const underWay = client.create(`/kept/c${cycle}-under-way`, "");
    await daemon.kill();
    daemon = await startDaemon(data, daemon.port);
    await underWay;
    const there = new Set(await client.children("/kept"));
    for (const name of [...acknowledged, `c${cycle}-under-way`, "mine"]) assert.ok(there.has(name), `${name} is gone`);
  }
  await client.close();
  const other = await open(daemon.url);
  assert.equal(await other.exists("/kept/mine"), false);
  assert.equal((await other.children("/kept")).length, 3 * 51);
  await other.close();
  assert.equal(await daemon.stop(), 0);
});

test("corral reads what the client wrote", LIMIT, async (t) => {
  const daemon = await startDaemon(dataDirectory(t));
  t.after(daemon.kill);
  const client = await open(daemon.url);
  t.after(() => client.close());
  await client.create("/greeting", "hello");
  const args = [bin("@corral/cli", "corral"), "--server", daemon.url, "get", "/greeting"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  assert.equal(stdout.trim(), "hello");
  await client.close();
  assert.equal(await daemon.stop(), 0);
});
