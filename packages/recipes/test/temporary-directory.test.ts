import { isCorralError, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../src/temporary-directory.ts";

const pathsOf = (server: TestServer, below = "/work"): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path === below || path.startsWith(`${below}/`));
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "resolved",
    (error: unknown) => (isCorralError(error) ? error.code : String(error)),
  );

describe("a temporary directory", () => {
  test("holds leaves and directories, and is gone at once, all in one transaction, when it is released", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    const directory = await temporaryDirectory(client, "/work", { prefix: "job-", identity: "worker-7" });
    expect(directory.path).toMatch(/^\/work\/job-[0-9a-f]{32}$/);
    expect([directory.name, directory.isValid, await directory.verify()]).toEqual(["/work", true, true]);
    const leaf = await directory.create("part", "1", { codec: text });
    expect(leaf).toMatchObject({ path: `${directory.path}/part`, stat: { ephemeralOwner: client.session?.id } });
    await directory.makeDirectory("a/b/c");
    await directory.create("x/y/part-", null, { parents: true, sequential: true });
    expect(await directory.list()).toEqual(["part", "a", "x"]);
    expect(await directory.list("x/y")).toEqual(["part-0000000001"]);
    expect(await directory.list("a/b/c")).toEqual([]);
    await expect(directory.list("none")).rejects.toMatchObject({ code: "NO_NODE" });
    const events = await other.subscribe(directory.path, { since: await other.sync() });
    expect(await directory.release()).toBe("released");
    expect(await directory.release()).toBe("was-gone");
    expect(pathsOf(server)).toEqual(["/work"]);
    const zxids = new Set<number>();
    for await (const event of events) {
      if (event.kind !== "deleted") continue;
      zxids.add(event.zxid);
      if (event.path === directory.path) break;
    }
    expect(zxids.size).toBe(1);
    // The base was made for it.
    await server.clock.advance(15_000);
    expect(pathsOf(server)).toEqual([]);
  });

  test("has gone with its session, whatever is in it: the leaves in that very transaction, the directories some seconds later", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    const directory = await temporaryDirectory(client, "/work");
    await directory.makeDirectory("a/b/empty");
    await directory.create("a/b/leaf");
    await directory.create("leaf");
    const events = await other.subscribe(directory.path, { since: await other.sync() });
    server.faults.partition(client);
    await server.clock.advance(10_000);
    const leaves = pathsOf(server).filter((path) =>
      server.dump().some((node) => node.path === path && node.owner !== 0),
    );
    expect(leaves).toEqual([]);
    const gone: string[] = [];
    const zxids = new Set<number>();
    for await (const event of events) {
      if (event.kind !== "deleted") continue;
      gone.push(event.path.slice(directory.path.length));
      zxids.add(event.zxid);
      if (gone.length === 6) break;
    }
    expect(gone.toSorted()).toEqual(["/.hold", "/a/.hold", "/a/b/.hold", "/a/b/empty/.hold", "/a/b/leaf", "/leaf"]);
    expect(zxids.size).toBe(1);
    // Three levels, the directory and its base, ten seconds for each.
    await server.clock.advance(60_000);
    expect(pathsOf(server)).toEqual([]);
    expect(directory.isValid).toBe(false);
    expect(directory.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  test("stays while its session does, also where it is empty", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const directory = await temporaryDirectory(client, "/work");
    await directory.makeDirectory("a/b");
    const { path } = await directory.create("a/leaf");
    await client.delete(path);
    await server.clock.advance(3_600_000);
    expect(await directory.list()).toEqual(["a"]);
    expect(await directory.list("a")).toEqual(["b"]);
    await directory.create("a/b/leaf");
  });

  test("survives a restart of the server and broken connections, as its session does", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 6_000 } });
    const directory = await temporaryDirectory(client, "/work");
    await directory.create("leaf");
    await server.faults.restart({ crash: true, downMs: 1_000 });
    server.faults.cut(client);
    await server.clock.advance(20_000);
    expect(await directory.list()).toEqual(["leaf"]);
    expect(directory.isValid).toBe(true);
  });

  test("takes nothing more once it is lost: not from a process that has not noticed, nor in the next session", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 6_000 } });
    const directory = await temporaryDirectory(client, "/work");
    await server.faults.expire(client);
    // The client is told with this answer, or with that its own znodes have gone.
    const late = [codeOf(directory.create("late")), codeOf(directory.makeDirectory("late/too"))];
    await server.clock.advance(5_000);
    const lost = expect.stringMatching(/^(SESSION_EXPIRED|GUARD_FAILED)$/);
    expect(await Promise.all(late)).toEqual([lost, lost]);
    expect(client.session?.ordinal).toBe(2);
    const verbs = [directory.create("x"), directory.makeDirectory("x"), directory.list()].map(codeOf);
    expect(await Promise.all(verbs)).toEqual([lost, lost, lost]);
    expect(await codeOf(client.create(`${directory.path}/x`, null, { guard: directory.guard }))).toBe("GUARD_FAILED");
    expect(await directory.release()).toBe("was-gone");
    await server.clock.advance(60_000);
    expect(pathsOf(server)).toEqual([]);
  });

  test("takes nothing once its hold has gone, though this process has not heard of that", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    const directory = await temporaryDirectory(client, "/work");
    const unheard = server.faults.partition(client, { oneWay: "from-server" });
    await other.delete(`${directory.path}/.hold`);
    const late = [codeOf(directory.create("late")), codeOf(directory.makeDirectory("too/late"))];
    await server.clock.runUntilIdle();
    expect(directory.isValid).toBe(true);
    expect(pathsOf(server)).toEqual(["/work", directory.path]);
    unheard.end();
    expect(await Promise.all(late)).toEqual(["GUARD_FAILED", "GUARD_FAILED"]);
    expect(directory.isValid).toBe(false);
  });

  test("whose session ends while something is made in it says so: what was made is gone, so nothing is unknown", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 6_000 } });
    const directory = await temporaryDirectory(client, "/work");
    server.faults.at({ op: "create" }, () => server.faults.partition(client));
    const creating = directory.create("leaf").catch((error: unknown) => error);
    await server.clock.advance(14_000);
    expect(await creating).toMatchObject({ code: "SESSION_EXPIRED", outcome: "no" });
  });

  test("that somebody deletes is lost, and so is one whose hold somebody deletes: nothing of it stays", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    for (const of of ["", "/.hold"]) {
      const directory = await temporaryDirectory(client, "/work");
      await directory.create("a/leaf", null, { parents: true });
      await other.delete(`${directory.path}${of}`, { recursive: true });
      await server.clock.runUntilIdle();
      expect(directory.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
      expect(await codeOf(directory.create("more"))).toBe("GUARD_FAILED");
      expect(pathsOf(server)).toEqual(["/work"]);
    }
  });

  test("is lost at the first sign of trouble if asked for, and then does not stay", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const directory = await temporaryDirectory(client, "/work", { onSuspended: "abort" });
    await directory.create("leaf");
    server.faults.cut(client);
    await server.clock.advance(2_000);
    expect(directory.signal.reason).toMatchObject({ code: "SUSPENDED" });
    expect(pathsOf(server)).toEqual(["/work"]);
  });

  test("of more znodes than fit into one transaction goes too", async () => {
    await using server = await startTestServer({ options: { deleteTreeNodes: 50 } });
    const client = await server.connect();
    const directory = await temporaryDirectory(client, "/work");
    const deep = Array.from({ length: 30 }, (_, i) => directory.create(`d${i % 5}/${i}`, null, { parents: true }));
    await Promise.all([...deep, ...Array.from({ length: 1_200 }, (_, i) => directory.create(`${i}`))]);
    const releasing = directory.release();
    await server.clock.advance(5_000);
    expect(await releasing).toBe("released");
    expect(pathsOf(server)).toEqual(["/work"]);
  });

  test("says what cannot be made in it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const directory = await temporaryDirectory(client, "/work");
    await directory.create("leaf");
    await directory.makeDirectory("a");
    // Harmless.
    await directory.makeDirectory("a");
    const refused = [
      directory.create("leaf"),
      directory.makeDirectory("leaf"),
      directory.create("leaf/below"),
      directory.makeDirectory("leaf/below"),
      directory.create("none/below"),
      directory.create("../outside"),
      directory.create("/outside"),
      directory.create("a/.hold"),
      directory.makeDirectory("a/.hold"),
      directory.list(".hold"),
      directory.create("with", null, { guard: { path: "/none", version: 0 } }),
      temporaryDirectory(client, "/work", { prefix: "a/b" }),
      temporaryDirectory(client, "/work", { identity: "x".repeat(1_025) }),
    ];
    expect(await Promise.all(refused.map(codeOf))).toEqual([
      "NODE_EXISTS",
      "NODE_EXISTS",
      "NO_CHILDREN_FOR_EPHEMERALS",
      "NO_CHILDREN_FOR_EPHEMERALS",
      "NO_NODE",
      "BAD_ARGUMENTS",
      "BAD_ARGUMENTS",
      "BAD_ARGUMENTS",
      "BAD_ARGUMENTS",
      "BAD_ARGUMENTS",
      "GUARD_FAILED",
      "BAD_ARGUMENTS",
      "BAD_ARGUMENTS",
    ]);
    expect([directory.isValid, await directory.list()]).toEqual([true, ["leaf", "a"]]);
  });

  test("that is given up while it is made leaves nothing, whatever of it was made already", async () => {
    for (const step of ["multi", "create", "get"]) {
      for (const how of ["abort", "reply lost and abort", "expire"]) {
        await using server = await startTestServer();
        const client = await server.connect({ session: { timeoutMs: 6_000 } });
        const abort = new AbortController();
        if (how === "reply lost and abort") server.faults.dropReply({ op: step });
        server.faults.at({ op: step }, () => {
          if (how === "expire") void server.faults.expire(client);
          else abort.abort();
        });
        const making = codeOf(temporaryDirectory(client, "/work", { signal: abort.signal }));
        await server.clock.advance(10_000);
        expect([step, how, await making]).toEqual([step, how, how === "expire" ? "SESSION_EXPIRED" : "ABORTED"]);
        expect(server.leaks()).toMatchObject({ ephemerals: 0, waiting: 0 });
        // The base is a container like any other: if nothing was ever in it, that takes five minutes.
        await server.clock.advance(320_000);
        expect(pathsOf(server), `${step}, ${how}`).toEqual([]);
      }
    }
  });

  test("costs few requests: two to make it where the base is there, one for each thing in it, one to release it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/work");
    const count = async <T>(act: Promise<T>): Promise<[string[], T]> => {
      const before = server.requests().length;
      const value = await act;
      await server.clock.runUntilIdle();
      return [
        server
          .requests()
          .slice(before)
          .map(({ op: name }) => name),
        value,
      ];
    };
    const [made, directory] = await count(temporaryDirectory(client, "/work"));
    expect(made).toEqual(["multi", "get"]);
    expect((await count(directory.create("leaf")))[0]).toEqual(["create"]);
    expect((await count(directory.makeDirectory("a")))[0]).toEqual(["multi"]);
    expect((await count(directory.create("a/leaf", null, { parents: true })))[0]).toEqual([
      "multi",
      "exists",
      "create",
    ]);
    expect((await count(directory.release()))[0]).toEqual(["deleteTree"]);
  });
});
