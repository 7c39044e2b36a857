/** What a client can ask for: docs/features.md, rows 22 to 39 and the wishes about operations. */
import { isCorralError, OPEN_ACL, op, Permission, read, READ_ACL, text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, lineOf, put, take, textAt } from "./feature-words.ts";

describe("create", () => {
  test("sets data and ACL in the step that makes the znode", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    const events = await other.addWatch("/", { recursive: true });
    await client.create("/a", "1", { codec: text, acl: READ_ACL });
    expect(await textAt(other, "/a")).toBe("1");
    expect((await other.getAcl("/a")).acl).toEqual([{ permissions: Permission.read, scheme: "world", id: "anyone" }]);
    expect(await other.stat("/a")).toMatchObject({ version: 0, aversion: 0 });
    await client.create("/b");
    expect((await take(events, 2)).map(({ kind, path }) => `${kind} ${path}`)).toEqual(["created /a", "created /b"]);
  });

  test("is refused where there is a znode, which stays as it is", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "first");
    expect(await failure(put(client, "/a", "second"))).toMatchObject({
      code: "NODE_EXISTS",
      path: "/a",
      outcome: "no",
    });
    expect(await textAt(client, "/a")).toBe("first");
  });

  test("returns the Stat of what it made", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat } = await client.create("/a", bytes("123"));
    expect(stat).toMatchObject({ version: 0, dataLength: 3, numChildren: 0 });
    expect(stat).toEqual(await client.stat("/a"));
  });

  test("makes missing parents on the server; all of it happens or nothing", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/a/b/c", bytes("x"), { parents: true });
    expect(server.requests({ op: "create" })).toHaveLength(1);
    expect(
      new Set(
        server
          .dump()
          .filter(({ path }) => path.startsWith("/a"))
          .map(({ czxid }) => czxid),
      ).size,
    ).toBe(1);
    await client.create("/e", null, { lifetime: "ephemeral" });
    expect(await failure(client.create("/e/x/y", null, { parents: true }))).toMatchObject({
      code: "NO_CHILDREN_FOR_EPHEMERALS",
    });
  });

  test("or set, whichever fits, is one request", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    for (const value of ["one", "two"]) {
      const results = await client.multiEach([
        op.set("/a", value, { codec: text }),
        op.create("/a", value, { codec: text }),
      ]);
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
      expect(await textAt(client, "/a")).toBe(value);
    }
    expect(server.requests({ op: "multiEach" })).toHaveLength(2);
    expect((await client.stat("/a"))!.version).toBe(1);
  });
});

