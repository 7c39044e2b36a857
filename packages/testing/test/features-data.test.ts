/** The data model, as a user meets it: docs/features.md, rows 1 to 21. */
import { OPEN_ACL, text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, hasPath, put, textAt } from "./feature-words.ts";

describe("the tree", () => {
  test("has parents and children: a znode is listed by its parent and found by its path", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    for (const path of ["/app", "/app/a", "/app/a/x", "/app/b"]) await client.create(path);
    expect(await client.children("/app")).toEqual(["a", "b"]);
    expect(await client.children("/app/a")).toEqual(["x"]);
    expect([...(await client.readTree("/app")).entries.keys()].toSorted()).toEqual([
      "/app",
      "/app/a",
      "/app/a/x",
      "/app/b",
    ]);
  });

  test("one znode has both data and children", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/app", "data");
    await put(client, "/app/child", "more");
    expect([await textAt(client, "/app"), await client.children("/app"), await textAt(client, "/app/child")]).toEqual([
      "data",
      ["child"],
      "more",
    ]);
  });

  test("takes no child without a parent, and lets no parent go before its children", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    expect(await failure(client.create("/a/b"))).toMatchObject({ code: "NO_NODE", path: "/a" });
    await client.create("/a");
    await client.create("/a/b");
    expect(await failure(client.delete("/a"))).toMatchObject({ code: "NOT_EMPTY", path: "/a" });
    await client.delete("/a/b");
    await client.delete("/a");
    expect(await client.exists("/a")).toBe(false);
  });

  test("has a reserved part, with limits and the use of quotas as data", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    expect(await client.children("/zookeeper")).toEqual(["config", "quota"]);
    expect(await failure(client.delete("/zookeeper/quota"))).toMatchObject({ code: "BAD_ARGUMENTS" });
    await put(client, "/a", "123");
    await client.create("/zookeeper/quota/a/zookeeper_limits", "count=9,bytes=9", { codec: text, parents: true });
    await client.create("/zookeeper/quota/a/zookeeper_stats");
    expect(await textAt(client, "/zookeeper/quota/a/zookeeper_stats")).toBe("count=1,bytes=3");
  });

  test("may be seen from a znode further down, as if that were the root", async () => {
    await using server = await startTestServer();
    const whole = await server.connect();
    await whole.create("/tenants/one", null, { parents: true });
    const client = await server.connect({ chroot: "/tenants/one" });
    expect((await client.create("/a/b", null, { parents: true })).path).toBe("/a/b");
    expect(await failure(client.get("/none"))).toMatchObject({ path: "/none" });
    expect(await whole.exists("/tenants/one/a/b")).toBe(true);
    expect(await client.exists("/tenants")).toBe(false);
  });
});

describe("data", () => {
  test("that is absent is not data that is empty", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/absent");
    await client.create("/empty", new Uint8Array(0));
    expect((await client.get("/absent")).value).toBeNull();
    expect((await client.get("/empty")).value).toEqual(new Uint8Array(0));
    await client.set("/empty", null);
    expect((await client.get("/empty")).value).toBeNull();
  });

  test("of a whole MiB is written and read at once; one byte more is refused", async () => {
    await using server = await startTestServer();
    const [writer, reader] = [await server.connect(), await server.connect()];
    const value = new Uint8Array(2 ** 20).map((_, i) => i % 251);
    await writer.create("/large", value);
    const { value: read, stat } = await reader.get("/large");
    expect(stat.dataLength).toBe(2 ** 20);
    expect(Buffer.compare(read!, value)).toBe(0);
    expect(await failure(writer.set("/large", new Uint8Array(2 ** 20 + 1)))).toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "valueBytes",
      limit: 2 ** 20,
    });
  });

  test("may be limited to another size, by a limit that the refusal names", async () => {
    await using server = await startTestServer({ options: { valueBytes: 10 } });
    const client = await server.connect();
    await client.create("/a", bytes("0123456789"));
    const error = await failure(client.set("/a", bytes("0123456789x")));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", path: "/a", limitName: "valueBytes", limit: 10, actual: 11 });
    expect(error.message).toContain("valueBytes: 10");
    expect(client.state.name).toBe("connected");
  });
});

test("a path that breaks a rule is refused, and the error says which", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const faults: Record<string, string> = {
    "": "is empty",
    a: "does not begin with /",
    "/a/": "ends in /",
    "/a//b": "empty",
    "/a/../b": "..",
    "/a\0": "U+0000",
  };
  for (const [path, fault] of Object.entries(faults)) {
    const error = await failure(client.create(path));
    expect(error).toMatchObject({ code: "BAD_ARGUMENTS", limitName: "path" });
    expect(error.message, JSON.stringify(path)).toContain(fault);
  }
});

