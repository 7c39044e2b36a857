/** Whoever has written reads it in a cache, by waiting for its zxid. */
import { describe, expect, test } from "vitest";
import { codeOf, contentsOf, create, dumpOf, follow, opened, set } from "./caching.ts";

describe("whoever has written", () => {
  test("reads it at once, in every cache that is told to be at least there", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const { stat } = await create(client, "/app", "mine");
    const asked = server.requests().length;
    await mine.atLeast(stat.mzxid);
    expect(server.requests()).toHaveLength(asked);
    expect(mine.get("/app")?.value).toBe("mine");
    const theirs = await create(other, "/app/theirs");
    await mine.atLeast(theirs.stat.mzxid);
    expect(mine.has("/app/theirs")).toBe(true);
  });

  test("whose event is on its way waits for that and asks for no more than one answer", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const late = server.faults.partition(client, { oneWay: "from-server" });
    const { stat } = await create(other, "/app");
    const asked = server.requests().length;
    const waiting = mine.atLeast(stat.czxid).then(() => mine.has("/app"));
    await server.clock.advance(100);
    late.end();
    expect(await waiting).toBe(true);
    expect(
      server
        .requests()
        .slice(asked)
        .map(({ op: name }) => name),
    ).toEqual(["sync"]);
    void client;
  });

  test("elsewhere, or deleted, can wait for that zxid too, which costs two requests", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app/a");
    const mine = await open();
    const elsewhere = await create(other, "/elsewhere");
    const asked = server.requests().length;
    await mine.atLeast(elsewhere.stat.czxid);
    expect(server.requests().length - asked).toBeLessThanOrEqual(3);
    expect(mine.zxid).toBeGreaterThanOrEqual(elsewhere.stat.czxid);
    await other.delete("/app/a");
    await mine.atLeast(await client.sync());
    expect(mine.has("/app/a")).toBe(false);
    await server.clock.runUntilIdle();
    expect(server.leaks().subscriptions).toBe(1);
    await create(other, "/app/b");
    await server.clock.runUntilIdle();
    expect(mine.children("/app")).toEqual(["b"]);
  });

  test("is not told that it is in while the server has not sent it, however much stands before it", async () => {
    const { server, client, other, open } = await opened("/app", {}, { latencyMs: 20 });
    await using _ = server;
    const mine = await open();
    // More transactions than the subscription has credits for.
    const writes = Array.from({ length: 500 }, (_, i) => create(other, `/app/${i}`));
    await Promise.all(writes);
    await other.delete("/app/499");
    await mine.atLeast(await client.sync());
    expect([mine.size, mine.has("/app/499")]).toEqual([500, false]);
    expect(contentsOf(mine)).toEqual(dumpOf(server, "/app"));
  });

  test("elsewhere is never shown an older state for it, whatever is written while it is asked for", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app", "0");
    const mine = await open();
    const told = follow(mine.changes());
    const { stat } = await create(other, "/elsewhere");
    // The new subscription is held up, and so told what the old one has told meanwhile.
    using _held = server.faults.at({ op: "subscribe" }, () => {
      const held = server.faults.partition(client, { oneWay: "to-server" });
      void Promise.all([1, 2, 3].map((i) => set(other, "/app", `${i}`))).then(() => {
        held.end();
      });
    });
    await mine.atLeast(stat.czxid);
    await server.clock.advance(100);
    expect(told).toEqual(["changed /app 0 > 1", "changed /app 1 > 2", "changed /app 2 > 3"]);
    expect(server.leaks().subscriptions).toBe(1);
  });

  test("of a zxid that the server has not come to is told so; and waits no longer than asked", async () => {
    const { server, client, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    expect(await codeOf(mine.atLeast(2 ** 50))).toBe("BAD_ARGUMENTS");
    using _cutOff = server.faults.partition(client);
    const waiting = codeOf(mine.atLeast(2 ** 50, { timeoutMs: 500 }));
    await server.clock.advance(600);
    expect(await waiting).toBe("TIMEOUT");
  });
});
