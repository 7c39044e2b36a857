import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";

test("a worker that was cut off gives its place to the next one", async () => {
  await using server = await startTestServer();
  const [first, second] = [await server.connect({ session: { timeoutMs: 4_000 } }), await server.connect()];

  await first.create("/leader", null, { lifetime: "ephemeral" });
  const gone = second.nextEvent("/leader");

  // A black hole: neither side is told. Nothing happens until time passes.
  const partition = server.faults.partition(first);
  await server.clock.advance(10_000);
  expect((await gone).kind).toBe("deleted");
  await second.create("/leader", null, { lifetime: "ephemeral" });

  // The first one is back, and knows that its session is over.
  partition.end();
  await server.clock.advance(5_000);
  expect(first.stats().sessionsLost).toBe(1);

  // The reply to a write gets lost with the connection: the write is not done twice.
  server.faults.dropReply({ op: "create" });
  const creating = second.create("/jobs/n-", null, { sequential: true, parents: true });
  await server.clock.advance(1_000);
  expect((await creating).path).toBe("/jobs/n-0000000000");
  expect(await second.children("/jobs")).toHaveLength(1);

  // Power fails. What was acknowledged is there, and sessions go on.
  await server.faults.restart({ crash: true });
  await server.clock.advance(1_000);
  expect(await second.exists("/leader")).toBe(true);
});
