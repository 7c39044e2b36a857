/** corrald as a process: what it prints, how it starts and with what it ends. */
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { corrald, events, serving, temporaryFolder } from "./corrald.ts";

test("the start-up lines say where it listens, where its data is, and what to try next", async () => {
  const data = path.join(await temporaryFolder(), "data");
  const { child, url, ended } = await serving(data);
  child.kill("SIGTERM");
  const { stdout } = await ended;
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^corrald \d+\.\d+\.\d+ serves on ws:\/\/127\.0\.0\.1:\d+$/);
  expect(lines[1]).toBe(`  data: ${data}`);
  expect(lines[2]).toMatch(/^ {8}a new log \(\d+ ms\)$/);
  expect(lines[3]).toBe(`  try:  npm run corral -- ls / --server ${url}`);
});

test("SIGTERM and SIGINT drain it: a connected client is told, and it ends with 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const { child, url, ended } = await serving(await temporaryFolder());
    const socket = new WebSocket(url, "corral.v1");
    await new Promise((resolve) => (socket.onopen = resolve));
    const closed = new Promise<{ readonly code: number }>((resolve) => (socket.onclose = resolve));
    child.kill(signal);
    expect((await closed).code).toBe(1001);
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(events(stderr).map(({ event }) => event)).toEqual(["serving", "draining", "stopped"]);
  }
});

test("a second signal ends it at once, with 128 and the signal's number", async () => {
  for (const [signal, expected] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    const { child, url, says, ended } = await serving(await temporaryFolder());
    // Holds the drain up: upgraded, and never answers the close.
    const { hostname, port } = new URL(url);
    const stuck = net.connect(Number(port), hostname);
    stuck.write(
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: corral.v1\r\n\r\n",
    );
    await new Promise((resolve) => stuck.once("data", resolve));
    stuck.on("error", () => stuck.destroy());
    child.kill(signal);
    await says("draining");
    child.kill(signal);
    expect((await ended).code).toBe(expected);
    stuck.destroy();
  }
});

test("a directory that another corrald has is refused with 75, and the first one goes on", async () => {
  const data = await temporaryFolder();
  const first = await serving(data);
  const second = await corrald(["--listen", "127.0.0.1:0", "--data", data]);
  expect(second.code).toBe(75);
  expect(events(second.stderr)).toMatchObject([
    { event: "start_failed", msg: `cannot start: another process has the data directory ${data}` },
  ]);
  expect(second.stdout).toBe("");
  first.child.kill("SIGTERM");
  expect((await first.ended).code).toBe(0);
});

test("a port that is taken is refused with 1 and named, and the directory is free again", async () => {
  const data = await temporaryFolder();
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const refused = await corrald(["--listen", `127.0.0.1:${port}`, "--data", data, "--limit", "reserveBytes=0"]);
  server.close();
  expect(refused.code).toBe(1);
  expect(events(refused.stderr).at(-1)).toMatchObject({
    event: "start_failed",
    code: "EADDRINUSE",
    msg: expect.stringContaining(`127.0.0.1:${port}`),
  });
  const again = await serving(data, ["--limit", "maxRecordBytes=16MiB", "--limit", "segmentBytes=64MiB"]);
  again.child.kill("SIGTERM");
  expect((await again.ended).code).toBe(0);
});

test("a data directory that cannot be made is refused with 74 and named", async () => {
  const file = path.join(await temporaryFolder(), "file");
  await writeFile(file, "");
  const { code, stderr } = await corrald(["--listen", "127.0.0.1:0", "--data", path.join(file, "data")]);
  expect(code).toBe(74);
  expect(stderr).toContain(path.join(file, "data"));
});

test("a data directory without the right to write in it is refused with 74 and named", async () => {
  const folder = await temporaryFolder();
  await chmod(folder, 0o755);
  const data = path.join(folder, "data");
  await mkdir(data);
  await chmod(data, 0o555);
  // The superuser may write anywhere; somebody else has to try.
  const nobody = process.getuid?.() === 0 ? { user: 65_534 } : {};
  const { code, stderr } = await corrald(["--listen", "127.0.0.1:0", "--data", data], nobody);
  expect(code).toBe(74);
  expect(stderr).toContain("EACCES");
  expect(stderr).toContain(data);
});

test("a directory that holds something else is refused with 65 and left as it is", async () => {
  const data = await temporaryFolder();
  await writeFile(path.join(data, `log-${"1".padStart(16, "0")}`), "not a log");
  const before = await listing(data);
  const { code, stderr } = await corrald(["--listen", "127.0.0.1:0", "--data", data]);
  expect(events(stderr).at(-1)).toMatchObject({ event: "start_failed" });
  expect(code).toBe(65);
  expect(await listing(data)).toEqual(before);
});

async function listing(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return Promise.all(names.map(async (name) => `${name} ${(await stat(path.join(folder, name))).size}`));
}

test("a wrong flag, limit or variable ends it with 2 before anything is touched", async () => {
  const folder = await temporaryFolder();
  const data = path.join(folder, "data");
  for (const [args, env, message] of [
    [["--lisen", "x"], {}, "did you mean --listen?"],
    [["--limit", "segmentBytes=64KiB"], {}, "segmentBytes is 65536"],
    [[], { CORRAL_LISTEN: "x" }, "CORRAL_LISTEN is 'x'"],
    [["restore", "--from", data], {}, "write corrald restore --from DIR --data DIR"],
    [["verify"], {}, "write corrald verify --data DIR"],
  ] as const) {
    const { code, stdout, stderr } = await corrald(
      [...args, ...(args[0]?.startsWith("--") === true ? ["--data", data] : [])],
      { env },
    );
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  }
  expect(await readdir(folder)).toEqual([]);
});

test("--help, --help limits and --version answer on stdout", async () => {
  const { code, stdout } = await corrald(["--help"]);
  expect(code).toBe(0);
  for (const flag of ["--listen", "--data", "--limit", "--super", "--log-level", "--log-format"])
    expect(stdout).toContain(`  ${flag} `);
  expect((await corrald(["--help", "limits"])).stdout).toContain("segmentBytes");
  expect((await corrald(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("--log-format console writes lines for people, --log-level silent none", async () => {
  const console = await serving(await temporaryFolder(), ["--log-format", "console"]);
  console.child.kill("SIGTERM");
  expect((await console.ended).stderr).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}serving version=/);
  const silent = await serving(await temporaryFolder(), [], { env: { CORRAL_LOG_LEVEL: "silent" } });
  silent.child.kill("SIGTERM");
  expect((await silent.ended).stderr).toBe("");
});

test("an address beyond loopback is warned of", async () => {
  for (const [host, isWarnedOf] of [
    ["127.0.0.1", false],
    ["0.0.0.0", true],
  ] as const) {
    const { child, ended } = await serving(await temporaryFolder(), [], { host });
    child.kill("SIGTERM");
    expect(events((await ended).stderr).some(({ event }) => event === "listens_in_clear")).toBe(isWarnedOf);
  }
});

test("little disk space is logged as disk_low", async () => {
  const { child, says, ended } = await serving(await temporaryFolder(), [
    "--limit",
    "softMarkFraction=1",
    "--limit",
    "softMarkBytes=1024GiB",
  ]);
  await says("disk_low");
  child.kill("SIGTERM");
  expect((await ended).code).toBe(0);
});
