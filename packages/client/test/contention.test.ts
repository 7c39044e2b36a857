import { Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { statFields } from "./fake-server.ts";
import { agreeable, connectHarness, openHarness, rejection, standing } from "./harness.ts";
import { VirtualClock } from "./virtual-clock.ts";

const LATENCY_MS = 5;

/** Clients, each with its own dice, of one znode behind a latency that is the same for all. */
async function contenders(count: number) {
  const clock = new VirtualClock();
  let writes = 0;
  let refusals = 0;
  const open = Array.from({ length: count }, (_, n) => {
    let state = n * 7_919 + 1;
    const random = (bytes: number): Uint8Array =>
      Uint8Array.from({ length: bytes }, () => {
        state = (state * 48_271) % 2_147_483_647;
        return state & 0xff;
      });
    const { client, server } = openHarness({ random }, undefined, clock);
    server.answer = (request, connection) => {
      clock.setTimeout(() => {
        if (request.op === Op.get) connection.reply(request.xid, null, statFields(100 + writes, writes));
        else if (request.op === Op.set && request.guards?.[0]?.value === 100 + writes) {
          writes++;
          connection.reply(request.xid, statFields(100 + writes, writes));
        } else {
          refusals++;
          connection.refuse(request.xid, "GUARD_FAILED", { index: 0, path: "/n" });
        }
      }, LATENCY_MS);
      return undefined;
    };
    return client;
  });
  await Promise.all(open.map((client) => client.ready()));
  return { clock, clients: open, counts: () => ({ writes, refusals }) };
}

describe("update under contention", () => {
  test("clients in step on a fixed latency all get through, and do not go on outrunning each other", async () => {
    const { clock, clients, counts } = await contenders(16);
    const updates = clients.flatMap((client) => [0, 1, 2].map(() => client.update("/n", () => null)));
    await clock.advance(10_000);
    expect(await standing(Promise.all(updates))).toHaveProperty("value");
    const { writes, refusals } = counts();
    expect(writes).toBe(48);
    expect(refusals).toBeLessThan(48 * 20);
  });

  test("ends with its signal and with the time of the call, also between two tries", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = (request) =>
      request.op === Op.get ? agreeable(request) : { code: "GUARD_FAILED", detail: { index: 0, path: "/n" } };
    const abort = new AbortController();
    const aborted = rejection(client.update("/n", () => null, { signal: abort.signal }));
    await clock.advance(200);
    // The server has answered everything: the call waits for its next try.
    expect(client.stats().inFlight).toBe(0);
    abort.abort();
    expect(await aborted).toMatchObject({ code: "ABORTED", op: "update", outcome: "no" });
    const late = rejection(client.update("/n", () => null, { timeoutMs: 200 }));
    await clock.advance(200);
    expect(await late).toMatchObject({ code: "TIMEOUT", op: "update", outcome: "no" });
  });
});
