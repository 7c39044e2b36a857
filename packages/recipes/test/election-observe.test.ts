/** Who observes an election: each change of the leader, once, in order, whatever happens meanwhile. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import type { Leader } from "../src/election.ts";
import { connect, fails, named, PATH, TIMEOUT_MS, utf8 } from "./electing.ts";
import { eventually } from "./faults/stage.ts";

/** Reads on and on. */
function record(states: AsyncIterable<Leader | undefined>): { readonly seen: (string | undefined)[]; ended: unknown } {
  const record = { seen: [] as (string | undefined)[], ended: undefined as unknown };
  void (async () => {
    for await (const leader of states) {
      const value = leader?.value === undefined ? "" : `:${new TextDecoder().decode(leader.value)}`;
      record.seen.push(leader === undefined ? undefined : `${leader.identity}${value}`);
    }
  })().then(
    () => (record.ended = "done"),
    (error: unknown) => (record.ended = error),
  );
  return record;
}

test("observe tells who leads now, then each change of leader and value, and undefined while nobody does", async () => {
  await using server = await startTestServer();
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  const { seen } = record(named(c, "c").observe());
  await server.clock.runUntilIdle();
  expect(seen).toEqual([undefined]);
  const first = await named(a, "a").campaign();
  const next = named(b, "b").campaign();
  await server.clock.runUntilIdle();
  await first.proclaim(utf8.encode("1"));
  await server.clock.runUntilIdle();
  await first.resign();
  await (await next).resign();
  await server.clock.runUntilIdle();
  expect(seen).toEqual([undefined, "a", "a:1", "b", undefined]);
  const late = record(named(c, "c").observe());
  await server.clock.runUntilIdle();
  expect(late.seen).toEqual([undefined]);
});

test("observe says nothing of candidates that do not lead, nor of requests to resign", async () => {
  await using server = await startTestServer();
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  await c.create(`${PATH}/notes`, null, { parents: true });
  await named(a, "a").campaign();
  const { seen } = record(named(c, "c").observe());
  const over = new AbortController();
  const waiting = fails(named(b, "b").campaign({ signal: over.signal }));
  await server.clock.runUntilIdle();
  await named(c, "c").requestRevoke("please");
  over.abort();
  await waiting;
  await c.set(PATH, utf8.encode("x"));
  await server.clock.runUntilIdle();
  expect(seen).toEqual(["a"]);
});

test("observe never shows a leader that was none: all of a session's candidates go at once", async () => {
  await using server = await startTestServer();
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  await named(a, "first of a").campaign();
  void fails(named(a, "second of a").campaign());
  await server.clock.runUntilIdle();
  const next = named(b, "b").campaign();
  const { seen } = record(named(c, "c").observe());
  await server.clock.runUntilIdle();
  await server.faults.expire(a);
  await next;
  await server.clock.runUntilIdle();
  expect(seen).toEqual(["first of a", "b"]);
});

test("one who observes slowly gets the newest, and nothing piles up", async () => {
  await using server = await startTestServer();
  const [a, c] = [await connect(server), await connect(server)];
  const observing = named(c, "c").observe();
  expect((await observing.next()).value).toBeUndefined();
  for (let i = 0; i < 50; i++)
    await named(a, `${i}`).run(async (leadership) => void (await leadership.proclaim(Uint8Array.of(i))));
  const leader = await named(a, "last").campaign();
  await server.clock.runUntilIdle();
  expect((await observing.next()).value).toMatchObject({ identity: "last", term: leader.term });
  const pending = observing.next();
  await server.clock.runUntilIdle();
  await leader.resign();
  expect((await pending).value).toBeUndefined();
  await observing.return();
});

test("observe goes on over reconnects, sessions, restarts and forgotten history, and terms never go back", async () => {
  await using server = await startTestServer({ log: "file" });
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  const terms: number[] = [];
  const over = new AbortController();
  const observing = (async () => {
    for await (const leader of named(c, "c").observe({ signal: over.signal })) if (leader) terms.push(leader.term);
  })();
  const lead = async (client: Client): Promise<number> => {
    const leadership = await eventually(server, named(client, "x").campaign());
    await server.clock.advance(500);
    await eventually(server, leadership.resign());
    return leadership.term;
  };
  const led: number[] = [await lead(a)];
  server.faults.cut(c);
  led.push(await lead(b));
  await server.clock.advance(1_000);
  await server.faults.expire(c);
  await server.clock.advance(1_000);
  led.push(await lead(a));
  server.faults.cut(c);
  server.faults.forgetHistory();
  await server.clock.advance(1_000);
  led.push(await lead(b));
  await server.faults.restart({ crash: true, downMs: 1_000 });
  await server.clock.advance(1_000);
  led.push(await lead(a));
  await server.clock.advance(1_000);
  expect(terms).toEqual(led);
  over.abort();
  await eventually(server, observing);
});

test("observe forgets a leader that went while it was away and the history was forgotten", async () => {
  await using server = await startTestServer();
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  const leader = await named(a, "a").campaign();
  const next = named(b, "b").campaign();
  const { seen } = record(named(c, "c").observe());
  await server.clock.runUntilIdle();
  const partition = server.faults.partition(c);
  await leader.resign();
  await next;
  server.faults.forgetHistory();
  partition.end();
  server.faults.cut(c);
  await server.clock.advance(1_000);
  expect(seen).toEqual(["a", "b"]);
});

test("observe ends by leaving the loop, by its signal, or with the client, and leaves no subscription", async () => {
  await using server = await startTestServer();
  const [a, c] = [await connect(server), await connect(server)];
  await named(a, "a").campaign();
  const { subscriptions } = server.leaks();
  for await (const leader of named(c, "c").observe()) {
    expect(leader?.identity).toBe("a");
    break;
  }
  const over = new AbortController();
  const bySignal = record(named(c, "c").observe({ signal: over.signal }));
  const unread = named(c, "c").observe();
  await server.clock.runUntilIdle();
  over.abort();
  await server.clock.runUntilIdle();
  expect(bySignal).toEqual({ seen: ["a"], ended: "done" });
  expect(server.leaks().subscriptions).toBe(subscriptions);
  expect(await unread.return()).toEqual({ done: true, value: undefined });
  expect(await unread.next()).toEqual({ done: true, value: undefined });
  expect(record(named(c, "c").observe({ signal: over.signal })).seen).toEqual([]);
  const atOnce = named(c, "c").observe();
  const first = atOnce.next();
  await atOnce.return();
  expect(await first).toEqual({ done: true, value: undefined });
  await server.clock.runUntilIdle();
  expect(server.leaks().subscriptions).toBe(subscriptions);
  const withClient = record(named(c, "c").observe());
  await server.clock.runUntilIdle();
  await c.close();
  await server.clock.runUntilIdle();
  expect(withClient.ended).toMatchObject({ code: "CLOSED" });
});

test("observe that begins while there is no connection, or whose session ends in its first step, waits for the next", async () => {
  await using server = await startTestServer();
  const [a, c] = [await connect(server), await connect(server)];
  await named(a, "a").campaign();
  const partition = server.faults.partition(c);
  const { seen } = record(named(c, "c").observe());
  await server.clock.advance(2 * TIMEOUT_MS);
  expect([seen, c.stats().sessionsLost]).toEqual([[], 1]);
  partition.end();
  await server.clock.advance(TIMEOUT_MS);
  expect(seen).toEqual(["a"]);
});