describe("reading", () => {
  test("get gives data and Stat of the same moment", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "1");
    const stat = await client.set("/a", "22", { codec: text });
    expect(await client.get("/a", { codec: text })).toEqual({ path: "/a", value: "22", stat });
  });

  test("exists tells whether there is one, and stat what is known of it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    expect([await client.exists("/a"), await client.stat("/a")]).toEqual([false, undefined]);
    const { stat } = await client.create("/a");
    expect([await client.exists("/a"), await client.stat("/a")]).toEqual([true, stat]);
  });

  test("children are listed, and the parent's Stat is read with them at one zxid", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/p");
    for (const name of ["b", "a"]) await client.create(`/p/${name}`);
    expect(await client.children("/p")).toEqual(["b", "a"]);
    const [names, stat] = await client.multiRead([read.children("/p"), read.stat("/p")]);
    expect(names).toEqual({ ok: true, value: ["b", "a"] });
    expect(stat).toMatchObject({ ok: true, value: { numChildren: 2, cversion: 2 } });
  });

  test("children come by pages, each exactly once, while others come and go", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/p");
    await Promise.all(Array.from({ length: 250 }, (_, i) => client.create(`/p/${i}`)));
    const names: string[] = [];
    for await (const { name } of client.list("/p", { pageSize: 100 })) {
      names.push(name);
      if (names.length === 150) await client.delete("/p/7");
      if (names.length === 160) await client.create("/p/late");
    }
    expect(names.slice(0, 250)).toEqual(Array.from({ length: 250 }, (_, i) => `${i}`));
    expect(names.slice(250)).toEqual(["late"]);
    expect(server.requests({ op: "children" }).length).toBeGreaterThanOrEqual(3);
  });

  test("children come with data and Stat in one call", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/p");
    for (const name of ["a", "b"]) await put(client, `/p/${name}`, `data of ${name}`);
    const found: string[] = [];
    for await (const { name, value, stat } of client.list("/p", { include: "data", codec: text }))
      found.push(`${name} ${value} ${stat!.version}`);
    expect(found).toEqual(["a data of a 0", "b data of b 0"]);
    expect(server.requests({ op: "children" })).toHaveLength(1);
    expect(server.requests({ op: "get" })).toHaveLength(0);
  });

  test("all descendants are counted", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    for (const path of ["/a", "/a/b", "/a/b/c", "/a/d", "/other"]) await client.create(path);
    expect(await client.countDescendants("/a")).toBe(3);
    expect(await client.countDescendants("/other")).toBe(0);
  });

  test("a session lists its own ephemerals, by prefix if wished", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    await other.create("/theirs", null, { lifetime: "ephemeral" });
    for (const path of ["/x1", "/y1", "/x2"]) await client.create(path, null, { lifetime: "ephemeral" });
    expect(await client.ephemerals()).toEqual(["/x1", "/y1", "/x2"]);
    expect(await client.ephemerals("/x")).toEqual(["/x1", "/x2"]);
  });

  test("many reads go in one request and are answered at one zxid, each for itself", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "1");
    const answers = await client.multiRead([
      read.get("/a", { codec: text }),
      read.stat("/a"),
      read.children("/"),
      read.acl("/a"),
      read.get("/none"),
    ]);
    expect(answers[0]).toMatchObject({ ok: true, value: { value: "1" } });
    expect(answers[1]).toMatchObject({ ok: true, value: { version: 0 } });
    expect(answers[2]).toEqual({ ok: true, value: ["zookeeper", "a"] });
    expect(answers[3]).toEqual({ ok: true, value: OPEN_ACL });
    expect(answers[4]).toMatchObject({ ok: false, error: { code: "NO_NODE", path: "/none", index: 4 } });
    expect(server.requests()).toHaveLength(2);
  });

  test("a whole subtree is read as it is at one zxid, whatever is written meanwhile", async () => {
    await using server = await startTestServer({ limits: { pageBytes: 1_024 } });
    const [reader, writer] = [await server.connect(), await server.connect()];
    await writer.create("/t");
    await Promise.all(Array.from({ length: 100 }, (_, i) => writer.create(`/t/${i}`, bytes("x".repeat(50)))));
    const reading = reader.readTree("/t");
    const writing = Array.from({ length: 100 }, (_, i) => writer.set(`/t/${99 - i}`, bytes(`${i}`)));
    const { entries, zxid } = await reading;
    const stats = await Promise.all(writing);
    expect(entries.size).toBe(101);
    for (const [i, { mzxid }] of stats.entries()) {
      expect(entries.get(`/t/${99 - i}`)!.stat.version, `set ${i}`).toBe(mzxid <= zxid ? 1 : 0);
    }
  });

  test("sync and linearizable reads see what anyone was told before", async () => {
    await using server = await startTestServer({ latencyMs: 10 });
    const [writer, reader] = [await server.connect(), await server.connect()];
    const { stat } = await writer.create("/a", bytes("1"));
    expect(await reader.sync()).toBeGreaterThanOrEqual(stat.czxid);
    const set = await writer.set("/a", bytes("2"));
    expect((await reader.get("/a", { consistency: "linearizable" })).stat.mzxid).toBe(set.mzxid);
  });

  test("who am I names every identity of the session", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ auth: [{ scheme: "digest", credential: "ann:secret" }] });
    const identities = await client.whoAmI();
    expect(identities).toContainEqual({ scheme: "digest", id: "ann" });
    expect(identities.map(({ scheme }) => scheme)).toEqual(["ip", "digest"]);
  });
});

