/** corrald restore and corrald verify, on what a real daemon has left. */
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { connect, text } from "@corral/client";
import { expect, test } from "vitest";
import { corrald, serving, temporaryFolder } from "./corrald.ts";

/** A data directory with a few znodes and two snapshots; returns the directory and the newest zxid a client saw. */
async function someData(): Promise<{ data: string; zxid: number }> {
  const data = path.join(await temporaryFolder(), "data");
  const daemon = await serving(data, ["--limit", "snapshotEntries=20"]);
  const client = await connect({ servers: [daemon.url] });
  for (let index = 0; index < 100; index++) await client.create(`/n${index}`, `value ${index}`, { codec: text });
  const zxid = await client.sync();
  await client.close();
  daemon.child.kill("SIGTERM");
  expect((await daemon.ended).code).toBe(0);
  return { data, zxid };
}

test("verify prints zxid and digest by each way to the present, and they agree", async () => {
  const { data } = await someData();
  const { code, stdout, stderr } = await corrald(["verify", "--data", data]);
  expect([code, stderr]).toEqual([0, ""]);
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0]).toMatch(
    /^from the newest snapshot, zxid \d+, and \d+ records: zxid \d+, digest [0-9a-f]{16}, 104 znodes, 0 sessions$/,
  );
  expect(lines[1]).toMatch(/^from the oldest snapshot, zxid \d+, and \d+ records: /);
  const facts = lines.map((line) => /zxid (\d+), digest (\w+)/.exec(line.slice(line.indexOf(": ")))?.slice(1));
  expect(facts[1]).toEqual(facts[0]);
});

test("verify tells damage by 65, also where the daemon could do without that part, and touches nothing", async () => {
  const { data } = await someData();
  const [oldest] = (await readdir(data)).filter((name) => name.startsWith("snapshot-")).sort();
  await writeFile(path.join(data, oldest!), "damaged");
  const covered = await corrald(["verify", "--data", data]);
  expect(covered).toMatchObject({ code: 65, stderr: expect.stringContaining(oldest!) });
  const segment = (await readdir(data)).filter((name) => name.startsWith("log-")).sort()[0]!;
  const bytes = await readFile(path.join(data, segment));
  bytes.fill(0x5a, 4_200, 8_000);
  await writeFile(path.join(data, segment), bytes);
  for (const name of await readdir(data))
    if (name.startsWith("snapshot-")) await writeFile(path.join(data, name), "damaged");
  const { code, stderr } = await corrald(["verify", "--data", data]);
  expect(code).toBe(65);
  expect(stderr).toContain(data);
  expect(await readFile(path.join(data, segment))).toEqual(bytes);
});

test("verify of what is no data directory is refused", async () => {
  expect((await corrald(["verify", "--data", await temporaryFolder()])).code).toBe(65);
});

test("restore makes a new cluster out of a copy, with everything in it and zxids far above", async () => {
  const { data, zxid } = await someData();
  const folder = await temporaryFolder();
  const backup = path.join(folder, "backup");
  await cp(data, backup, { recursive: true });
  const restored = path.join(folder, "restored");
  const { code, stdout } = await corrald(["restore", "--from", backup, "--data", restored]);
  expect(code).toBe(0);
  expect(stdout).toContain(`restored ${restored} to zxid`);
  const daemon = await serving(restored, ["--limit", "maxRecordBytes=16MiB", "--limit", "segmentBytes=64MiB"]);
  await using client = await connect({ servers: [daemon.url] });
  expect(await client.get("/n99", { codec: text })).toMatchObject({ value: "value 99" });
  expect((await client.create("/after")).stat.czxid).toBeGreaterThan(zxid + 1_000 * 2 ** 32);
});

test("restore refuses a directory that is not empty with 1, and a source that is none", async () => {
  const { data } = await someData();
  const refused = await corrald(["restore", "--from", data, "--data", data]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("is not empty") });
  const folder = await temporaryFolder();
  const absent = await corrald(["restore", "--from", path.join(folder, "absent"), "--data", path.join(folder, "new")]);
  expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining("absent") });
});
