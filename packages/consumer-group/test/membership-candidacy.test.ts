/** A member whose candidacy the server has no room for: it is a member all the same, stands again later, and leaves as any other. */
import { expect, test } from "vitest";
import { topic } from "./groups.ts";
import { groupWorld, joined, soon } from "./membership.ts";

const WATCHES = 4;

test("a candidacy that is refused for want of room is tried again: in the end it leads", async () => {
  await using world = await groupWorld([topic("x", 2)], { limits: { watchesPerConnection: WATCHES } });
  const first = await world.join();
  const client = await world.client();
  // Room for its registration, and for no candidacy behind another's.
  const watches = [];
  for (let i = 1; i < WATCHES; i++) watches.push(await soon(world.server, client.addWatch(`/w${i}`)));
  const told: unknown[] = [];
  const onLeaderError = (error: unknown): void => void told.push(error);
  const second = await soon(world.server, joined(client, world.topics, { onLeaderError }), 500);
  await world.settle(5_000);
  expect(told.length).toBeGreaterThan(1);
  expect(told.length).toBeLessThan(50);
  expect(told[0]).toMatchObject({ code: "LIMIT_EXCEEDED" });
  expect(second.member.isLeader).toBe(false);
  for (const watch of watches) await soon(world.server, watch.close());
  await world.settle(20_000);
  await soon(world.server, first.member.leave());
  await world.settle();
  expect(second.member.isLeader).toBe(true);
});

test("a member leaves although its candidacy was refused", async () => {
  await using world = await groupWorld([topic("x", 2)], { limits: { watchesPerConnection: WATCHES } });
  await world.join();
  const client = await world.client();
  for (let i = 1; i < WATCHES; i++) await soon(world.server, client.addWatch(`/w${i}`));
  const second = await soon(world.server, joined(client, world.topics), 500);
  await world.settle(3_000);
  await soon(world.server, second.member.leave(), 1_000);
  expect(second.member.signal.aborted).toBe(true);
});
