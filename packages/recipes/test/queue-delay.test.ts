/** Jobs that are not due yet, by the server's clock. */
import { text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { queue } from "../src/queue.ts";
import { eventually } from "./faults/stage.ts";
import { mail } from "./queueing.ts";

describe("delay", () => {
  test("a delayed job comes when the server's clock says so, whatever the clocks of clients say", async () => {
    await using server = await startTestServer();
    const HOUR = 3_600_000;
    for (const [i, jumpMs] of [0, HOUR, -HOUR].entries()) {
      const [putter, taker] = [await server.connect(), await server.connect()];
      server.faults.jumpClock(putter, jumpMs);
      server.faults.jumpClock(taker, -jumpMs);
      // A clock that jumps ahead costs a session; the next one goes on.
      await server.clock.advance(40_000);
      const own = queue(putter, `/delayed/${i}`, { codec: text, depthMax: 10 });
      await own.put("later", { delayMs: 60_000 });
      const put = server.clock.now;
      let came: number | undefined;
      const taking = queue(taker, `/delayed/${i}`, { codec: text, depthMax: 10 }).takeOne();
      void taking.then(() => (came = server.clock.now));
      await server.clock.advance(59_900);
      expect(came).toBeUndefined();
      await server.clock.advance(400);
      expect(came! - put).toBeGreaterThanOrEqual(60_000);
      await (await taking).ack();
    }
  });

  test("delayed jobs stand in nobody's way, and take their place in the order when they are due", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect());
    await own.put("first", { delayMs: 10_000 });
    await own.put("second");
    await own.put("third");
    const second = await own.takeOne();
    expect(second.value).toBe("second");
    await server.clock.advance(11_000);
    expect((await own.takeOne()).value).toBe("first");
    expect((await own.takeOne()).value).toBe("third");
  });

  test("a delayed job is due also after the server was away", async () => {
    await using server = await startTestServer({ log: "file" });
    const own = mail(await server.connect());
    await own.put("later", { delayMs: 5_000 });
    await server.faults.restart({ crash: true, downMs: 1_000 });
    await server.clock.advance(6_000);
    expect((await eventually(server, own.takeOne())).value).toBe("later");
  });

  test("a job given back with a delay is not taken before", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a).put("x");
    await (await mail(a).takeOne()).nack({ delayMs: 30_000, reason: "the printer is on fire" });
    const taking = mail(b).takeOne();
    let isTaken = false;
    void taking.then(() => (isTaken = true));
    await server.clock.advance(29_500);
    expect(isTaken).toBe(false);
    for await (const job of mail(a).list())
      expect(job).toMatchObject({ state: "delayed", attempts: 1, reason: "the printer is on fire", value: "x" });
    await server.clock.advance(1_000);
    expect(await taking).toMatchObject({ value: "x", attempt: 2 });
  });
});
