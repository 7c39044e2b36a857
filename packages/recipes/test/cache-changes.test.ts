/** The changes that a cache tells: their order, what a slow reader is told, and how they end. */
import { text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { create, describeChange, follow, opened, set, thrownBy } from "./caching.ts";

describe("changes", () => {
  test("are told in the order of their zxids, with what was before", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app", "root");
    const mine = await open();
    const [told, replayed] = [follow(mine.changes()), follow(mine.changes({ replay: true }))];
    await create(other, "/app/a", "1");
    await set(other, "/app/a", "2");
    await other.delete("/app/a");
    await server.clock.runUntilIdle();
    const expected = ["added /app/a 1", "changed /app/a 1 > 2", "removed /app/a 2"];
    expect(told).toEqual(expected);
    expect(replayed).toEqual(["added /app root", ...expected]);
  });

  test("of a reader that never reads cost at most one path for each znode that it knew of or that there is", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app/stays", "0");
    await create(other, "/app/goes", "0");
    const mine = await open();
    const slow = mine.changes();
    for (let i = 0; i < 300; i++) {
      await set(other, "/app/stays", `${i}`);
      const { path } = await other.create("/app/brief-", "", { codec: text, sequential: true });
      await other.delete(path);
    }
    await other.delete("/app/goes");
    await create(other, "/app/new", "1");
    await set(other, "/app/new", "2");
    await server.clock.runUntilIdle();
    expect((slow as unknown as { pending: number }).pending).toBe(3);
    // And then it is told the newest, once.
    expect([await slow.next(), await slow.next(), await slow.next()].map(({ value }) => describeChange(value))).toEqual(
      ["changed /app/stays 0 > 299", "removed /app/goes 0", "added /app/new 2"],
    );
  });

  test("end with the signal, with leaving, and with close, and leave nothing", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const abort = new AbortController();
    const [first, second] = [follow(mine.changes({ signal: abort.signal })), follow(mine.changes())];
    const third = mine.changes();
    await create(other, "/app");
    for await (const change of third) {
      expect(change.kind).toBe("added");
      break;
    }
    abort.abort();
    expect(await third.next()).toEqual({ done: true, value: undefined });
    await create(other, "/app/a");
    await mine.close();
    await server.clock.runUntilIdle();
    expect(first).toEqual(["added /app v", "end"]);
    expect(second).toEqual(["added /app v", "added /app/a v", "end"]);
    expect(thrownBy(() => mine.changes())).toBe("CLOSED");
  });
});
