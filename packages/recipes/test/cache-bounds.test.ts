/** A subtree that is too large for its cache. */
import { text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { cache } from "../src/cache.ts";
import { codeOf, create, follow, opened, thrownBy } from "./caching.ts";

describe("a bound", () => {
  test("that the subtree is too large for is told to whoever opens it", async () => {
    const { server, client, other } = await opened("/app");
    await using _ = server;
    for (let i = 0; i < 10; i++) await create(other, `/app/${i}`, "0123456789");
    const options = { codec: text };
    await expect(cache(client, "/app", { ...options, entriesMax: 10 })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "entriesMax",
      limit: 10,
      actual: 11,
    });
    await expect(cache(client, "/app", { ...options, bytesMax: 100 })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "bytesMax",
    });
    expect((await cache(client, "/app", { ...options, entriesMax: 11 })).size).toBe(11);
  });

  test("that is exceeded later ends the cache for all of its readers, and its subscription", async () => {
    const { server, other, open } = await opened("/app", { entriesMax: 3 });
    await using _ = server;
    await create(other, "/app/a");
    const mine = await open();
    const told = follow(mine.changes());
    await create(other, "/app/b");
    const waiting = codeOf(mine.atLeast(2 ** 50));
    expect(mine.signal.aborted).toBe(false);
    await create(other, "/app/c");
    await server.clock.runUntilIdle();
    expect(told).toEqual(["added /app/b v", "LIMIT_EXCEEDED"]);
    expect(await waiting).toBe("LIMIT_EXCEEDED");
    const reads = [() => mine.get("/app"), () => mine.size, () => [...mine.entries()], () => mine.children("/app")];
    expect(reads.map(thrownBy)).toEqual(Array(4).fill("LIMIT_EXCEEDED"));
    expect(mine.freshness).toBe("stale");
    expect(mine.signal.reason).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(server.leaks().subscriptions).toBe(0);
  });
});
