import { isWrite, Op, type Request } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { FakeConnection } from "./fake-server.ts";
import { agreeable, connectHarness, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

/**
 * The server's rule for numbers: they grow, except that refused writes may come again, in their order; and a write is refused
 * while a refused one with a smaller number has not come again. Answers and refusals reach the client late, at random.
 */
class OrderlyServer {
  readonly #refused = new Set<number>();
  #last = 0;
  readonly applied: number[] = [];
  /** Would have ended the client for good. */
  readonly faults: string[] = [];

  take(request: Request, refuses: boolean): boolean {
    const { xid } = request;
    if (this.#refused.has(xid)) this.#refused.delete(xid);
    else if (xid > this.#last) this.#last = xid;
    else this.faults.push(`${xid} after ${this.#last}`);
    if (!isWrite(request)) return true;
    if (refuses || [...this.#refused].some((other) => other < xid)) {
      this.#refused.add(xid);
      return false;
    }
    this.applied.push(xid);
    return true;
  }
}

function dice(seed: number): () => number {
  let state = seed * 48_271;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

async function run(seed: number): Promise<void> {
  const roll = dice(seed);
  const { client, clock, server } = await connectHarness({ timeoutMs: 60_000 });
  const orderly = new OrderlyServer();
  let isOverloaded = true;
  /** Replies keep their order; each may wait for a while. */
  let readyAtMs = 0;
  server.answer = (request: Request, connection: FakeConnection) => {
    const isTaken = orderly.take(request, isOverloaded && roll() < 0.7);
    const now = clock.monotonicMs();
    readyAtMs = Math.max(readyAtMs, now + (roll() < 0.2 ? roll() * 100 : 0));
    const zxid = server.zxid;
    clock.setTimeout(() => {
      if (isTaken) connection.send([request.xid, zxid, 0, ...(agreeable(request) as [])]);
      else connection.refuse(request.xid, "OVERLOADED", { name: "disk" });
    }, readyAtMs - now);
    return undefined;
  };
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 60; i++) {
    calls.push(roll() < 0.3 ? client.get("/a") : client.set("/a", null));
    if (roll() < 0.4) await clock.advance(roll() * 60);
  }
  isOverloaded = false;
  await clock.advance(40_000);
  expect(orderly.faults).toEqual([]);
  expect(await standing(Promise.all(calls))).toHaveProperty("value");
  expect(orderly.applied).toEqual([...orderly.applied].sort((a, b) => a - b));
  expect(new Set(orderly.applied).size).toBe(orderly.applied.length);
}

describe("writes refused for overload", () => {
  test.each(Array.from({ length: 30 }, (_, i) => i + 1))(
    "come again in their order, and are applied in it (seed %i)",
    run,
  );

  test("whose refusals come in two parts are sent again in two, though a read was sent in between", async () => {
    const { client, clock, server } = await connectHarness();
    const writes = Promise.all([1, 2, 3, 4].map((n) => client.set(`/${n}`, null)));
    await settled();
    for (const xid of [1, 2]) server.last.refuse(xid, "OVERLOADED", { name: "disk" });
    await clock.advance(50);
    void client.get("/a");
    void client.set("/later", null);
    await settled();
    for (const xid of [3, 4]) server.last.refuse(xid, "OVERLOADED", { name: "disk" });
    await clock.advance(100);
    expect(server.last.requests.map(({ xid, op }) => [xid, op])).toEqual([
      ...[1, 2, 3, 4, 1, 2].map((xid) => [xid, Op.set]),
      [5, Op.get],
      [3, Op.set],
      [4, Op.set],
    ]);
    server.answer = agreeable;
    for (const xid of [1, 2, 3, 4]) server.last.reply(xid, ...(agreeable(server.last.requests[0]!) as []));
    await writes;
    await settled();
    expect(server.last.requests.at(-1)).toMatchObject({ xid: 6, path: "/later" });
  });
});