describe("writing", () => {
  test("set happens only at the expected version", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "0");
    const first = client.set("/a", "1", { codec: text, ifMatch: { version: 0 } });
    const second = failure(client.set("/a", "2", { codec: text, ifMatch: { version: 0 } }));
    expect((await first).version).toBe(1);
    expect(await second).toMatchObject({ code: "BAD_VERSION", path: "/a", limit: 0, actual: 1 });
    expect(await textAt(client, "/a")).toBe("1");
  });

  test("delete happens only at the expected version", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "0");
    await client.set("/a", bytes("1"));
    expect(await failure(client.delete("/a", { ifMatch: { version: 0 } }))).toMatchObject({ code: "BAD_VERSION" });
    expect(await client.exists("/a")).toBe(true);
    expect(await client.delete("/a", { ifMatch: { version: 1 } })).toBe(1);
  });

  test("a subtree is deleted on the server in one transaction, up to a bound", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    for (const path of ["/a", "/a/b", "/a/b/c", "/a/d"]) await client.create(path);
    expect(await failure(client.delete("/a", { recursive: true, nodesMax: 3 }))).toMatchObject({
      code: "LIMIT_EXCEEDED",
      limit: 3,
    });
    expect(await client.countDescendants("/a")).toBe(3);
    const events = await other.subscribe("/a", { codec: text });
    while (lineOf((await take(events, 1))[0]!) !== "synced");
    expect(await client.delete("/a", { recursive: true })).toBe(4);
    expect(new Set((await take(events, 4)).map(({ kind, zxid }) => `${kind} ${zxid}`)).size).toBe(1);
  });

  test("every write may be guarded: must not exist, still the same life, still owned by that session", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat } = await client.create("/lock", null, { lifetime: "ephemeral" });
    await client.create("/a");
    const { czxid, ephemeralOwner: owner } = stat;
    await client.set("/a", bytes("1"), {
      guard: [
        { path: "/lock", czxid },
        { path: "/lock", owner },
        { path: "/stop", absent: true },
      ],
    });
    await client.delete("/lock");
    await client.create("/lock", null, { lifetime: "ephemeral" });
    expect(
      await failure(
        client.set("/a", bytes("2"), {
          guard: [
            { path: "/lock", owner },
            { path: "/lock", czxid },
          ],
        }),
      ),
    ).toMatchObject({ code: "GUARD_FAILED", path: "/lock", index: 1 });
    expect(await textAt(client, "/a")).toBe("1");
  });

  test("calls are pipelined: sent at once, executed and answered in order", async () => {
    await using server = await startTestServer({ latencyMs: 50 });
    const client = await server.connect();
    const before = server.clock.now;
    const order: number[] = [];
    const first = client.create("/a", "0", { codec: text });
    const second = client.get("/a", { codec: text });
    const third = client.set("/a", "1", { codec: text });
    const fourth = client.get("/a", { codec: text });
    const fifth = client.delete("/a");
    const sixth = client.exists("/a");
    await Promise.all(
      [first, second, third, fourth, fifth, sixth].map((call, i) => call.then(() => order.push(i + 1))),
    );
    expect(order).toEqual([1, 2, 3, 4, 5, 6]);
    expect(server.clock.now - before, "one round trip").toBe(100);
    expect([(await second).value, (await fourth).value, await sixth]).toEqual(["0", "1", false]);
  });
});

describe("multi", () => {
  test("does create, delete, set and check in one transaction, or nothing of it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    for (const path of ["/old", "/a"]) await client.create(path);
    const [created, , set] = await client.multi([
      op.create("/new"),
      op.delete("/old"),
      op.set("/a", bytes("1")),
      op.check("/a", { version: 1 }),
    ]);
    expect(set.mzxid).toBe(created.stat.czxid);
    expect(await client.children("/")).toEqual(["zookeeper", "a", "new"]);
    expect(
      await failure(client.multi([op.delete("/new"), op.set("/a", bytes("2")), op.check("/a", { version: 1 })])),
    ).toMatchObject({ code: "BAD_VERSION" });
    expect(await client.children("/")).toEqual(["zookeeper", "a", "new"]);
    expect(await textAt(client, "/a")).toBe("1");
  });

  test("shows its later operations what the earlier ones did", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const [, child, set] = await client.multi([
      op.create("/p"),
      op.create("/p/n-", null, { sequential: true }),
      op.set("/p", bytes("1")),
      op.delete("/p/n-0000000000"),
    ]);
    expect([child.path, set.numChildren, set.version]).toEqual(["/p/n-0000000000", 1, 1]);
    expect(await client.children("/p")).toEqual([]);
  });

  test("that is refused names the operation by its index, with path and reason; the others did nothing", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/a");
    expect(await failure(client.multi([op.set("/a", bytes("1")), op.create("/a"), op.delete("/none")]))).toMatchObject({
      code: "NODE_EXISTS",
      index: 1,
      path: "/a",
      outcome: "no",
    });
    expect((await client.stat("/a"))!.version).toBe(0);
  });

  test("takes must-not-exist and guards among its conditions, and says which does not hold", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat } = await client.create("/a");
    await client.multi([op.check("/none", "absent"), op.check("/a", { czxid: stat.czxid }), op.create("/b")]);
    expect(await failure(client.multi([op.create("/c"), op.check("/b", "absent")]))).toMatchObject({
      code: "NODE_EXISTS",
      index: 1,
      path: "/b",
    });
    expect(await failure(client.multi([op.check("/a", { mzxid: stat.mzxid + 1 }), op.create("/c")]))).toMatchObject({
      code: "GUARD_FAILED",
      index: 0,
      path: "/a",
    });
    expect(await failure(client.multi([op.create("/c")], { guard: { path: "/b", absent: true } }))).toMatchObject({
      code: "GUARD_FAILED",
      path: "/b",
    });
    expect(await client.exists("/c")).toBe(false);
  });

  test("each tells for every operation its own result or error, of one transaction", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const [first, second, third] = await client.multiEach([op.create("/a"), op.create("/a"), op.create("/b")]);
    if (!first.ok || second.ok || !third.ok) throw new Error("not as it should be");
    expect(isCorralError(second.error, "NODE_EXISTS")).toBe(true);
    expect(second.error).toMatchObject({ index: 1, path: "/a" });
    expect(first.value.stat.czxid).toBe(third.value.stat.czxid);
  });
});
