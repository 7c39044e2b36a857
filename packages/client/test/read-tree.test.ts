import { describe, expect, test } from "vitest";
import { text } from "../src/node/index.ts";
import { agreeable, connectHarness, rejection } from "./harness.ts";
import { change, changes, entry, lastId, page, subscribes, synced } from "./subscribing.ts";
import { settled } from "./virtual-clock.ts";

describe("readTree", () => {
  test("puts pages and the changes between them together to the state at one zxid", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const reading = client.readTree("/t", { codec: text });
    await settled();
    expect(subscribes(server.last.requests)).toMatchObject([{ flags: 1, since: -1 }]);
    const id = lastId(server);
    server.last.subscription(id, page, [entry("/t", "r"), entry("/t/a", "1"), entry("/t/b", "1")]);
    server.last.subscription(id, changes, [change(3, "/t/a", "2"), change(2, "/t/b")], 60);
    server.last.subscription(id, synced, undefined, 61);
    const { entries, zxid } = await reading;
    expect([...entries.values()].map(({ path, value }) => [path, value])).toEqual([
      ["/t", "r"],
      ["/t/a", "2"],
    ]);
    expect(zxid).toBe(61);
    expect(client.stats().subscriptions).toBe(0);
    await client.close({ timeoutMs: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  test("starts over when the connection breaks, and is bounded by time and by entries", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const reading = client.readTree("/t", { codec: text });
    await settled();
    server.last.subscription(lastId(server), page, [entry("/t/gone")]);
    await settled();
    server.last.cut();
    await clock.advance(1_000);
    server.last.subscription(lastId(server), page, [entry("/t/here")]);
    server.last.subscription(lastId(server), synced);
    expect([...(await reading).entries.keys()]).toEqual(["/t/here"]);
    const late = rejection(client.readTree("/t", { timeoutMs: 500 }));
    await clock.advance(500);
    expect(await late).toMatchObject({ code: "TIMEOUT" });
    const big = rejection(client.readTree("/t", { entriesMax: 1 }));
    await settled();
    server.last.subscription(lastId(server), page, [entry("/t/1"), entry("/t/2")]);
    expect(await big).toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "readTreeEntries", limit: 1 });
    expect(client.stats().subscriptions).toBe(0);
  });
});