describe("a Stat", () => {
  test("tells the zxids of the creation and of the last change of the data", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat: created } = await client.create("/a");
    expect(created.mzxid).toBe(created.czxid);
    await client.create("/b");
    const set = await client.set("/a", bytes("1"));
    expect(set.czxid).toBe(created.czxid);
    expect(set.mzxid).toBeGreaterThan((await client.stat("/b"))!.czxid);
    await client.delete("/a");
    expect((await client.create("/a")).stat.czxid).toBeGreaterThan(set.mzxid);
  });

  test("counts the changes of data, of children and of the ACL, each for itself", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/a");
    await client.set("/a", bytes("1"));
    await client.create("/a/x");
    await client.create("/a/y");
    await client.delete("/a/x");
    await client.setAcl("/a", OPEN_ACL);
    await client.setAcl("/a", OPEN_ACL);
    await client.set("/a", bytes("2"));
    await client.set("/a", bytes("2"));
    expect(await client.stat("/a")).toMatchObject({ version: 3, cversion: 3, aversion: 2 });
  });

  test("tells the zxid of the last change among the children", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat } = await client.create("/a");
    expect(stat.pzxid).toBe(stat.czxid);
    const { stat: child } = await client.create("/a/x");
    expect((await client.stat("/a"))!.pzxid).toBe(child.czxid);
    await client.set("/a/x", bytes("1"));
    expect((await client.stat("/a"))!.pzxid).toBe(child.czxid);
    await client.delete("/a/x");
    expect((await client.stat("/a"))!.pzxid).toBeGreaterThan(child.czxid);
  });

  test("tells the times of the creation and of the last change of the data, by the wall clock", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat: created } = await client.create("/a");
    await server.clock.advance(5_000);
    const set = await client.set("/a", bytes("1"));
    expect(set.ctime).toBe(created.ctime);
    expect(set.mtime - set.ctime).toBe(5_000);
    expect(new Date(created.ctime).getUTCFullYear()).toBeGreaterThan(2000);
  });

  test("tells which session owns an ephemeral, and 0 for others", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat } = await client.create("/e", null, { lifetime: "ephemeral" });
    expect(stat.ephemeralOwner).toBe(client.session!.id);
    expect((await client.create("/p")).stat.ephemeralOwner).toBe(0);
  });

  test("tells the number of children and the length of the data", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "grün");
    for (const name of ["x", "y"]) await client.create(`/a/${name}`);
    expect(await client.stat("/a")).toMatchObject({ numChildren: 2, dataLength: 5 });
  });
});

describe("a znode", () => {
  test("is persistent unless told otherwise: it stays when its session and its server have gone", async () => {
    await using server = await startTestServer({ log: "file" });
    const client = await server.connect();
    await put(client, "/a", "stays");
    await client.close();
    await server.faults.restart();
    expect(await textAt(await server.connect(), "/a")).toBe("stays");
  });

  test("that is ephemeral lives as long as its session, not as its connection, and has no children", async () => {
    await using server = await startTestServer();
    const [owner, other] = [await server.connect(), await server.connect()];
    await owner.create("/e", null, { lifetime: "ephemeral" });
    expect(await failure(owner.create("/e/x"))).toMatchObject({ code: "NO_CHILDREN_FOR_EPHEMERALS" });
    server.faults.cut(owner);
    await server.clock.advance(5_000);
    expect(await other.exists("/e")).toBe(true);
    await owner.close();
    expect(await other.exists("/e")).toBe(false);
  });

  test("that is sequential gets its number from the server: ten digits that grow", async () => {
    await using server = await startTestServer();
    const [one, two] = [await server.connect(), await server.connect()];
    await one.create("/q");
    const create = async (client: typeof one): Promise<string> =>
      (await client.create("/q/n-", null, { sequential: true })).path;
    expect([await create(one), await create(two), await create(one)]).toEqual([
      "/q/n-0000000000",
      "/q/n-0000000001",
      "/q/n-0000000002",
    ]);
    await one.delete("/q/n-0000000002");
    expect(await create(two)).toBe("/q/n-0000000003");
  });

  test("may be ephemeral and sequential at once", async () => {
    await using server = await startTestServer();
    const [one, two] = [await server.connect(), await server.connect()];
    await one.create("/q");
    for (const client of [one, two]) await client.create("/q/n-", null, { lifetime: "ephemeral", sequential: true });
    expect((await two.stat("/q/n-0000000001"))!.ephemeralOwner).toBe(two.session!.id);
    await one.close();
    expect(await two.children("/q")).toEqual(["n-0000000001"]);
  });

  test("that is a container goes after its last child", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/c", null, { lifetime: "container" });
    await client.create("/c/x");
    await server.clock.advance(600_000);
    expect(hasPath(server.dump(), "/c")).toBe(true);
    await client.delete("/c/x");
    await server.clock.advance(120_000);
    expect(hasPath(server.dump(), "/c")).toBe(false);
  });

  test("with a time to live goes when it has not been changed for so long, by the tenth of a second, whoever lives", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/t", null, { lifetime: { ttlMs: 1_500 } });
    await client.close();
    const other = await server.connect();
    await server.clock.advance(1_400);
    await other.set("/t", bytes("again"));
    await server.clock.advance(1_400);
    expect(await other.exists("/t")).toBe(true);
    await server.clock.advance(300);
    expect(await other.exists("/t")).toBe(false);
  });

  test("may be sequential and have a time to live", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/q");
    const { path } = await client.create("/q/t-", null, { sequential: true, lifetime: { ttlMs: 200 } });
    expect(path).toBe("/q/t-0000000000");
    await server.clock.advance(500);
    expect(await client.children("/q")).toEqual([]);
  });
});
