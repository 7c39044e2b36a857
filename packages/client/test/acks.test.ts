import { Op, type Signal } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { ACK_BYTES, ACK_DELAY_MS, ACK_REPLIES } from "../src/limits.ts";
import { statFields, type FakeConnection } from "./fake-server.ts";
import { agreeable, connectHarness, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

const acks = ({ signals }: FakeConnection): number[] =>
  signals.filter(({ op }) => op === Op.ack).map((signal) => (signal as Signal & { acked: number }).acked);

describe("replies are acknowledged though nothing more is asked", () => {
  test("after so many of them, while requests are unanswered", async () => {
    const { client, server } = await connectHarness();
    const writes = Array.from({ length: ACK_REPLIES + 10 }, () => client.set("/a", null));
    await settled();
    for (let xid = 1; xid < ACK_REPLIES; xid++) server.last.reply(xid, statFields(xid));
    await settled();
    expect(acks(server.last)).toEqual([]);
    server.last.reply(ACK_REPLIES, statFields(1));
    await settled();
    expect(acks(server.last)).toEqual([ACK_REPLIES]);
    expect(await standing(writes[0]!)).toHaveProperty("value");
  });

  test("after so many bytes", async () => {
    const { client, server } = await connectHarness();
    void client.get("/a");
    void client.get("/b");
    await settled();
    server.last.reply(1, new Uint8Array(ACK_BYTES), statFields(1));
    await settled();
    expect(acks(server.last)).toEqual([1]);
  });

  test("soon in any case: a server that waits for it goes on", async () => {
    const { client, clock, server } = await connectHarness();
    // Executes five at a time, and waits to hear that they have been received.
    const waiting: number[] = [];
    let acked = 0;
    const execute = (connection: FakeConnection): void => {
      while (waiting.length > 0 && waiting[0]! <= acked + 5) connection.reply(waiting.shift()!, statFields(1));
    };
    server.answer = ({ xid }, connection) => {
      waiting.push(xid);
      execute(connection);
      return undefined;
    };
    const writes = Promise.all(Array.from({ length: 23 }, () => client.set("/a", null)));
    for (let round = 0; round < 5; round++) {
      await clock.advance(ACK_DELAY_MS);
      acked = acks(server.last).at(-1) ?? 0;
      execute(server.last);
    }
    expect(await standing(writes)).toHaveProperty("value");
    expect(acks(server.last)).toEqual([5, 10, 15, 20]);
  });

  test("but not when everything is answered, nor beside a frame that says it", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.set("/a", null);
    await clock.advance(1_000);
    expect(acks(server.last)).toEqual([]);
    server.answer = () => undefined;
    void client.set("/a", null);
    void client.set("/a", null);
    await settled();
    server.last.reply(2, statFields(1));
    await settled();
    void client.get("/a");
    await clock.advance(1_000);
    expect(acks(server.last)).toEqual([1, 2]);
    server.last.reply(3, statFields(1));
    await settled();
    server.last.cut();
    await settled();
    await clock.advance(ACK_DELAY_MS);
    expect(acks(server.last)).toEqual([1, 2]);
    server.answer = agreeable;
    const closed = client.close();
    await clock.advance(10_000);
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  test("each ping says it too", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.set("/a", null);
    await clock.advance(3_500);
    expect(server.last.signals.map(({ op }) => op)).toEqual([Op.ack, Op.ping]);
    expect(acks(server.last)).toEqual([1]);
  });
});
