/** Candidates and leaders: who leads, who is told, and what is left when a session ends or a process stands still. */
import { type CorralError, isCorralError } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { election, type Leadership } from "../src/election.ts";
import { lock } from "../src/lock.ts";
import { candidatesLeft, connect, fails, named, PATH, TIMEOUT_MS, utf8 } from "./electing.ts";
import { eventually } from "./faults/stage.ts";

test("one of the candidates leads; the next one does when it resigns, with a greater term", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const first = await named(a, "a").campaign();
  const second = named(b, "b").campaign();
  await server.clock.runUntilIdle();
  expect((await named(b, "b").candidates()).map(({ identity, holds }) => [identity, holds])).toEqual([
    ["a", true],
    ["b", false],
  ]);
  expect(first.term).toBe(first.token);
  expect(await first.resign()).toBe("released");
  expect(first.isValid).toBe(false);
  expect((await second).term).toBeGreaterThan(first.term);
});

test("a leader that was lost never leads again: to campaign anew gives another leadership of a greater term", async () => {
  await using server = await startTestServer();
  const client = await connect(server);
  const contest = named(client, "a");
  const first = await contest.campaign();
  await server.faults.expire(client);
  await server.clock.advance(1_000);
  expect(first.signal.aborted).toBe(true);
  const second = await contest.campaign();
  expect(second.term).toBeGreaterThan(first.term);
  expect([first.isValid, second.isValid]).toEqual([false, true]);
  expect(await first.verify()).toBe(false);
  expect(await first.resign()).toBe("was-gone");
  expect(second.isValid).toBe(true);
});

test("a leader that is cut off knows that it leads no more before the next one leads, and its guarded writes are refused", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  await b.create("/state", utf8.encode("by nobody"));
  const first = await named(a, "a").campaign();
  const events: string[] = [];
  first.signal.addEventListener("abort", () => events.push("lost"));
  const next = named(b, "b")
    .campaign()
    .then((leadership) => {
      events.push("leads");
      return leadership;
    });
  const partition = server.faults.partition(a);
  const written = fails(a.set("/state", utf8.encode("by a"), { guard: first.guard, timeoutMs: Infinity }));
  const second = await eventually(server, next);
  expect(events).toEqual(["lost", "leads"]);
  partition.end();
  expect((await eventually(server, written)).code).toMatch(/GUARD_FAILED|OUTCOME_UNKNOWN|SESSION_EXPIRED/);
  expect(await fails(a.set("/state", utf8.encode("by a"), { guard: first.guard }))).toMatchObject({
    code: "GUARD_FAILED",
  });
  expect((await b.get("/state")).value).toEqual(utf8.encode("by nobody"));
  expect(second.isValid).toBe(true);
});

test("a candidate whose session ends while it waits is told, and leaves nothing behind", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const leader = await named(a, "a").campaign();
  const waiting = fails(named(b, "b").campaign());
  await server.clock.runUntilIdle();
  await server.faults.expire(b);
  expect((await eventually(server, waiting)).code).toBe("SESSION_EXPIRED");
  await server.clock.advance(1_000);
  expect(candidatesLeft(server)).toEqual([leader.path]);
});

test("a candidate whose session ends before it has learned of its place leaves no other behind, and stands in the next one", async () => {
  await using server = await startTestServer({ latencyMs: 1 });
  const a = await eventually(server, connect(server));
  const former = a.session!.id;
  let partition: { end(): void } | undefined;
  server.faults.at({ op: "create", nth: 3 }, () => {
    partition = server.faults.partition(a, { oneWay: "from-server" });
  });
  const first = fails(named(a, "a").campaign());
  await server.clock.advance(100);
  // It is there, and nobody on this side knows.
  expect(server.dump().filter(({ owner }) => owner === former)).toHaveLength(1);
  await server.clock.advance(3 * TIMEOUT_MS);
  expect((await first).code).toBe("SESSION_EXPIRED");
  expect(candidatesLeft(server)).toEqual([]);
  partition!.end();
  const leader = await eventually(server, named(a, "a").campaign());
  const present = a.session!.id;
  expect(present).not.toBe(former);
  expect(leader.isValid).toBe(true);
  expect(server.dump().filter(({ owner }) => owner !== 0)).toMatchObject([
    { path: leader.path, czxid: leader.term, owner: present },
  ]);
  expect(await eventually(server, named(a, "a").candidates())).toMatchObject([
    { path: leader.path, identity: "a", isMine: true, holds: true },
  ]);
});

