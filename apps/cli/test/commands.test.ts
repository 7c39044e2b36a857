import net from "node:net";
import { connect, text } from "@corral/client";
import { expect, test } from "vitest";
import { corral, jsonLines, start, withServer } from "./corral.ts";

const at = withServer();

test("create prints the path, with -s the one that was given out, and -p makes the parents", async () => {
  expect(await corral("create", "/created", "value")).toEqual({ code: 0, stdout: "/created\n", stderr: "" });
  expect((await corral("create", "-p", "/created/deep/down")).stdout).toBe("/created/deep/down\n");
  expect((await corral("create", "-s", "/created/deep/n-")).stdout).toBe("/created/deep/n-0000000001\n");
  expect(await corral("create", "/created")).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("NODE_EXISTS"),
  });
});

test("flags that hold for every command may stand before it", async () => {
  const { code, stdout } = await corral("--json", "--timeout", "5s", "stat", "/");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ path: "/" });
});

test("create -c makes a container, which goes after its last child, and --ttl a znode that goes when its time is over", async () => {
  expect((await corral("create", "-c", "/container")).code).toBe(0);
  expect((await corral("create", "--ttl", "1ms", "/ttl")).code).toBe(0);
  await corral("create", "/container/child");
  await corral("delete", "/container/child");
  await using client = await connect({ servers: [at.url] });
  for (const path of ["/container", "/ttl"]) {
    for await (const { kind } of await client.subscribe(path, { scope: "node", since: 0 }))
      if (kind === "deleted") break;
    expect(await client.exists(path)).toBe(false);
  }
  expect(await corral("create", "-c", "--ttl", "1h", "/both")).toMatchObject({ code: 2 });
});

test("get writes the data byte for byte, and set changes it", async () => {
  await corral("create", "/data", "one");
  expect((await corral("get", "/data")).stdout).toBe("one");
  expect((await corral("set", "/data", "zwei\nZeilen")).stdout).toBe("1\n");
  expect((await corral("get", "/data")).stdout).toBe("zwei\nZeilen");
  expect((await start(["set", "/data", "--file", "-"], {}, "from stdin\n").ended).code).toBe(0);
  expect((await corral("get", "/data")).stdout).toBe("from stdin\n");
});

test("get --json tells text from binary and from no data", async () => {
  const client = await connect({ servers: [at.url] });
  await client.create("/json-text", "text", { codec: text });
  await client.create("/json-binary", Uint8Array.of(0xff, 0x00));
  await client.create("/json-none");
  await client.close();
  const get = async (path: string): Promise<unknown> => jsonLines((await corral("get", path, "--json")).stdout)[0];
  expect(await get("/json-text")).toMatchObject({
    path: "/json-text",
    data: "text",
    stat: { version: 0, dataLength: 4 },
  });
  expect(await get("/json-binary")).toMatchObject({ base64: "/wA=" });
  expect(await get("/json-none")).toMatchObject({ data: null });
});

test("ls lists names in order, -R paths of everything below, -l what the server keeps of them", async () => {
  await corral("create", "-p", "/ls/b/c");
  await corral("create", "/ls/a", "12345");
  expect((await corral("ls", "/ls")).stdout).toBe("a\nb\n");
  expect((await corral("ls", "-R", "/ls")).stdout).toBe("/ls/a\n/ls/b\n/ls/b/c\n");
  const [a, b] = (await corral("ls", "-l", "/ls")).stdout.split("\n");
  expect(a).toMatch(/^- {7}0 {10}5 {8}0 {2}\d{4}-\d\d-\d\dT\S+Z {2}a$/);
  expect(b).toMatch(/^- {7}0 {10}0 {8}1 {2}\S+ {2}b$/);
  expect(jsonLines((await corral("ls", "-Rl", "/ls", "--json")).stdout)).toMatchObject([
    { path: "/ls/a", stat: { dataLength: 5 } },
    { path: "/ls/b" },
    { path: "/ls/b/c" },
  ]);
});

test("tree draws what is below", async () => {
  for (const path of ["/tree/a/x", "/tree/a/y", "/tree/b"]) await corral("create", "-p", path);
  expect((await corral("tree", "/tree")).stdout).toBe("/tree\n├─ a\n│  ├─ x\n│  └─ y\n└─ b\n");
});

test("delete refuses what has children, and with -r takes them along", async () => {
  await corral("create", "-p", "/delete/a/b");
  expect(await corral("delete", "/delete")).toMatchObject({ code: 1, stderr: expect.stringContaining("NOT_EMPTY") });
  expect(await corral("delete", "-r", "--max", "2", "/delete")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("LIMIT_EXCEEDED"),
  });
  expect(await corral("delete", "-r", "/delete")).toMatchObject({ code: 0, stdout: "3\n" });
});

test("stat and status print facts, --json as an object", async () => {
  await corral("create", "/stat", "abc");
  expect((await corral("stat", "/stat")).stdout).toMatch(/^dataLength {6}3$/m);
  const status = await corral("status", "--json");
  expect(jsonLines(status.stdout)[0]).toMatchObject({ server: at.url, identities: ["ip:127.0.0.1"] });
  expect((await corral("status")).stdout).toMatch(/^server {12}ws:/);
});

test("watch tells what is there, marks it complete, then tells every change; Ctrl-C ends it with 0", async () => {
  await corral("create", "/watch", "old");
  const { child, ended, says } = start(["watch", "/watch", "-r", "--data", "--json"]);
  await says('"synced"');
  await corral("set", "/watch", "new");
  await corral("create", "/watch/child");
  await corral("delete", "/watch/child");
  await says('"deleted"');
  child.kill("SIGINT");
  const { code, stdout, stderr } = await ended;
  expect([code, stderr]).toEqual([0, ""]);
  const events = jsonLines(stdout);
  expect(events.map(({ kind, path, data }) => [kind, path, data])).toEqual([
    ["entry", "/watch", "old"],
    ["synced", undefined, undefined],
    ["changed", "/watch", "new"],
    ["created", "/watch/child", null],
    ["deleted", "/watch/child", undefined],
  ]);
  const zxids = events.map(({ zxid }) => zxid as number);
  expect(zxids).toEqual([...zxids].sort((a, b) => a - b));
  // What came after a line is told to whoever names its zxid.
  const later = start(["watch", "/watch", "-r", "--since", String(zxids[2])]);
  const lines = await later.says("synced");
  expect(
    lines
      .split("\n")
      .slice(0, 3)
      .map((line) => line.slice(line.indexOf(" ") + 1)),
  ).toEqual(["created /watch/child", "deleted /watch/child", "synced"]);
  later.child.kill("SIGTERM");
  expect((await later.ended).code).toBe(0);
});

test("each documented exit code is given", async () => {
  await corral("create", "/codes", "x");
  const client = await connect({ servers: [at.url] });
  await client.addAuth("digest", "owner:secret");
  await client.create("/codes/private", null, { acl: [{ permissions: 31, scheme: "auth", id: "" }] });
  await client.close();
  expect((await corral("get", "/codes")).code).toBe(0);
  expect((await corral("create", "/codes")).code).toBe(1);
  expect((await corral("get")).code).toBe(2);
  expect((await corral("get", "no-slash")).code).toBe(2);
  for (const command of ["get", "stat", "ls", "tree", "delete"])
    expect((await corral(command, "/absent")).code).toBe(3);
  expect((await corral("ls", "-R", "/absent")).code).toBe(3);
  expect((await corral("set", "/codes", "y", "--version", "7")).code).toBe(4);
  expect((await corral("delete", "/codes", "--version", "7")).code).toBe(4);
  expect((await corral("get", "/codes/private")).code).toBe(5);
  expect((await corral("get", "/codes/private", "--auth", "digest:owner:secret")).code).toBe(0);
  expect((await start(["get", "/codes/private"], { CORRAL_AUTH: "digest:owner:secret" }).ended).code).toBe(0);
  expect((await corral("get", "/codes", "--auth", "nonsense:x")).code).toBe(5);
  expect((await corral("get", "/codes", "--server", "ws://127.0.0.1:9")).code).toBe(6);
});

test("a server that takes the connection and says nothing is no connection, after the time allowed", async () => {
  const silent = net.createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as net.AddressInfo;
  const { code, stderr } = await corral("ls", "/", "--server", `ws://127.0.0.1:${port}`, "--timeout", "300ms");
  silent.close();
  expect(code).toBe(6);
  expect(stderr).toContain(`ws://127.0.0.1:${port}`);
});

test("a session that an operator ends while a watch runs is 8", async () => {
  await corral("create", "/expire");
  const { ended, says } = start(["watch", "/expire", "--json"]);
  await says("synced");
  const sessions = [...at.server.state.sessions.values()];
  expect(sessions).toHaveLength(1);
  expect(at.server.expireSession(sessions[0]!.id)).toBe(true);
  expect(await ended).toMatchObject({ code: 8, stderr: expect.stringContaining("SESSION_EXPIRED") });
});

test("errors go to stderr, with --json as an object", async () => {
  const { stdout, stderr } = await corral("get", "/absent", "--json");
  expect(stdout).toBe("");
  expect(jsonLines(stderr)).toMatchObject([
    { error: { code: "NO_NODE", exitCode: 3, message: expect.stringContaining("/absent") } },
  ]);
});

test("a call leaves no session behind", async () => {
  await corral("status");
  expect(at.server.figures.sessions).toBe(0);
});