test("the loss of a leader wakes one of 200 candidates", async () => {
  await using server = await startTestServer();
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(server)));
  const leader = await named(clients[0]!, "first").campaign();
  const won: Leadership[] = [];
  const over = new AbortController();
  const all = Array.from({ length: 200 }, async (_, i) => {
    try {
      won.push(await named(clients[i % 20]!, `${i}`).campaign({ signal: over.signal }));
    } catch (error) {
      if (!isCorralError(error, "ABORTED")) throw error;
    }
  });
  await server.clock.runUntilIdle();
  expect(candidatesLeft(server)).toHaveLength(201);
  const before = server.requests().length;
  await leader.resign();
  await server.clock.advance(1_000);
  expect(won).toHaveLength(1);
  // The delete; one looks at the queue, and at itself, and says that it needs its other watch no more.
  const caused = server.requests().slice(before);
  expect(caused.map(({ op }) => op).filter((op) => op === "delete")).toHaveLength(1);
  expect(new Set(caused.filter(({ op }) => op !== "delete").map(({ client }) => client)).size).toBe(1);
  expect(caused.length).toBeLessThanOrEqual(4);
  over.abort();
  await Promise.all(all);
});

test("candidates of every layout stand in one queue", async () => {
  await using server = await startTestServer();
  const clients = [await connect(server), await connect(server), await connect(server)];
  const layouts = ["curator", "curator-latch", "kazoo"] as const;
  const order: string[] = [];
  const terms = layouts.map(async (layout, i) => {
    const leadership = await election(clients[i]!, PATH, { layout, identity: layout }).campaign();
    order.push(layout);
    return leadership;
  });
  await server.clock.runUntilIdle();
  const names = candidatesLeft(server).map((path) => path.slice(PATH.length + 1));
  expect(names.some((name) => /^_c_[-0-9a-f]{36}-lock-\d{10}$/.test(name))).toBe(true);
  expect(names.some((name) => /^_c_[-0-9a-f]{36}-latch-\d{10}$/.test(name))).toBe(true);
  expect(names.some((name) => /^[0-9a-f]{32}__lock__\d{10}$/.test(name))).toBe(true);
  for (const leadership of terms) await (await leadership).resign();
  expect(order).toEqual(layouts);
});

test("a leader that stood still for longer than its session knows at its first look that it leads no more", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const leader = await named(a, "a").campaign();
  const next = named(b, "b").campaign();
  let wasValid: boolean | undefined;
  a.clock.setTimeout(() => {
    wasValid = leader.isValid;
  }, 1_000);
  server.faults.stallClient(a, 3 * TIMEOUT_MS);
  await server.clock.advance(4 * TIMEOUT_MS);
  expect(wasValid).toBe(false);
  expect((await next).term).toBeGreaterThan(leader.term);
  expect(await fails(a.create("/x", null, { guard: leader.guard }))).toMatchObject({ code: "GUARD_FAILED" });
});

test("a candidate that stood still while it was elected does not come to lead in a session that is over", async () => {
  await using server = await startTestServer();
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  const first = await named(a, "a").campaign();
  const second = fails(named(b, "b").campaign());
  await server.clock.runUntilIdle();
  const third = named(c, "c").campaign();
  await server.clock.runUntilIdle();
  server.faults.stallClient(b, 3 * TIMEOUT_MS);
  await first.resign();
  const leader = await eventually(server, third);
  expect((await eventually(server, second)).code).toBe("SESSION_EXPIRED");
  expect(leader.isValid).toBe(true);
});

test.each([
  { what: "back changes nothing", jumpMs: -3_600_000, events: ["resigned", "next leads"] },
  { what: "forward may end a term early, before the next begins", jumpMs: 3_600_000, events: ["lost", "next leads"] },
])("a wall clock of the leader that is set an hour $what", async ({ jumpMs, events }) => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const leader = await named(a, "a").campaign();
  const seen: string[] = [];
  leader.signal.addEventListener("abort", () => {
    seen.push((leader.signal.reason as CorralError).code === "CLOSED" ? "resigned" : "lost");
  });
  const next = named(b, "b")
    .campaign()
    .then(() => seen.push(leader.isValid ? "two lead" : "next leads"));
  await server.clock.runUntilIdle();
  server.faults.jumpClock(a, jumpMs);
  await server.clock.advance(10 * TIMEOUT_MS);
  await leader.resign();
  await eventually(server, next);
  expect(seen).toEqual(events);
});

test("an elected leader asks for a lock by the same znodes as everybody: a lock and an election of one path exclude each other", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const held = await lock(a, PATH).acquire();
  const leading = named(b, "b").campaign();
  await server.clock.runUntilIdle();
  expect(await named(b, "b").current()).toMatchObject({ term: held.token });
  await held.release();
  expect((await leading).term).toBeGreaterThan(held.token);
});
