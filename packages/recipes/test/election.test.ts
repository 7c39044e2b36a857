/** Election: who leads, who is told, and what becomes of the work of a leader. */
import { type Client, type CorralError, isCorralError } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { election, type Leader, type Leadership } from "../src/election.ts";
import { lock } from "../src/lock.ts";
import { chaos, validHolders } from "./faults/chaos.ts";
import { eventually } from "./faults/stage.ts";

const PATH = "/election";
const TIMEOUT_MS = 6_000;
const utf8 = new TextEncoder();

const connect = (server: TestServer): Promise<Client> => server.connect({ session: { timeoutMs: TIMEOUT_MS } });
const named = (client: Client, identity: string) => election(client, PATH, { identity });
const fails = (promise: Promise<unknown>): Promise<CorralError> =>
  promise.then(
    () => expect.unreachable("it must reject"),
    (error: unknown) => (isCorralError(error) ? error : expect.unreachable(String(error))),
  );
const sleep = (client: Client, ms: number): Promise<void> =>
  new Promise((resolve) => void client.clock.setTimeout(resolve, ms));
/** As work that ends when it is told to. */
const until = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
const candidatesLeft = (server: TestServer): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${PATH}/`));

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
  server.faults.at({ op: "create", nth: 3 }, () => {
    server.faults.partition(a, { oneWay: "from-server" });
  });
  const first = fails(named(a, "a").campaign());
  await server.clock.advance(100);
  // It is there, and nobody on this side knows.
  expect(server.dump().filter(({ owner }) => owner === former)).toHaveLength(1);
  await server.clock.advance(3 * TIMEOUT_MS);
  expect((await first).code).toBe("SESSION_EXPIRED");
  expect(candidatesLeft(server)).toEqual([]);
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

test("what the leader proclaims is shown with it, and goes with its term", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const watching = named(b, "b");
  expect(await watching.current()).toBeUndefined();
  const leader = await named(a, "a").campaign();
  expect(await watching.current()).toEqual({ identity: "a", term: leader.term, value: undefined, isMine: false });
  await leader.proclaim(utf8.encode("ws://a"));
  expect(await watching.current()).toMatchObject({ identity: "a", value: utf8.encode("ws://a") });
  expect(await named(a, "a").current()).toMatchObject({ isMine: true });
  const next = watching.campaign();
  await leader.resign();
  expect(await watching.current()).toEqual({ identity: "b", term: (await next).term, value: undefined, isMine: true });
});

test("of several values proclaimed at once the latest is shown in the end", async () => {
  await using server = await startTestServer({ latencyMs: 1 });
  const a = await connect(server);
  const leader = await eventually(server, named(a, "a").campaign());
  const all = Promise.all(Array.from({ length: 20 }, (_, i) => leader.proclaim(Uint8Array.of(i))));
  await eventually(server, all);
  expect(await eventually(server, named(a, "a").current())).toMatchObject({ value: Uint8Array.of(19) });
});

test("a value is shown as it was when it was proclaimed, whatever becomes of the bytes", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const leader = await named(a, "a").campaign();
  const bytes = Uint8Array.of(1, 2);
  const proclaiming = leader.proclaim(bytes);
  bytes.fill(0);
  await proclaiming;
  expect(await named(a, "a").current()).toMatchObject({ value: Uint8Array.of(1, 2) });
});

test("a proclamation and a request to resign do not undo each other", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const leader = await named(a, "a").campaign();
  const both = Promise.all([leader.proclaim(Uint8Array.of(1)), named(b, "b").requestRevoke("maintenance")]);
  expect((await eventually(server, both))[1]).toBe(true);
  await server.clock.advance(2_000);
  expect(leader.revokeRequested.reason).toEqual({ by: "b", why: "maintenance" });
  await leader.proclaim(Uint8Array.of(2));
  await server.clock.runUntilIdle();
  const stands = server.dump().find(({ path }) => path === leader.path);
  expect(JSON.parse(new TextDecoder().decode(stands!.data))).toEqual({
    identity: "a",
    value: "Ag==",
    revoke: { by: "b", why: "maintenance" },
  });
  expect(await named(b, "b").current()).toMatchObject({ value: Uint8Array.of(2) });
});

test("only who leads can proclaim: after the loss it rejects with why, and the next leader's value stands", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const first = await named(a, "a").campaign();
  const next = named(b, "b").campaign();
  await server.clock.runUntilIdle();
  expect(await named(b, "b").evict(first.term)).toBe(true);
  // The news may be underway still: whichever comes first, it does not happen.
  const refused = await fails(first.proclaim(Uint8Array.of(1)));
  expect(refused.code).toBe("GUARD_FAILED");
  expect(first.isValid).toBe(false);
  const second = await next;
  await second.proclaim(Uint8Array.of(2));
  expect(await fails(first.proclaim(Uint8Array.of(1)))).toMatchObject({ code: "GUARD_FAILED" });
  await first.resign();
  expect(await fails(first.proclaim(Uint8Array.of(1)))).toMatchObject({ code: "GUARD_FAILED" });
  await second.resign();
  expect(await fails(second.proclaim(Uint8Array.of(1)))).toMatchObject({ code: "CLOSED" });
});

test("a proclamation that is refused before the news of the loss has come ends the leadership here too", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await Promise.all([connect(server), connect(server)]);
  const leader = await eventually(server, named(a, "a").campaign());
  // On their way at the same time; the watch is used up by the change, so that nobody tells of the deletion.
  const evicting = Promise.all([b.set(leader.path, utf8.encode("?")), b.delete(leader.path)]);
  const proclaiming = sleep(a, 5).then(async () => [
    (await fails(leader.proclaim(Uint8Array.of(1)))).code,
    leader.isValid,
  ]);
  expect(await eventually(server, proclaiming)).toEqual(["GUARD_FAILED", false]);
  await evicting;
});

test("a proclamation never changes a znode that somebody else made in the leader's place", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await Promise.all([connect(server), connect(server)]);
  const leader = await eventually(server, named(a, "a").campaign());
  const replacing = Promise.all([b.delete(leader.path), b.create(leader.path, utf8.encode("mine"))]);
  const proclaiming = sleep(a, 5).then(() => fails(leader.proclaim(Uint8Array.of(1))));
  expect((await eventually(server, proclaiming)).code).toBe("GUARD_FAILED");
  await replacing;
  expect(server.dump().find(({ path }) => path === leader.path)).toMatchObject({ version: 0 });
});

test("a proclamation whose reply is lost is made once", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const leader = await named(a, "a").campaign();
  using dropped = server.faults.dropReply({ op: "set" });
  const stat = await eventually(server, leader.proclaim(Uint8Array.of(1)));
  expect(dropped.hits).toBe(1);
  expect(stat.version).toBe(1);
  expect(leader.isValid).toBe(true);
});

test("current costs two reads, whatever the number of candidates", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const over = new AbortController();
  const leader = await named(a, "a").campaign();
  const waiting = Array.from({ length: 50 }, (_, i) => fails(named(a, `${i}`).campaign({ signal: over.signal })));
  await server.clock.runUntilIdle();
  const before = server.requests({ client: 2 }).length;
  expect((await named(b, "b").current())?.term).toBe(leader.term);
  expect(server.requests({ client: 2 }).length - before).toBe(2);
  over.abort();
  await Promise.all(waiting);
});

test("current follows a leader that goes between its two reads", async () => {
  await using server = await startTestServer({ latencyMs: 1 });
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  const leader = await eventually(server, named(a, "a").campaign());
  const next = named(b, "b").campaign();
  await server.clock.advance(100);
  using struck = server.faults.at({ op: "children", client: 3 }, () => void leader.resign());
  // The resignation is on its way when the children are listed, and done when the first is read.
  server.faults.delayReply({ op: "children" }, 50);
  const current = await eventually(server, named(c, "c").current());
  expect(struck.hits).toBe(1);
  expect(current?.term).toBe((await next).term);
});

// ---- run: the selector ----

test("run leads, calls, and resigns when the call has ended", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const seen: number[] = [];
  await named(a, "a").run((leadership) => {
    expect(leadership.isValid).toBe(true);
    seen.push(leadership.term);
  });
  expect(seen).toHaveLength(1);
  expect(candidatesLeft(server)).toEqual([]);
  expect((await named(b, "b").campaign()).term).toBeGreaterThan(seen[0]!);
});

test("what run's work throws is thrown on after resigning, also with `again`", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const broken = new TypeError("broken");
  let calls = 0;
  const throws = (): never => {
    calls++;
    throw broken;
  };
  await expect(named(a, "a").run(throws)).rejects.toBe(broken);
  await expect(named(a, "a").run(throws, { again: true })).rejects.toBe(broken);
  expect(calls).toBe(2);
  expect(candidatesLeft(server)).toEqual([]);
});

test("run rejects with why the leadership was lost, once its work has ended, with what that came to as the cause", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  let hasEnded = false;
  const aborted = new Error("stopped");
  aborted.name = "AbortError";
  const running = fails(
    named(a, "a").run(async (_leadership, signal) => {
      await until(signal);
      await sleep(a, 1_000);
      hasEnded = true;
      throw aborted;
    }),
  );
  await server.clock.runUntilIdle();
  server.faults.partition(a);
  await server.clock.advance(TIMEOUT_MS + 500);
  expect(hasEnded).toBe(false);
  const error = await eventually(server, running);
  expect([error.code, error.cause, hasEnded]).toEqual(["SESSION_EXPIRED", aborted, true]);
});

test("with `again` the leader that lost its session leads anew in the next one, after its work has ended", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const stop = new AbortController();
  const events: string[] = [];
  let under = 0;
  const running = named(a, "a").run(
    async (leadership, signal) => {
      expect(++under).toBe(1);
      events.push("begins");
      await until(signal);
      expect(leadership.signal.aborted).toBe(!stop.signal.aborted);
      await sleep(a, 3_000);
      events.push("ends");
      under--;
    },
    { again: true, signal: stop.signal },
  );
  await server.clock.advance(1_000);
  await server.faults.expire(a);
  await server.clock.advance(2_000);
  // Back with a new session since long, and still one at a time.
  expect([events, a.state.name]).toEqual([["begins"], "connected"]);
  await server.clock.advance(5_000);
  expect(events).toEqual(["begins", "ends", "begins"]);
  stop.abort();
  await eventually(server, running);
  expect(events).toEqual(["begins", "ends", "begins", "ends"]);
  expect(candidatesLeft(server)).toEqual([]);
});

test("with `again` a work that ends lets the others lead in turn", async () => {
  await using server = await startTestServer();
  const clients = [await connect(server), await connect(server), await connect(server)];
  const stop = new AbortController();
  const order: number[] = [];
  const running = clients.map((client, i) =>
    named(client, `${i}`).run(
      async () => {
        order.push(i);
        await sleep(client, 1_000);
      },
      { again: true, signal: stop.signal },
    ),
  );
  await server.clock.advance(9_500);
  stop.abort();
  await eventually(server, Promise.all(running));
  expect(order.slice(0, 9)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
});

test("a work that does not stop within `stopGraceMs` is told by TIMEOUT, and no other is begun beside it", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  let calls = 0;
  const running = fails(
    named(a, "a").run(
      () => {
        calls++;
        return new Promise(() => {});
      },
      { again: true, stopGraceMs: 4_000 },
    ),
  );
  await server.clock.runUntilIdle();
  const next = named(b, "b").campaign();
  await server.clock.runUntilIdle();
  const partition = server.faults.partition(a);
  await server.clock.advance(TIMEOUT_MS + 3_000);
  partition.end();
  expect((await next).isValid).toBe(true);
  expect(calls).toBe(1);
  const error = await eventually(server, running, 2_000);
  expect([error.code, error.limitName, error.limit]).toEqual(["TIMEOUT", "stopGraceMs", 4_000]);
  expect((error.cause as CorralError).code).toBe("SESSION_EXPIRED");
  await server.clock.advance(60_000);
  expect(calls).toBe(1);
});

test("to stop a run tells its work while it still leads, and takes the leadership away if that does not end in time", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const stop = new AbortController();
  let mine: Leadership | undefined;
  const running = fails(
    named(a, "a").run(
      (leadership) => {
        mine = leadership;
        return new Promise(() => {});
      },
      { again: true, stopGraceMs: 4_000, signal: stop.signal },
    ),
  );
  await server.clock.runUntilIdle();
  const next = named(b, "b").campaign();
  stop.abort();
  await server.clock.advance(3_900);
  expect(mine!.isValid).toBe(true);
  expect(await eventually(server, running)).toMatchObject({ code: "TIMEOUT", limitName: "stopGraceMs" });
  expect(mine!.isValid).toBe(false);
  expect((await next).isValid).toBe(true);
});

test("a run that is stopped resolves with `again`, and rejects with ABORTED without if it did not lead", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const leader = await named(b, "b").campaign();
  const stop = new AbortController();
  const never = (): void => expect.unreachable("it never leads");
  const again = named(a, "a").run(never, { again: true, signal: stop.signal });
  const once = fails(named(a, "a").run(never, { signal: stop.signal }));
  await server.clock.advance(1_000);
  stop.abort();
  await again;
  expect((await once).code).toBe("ABORTED");
  await server.clock.runUntilIdle();
  expect(candidatesLeft(server)).toEqual([leader.path]);
});

test("what stopped work throws for being stopped does not make the run fail; another error does", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const runUntilStopped = async (why: unknown): Promise<void> => {
    const stop = new AbortController();
    const running = named(a, "a").run(
      async (_leadership, signal) => {
        await until(signal);
        throw why ?? signal.reason;
      },
      { again: true, signal: stop.signal },
    );
    await server.clock.runUntilIdle();
    stop.abort(new Error("enough"));
    await eventually(server, running);
  };
  await runUntilStopped(undefined);
  await runUntilStopped(new DOMException("no", "AbortError"));
  await expect(runUntilStopped(new RangeError("of its own"))).rejects.toThrow("of its own");
  expect(candidatesLeft(server)).toEqual([]);
});

test("a work that resigns by itself has not lost", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  await named(a, "a").run(async (leadership, signal) => {
    await leadership.resign();
    expect(signal.aborted).toBe(true);
    signal.throwIfAborted();
  });
  expect(candidatesLeft(server)).toEqual([]);
});

test("with `again` a leader that is evicted over and over campaigns once for each time, with pauses", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const stop = new AbortController();
  const terms: number[] = [];
  const running = named(a, "a").run(
    async ({ term }, signal) => {
      terms.push(term);
      await until(signal);
    },
    { again: true, signal: stop.signal },
  );
  const evictor = named(b, "b");
  for (let i = 0; i < 10; i++) {
    await server.clock.advance(1_000);
    const leader = await evictor.current();
    expect(await evictor.evict(leader!.term)).toBe(true);
    // However often it was lost: each term that was won makes up for the losses before.
    await server.clock.advance(20);
    expect(terms).toHaveLength(i + 2);
  }
  await server.clock.advance(1_000);
  expect(terms).toHaveLength(11);
  expect(terms).toEqual(terms.toSorted((x, y) => x - y));
  stop.abort();
  await eventually(server, running);
  const creates = server.requests({ op: "create", client: 1 }).filter(({ path }) => path!.startsWith(`${PATH}/`));
  // The first one finds no queue to stand in.
  expect(creates.length).toBeLessThanOrEqual(12);
});

test("a guarded write that is refused before the news of the loss has come does not end a run with `again`", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await Promise.all([connect(server), connect(server)]);
  const stop = new AbortController();
  const wasLost: boolean[] = [];
  const running = named(a, "a").run(
    async (leadership, signal) => {
      if (wasLost.length > 0) return stop.abort();
      const { path, guard } = leadership;
      // On their way at the same time; the watch is used up by the change, so that nobody tells of the deletion.
      const evicting = Promise.all([b.set(path, utf8.encode("?")), b.delete(path)]);
      await sleep(a, 5);
      const refused = await fails(a.create("/x", null, { guard, signal }));
      wasLost.push(leadership.signal.aborted);
      await evicting;
      throw refused;
    },
    { again: true, signal: stop.signal },
  );
  await eventually(server, running);
  expect(wasLost).toEqual([false]);
});

test("a run ends with the client: it rejects with CLOSED, and its work is told", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  let wasTold = false;
  const running = fails(
    named(a, "a").run(
      async (_leadership, signal) => {
        await until(signal);
        wasTold = true;
      },
      { again: true },
    ),
  );
  await server.clock.runUntilIdle();
  await a.close();
  expect((await eventually(server, running)).code).toBe("CLOSED");
  expect(wasTold).toBe(true);
});

test("a run leaves no listener at the signals that it was given, however often it leads", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const stop = new AbortController();
  let [added, removed] = [0, 0];
  const { signal } = stop;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => (added++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (removed++, remove(...args));
  let turns = 0;
  await eventually(
    server,
    named(a, "a").run(
      () => {
        if (++turns === 20) stop.abort();
      },
      { again: true, signal },
    ),
  );
  expect(turns).toBe(20);
  expect(added).toBeGreaterThan(0);
  expect(added).toBe(removed);
});

test("a grace that is no time is refused with BAD_ARGUMENTS", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  for (const stopGraceMs of [-1, Number.NaN])
    expect(await fails(named(a, "a").run(() => {}, { stopGraceMs }))).toMatchObject({
      code: "BAD_ARGUMENTS",
      limitName: "stopGraceMs",
    });
  expect(() => election(a, PATH, { identity: "x".repeat(1_025) })).toThrow("identity");
});

// ---- observe ----

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

// ---- clocks and stalls ----

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

// ---- whatever happens ----

const CANDIDATES = 3;
/** In whatever session. */
async function answered(client: Client): Promise<void> {
  try {
    await client.sync("/", { timeoutMs: Infinity });
  } catch (error) {
    if (!isCorralError(error, "SESSION_EXPIRED")) throw error;
    await answered(client);
  }
}

/** Faults that can cost all candidates their places. */
const STRIKES_ALL = /^(cut all|partition all|restart|crash|server stall|drop)/;

test.each(Array.from({ length: 24 }, (_, i) => i + 1))(
  "chaos of seed %i: never two leaders, terms that rise, one leader soon after, and no more campaigns than losses",
  async (seed) => {
    await using server = await startTestServer({ seed, latencyMs: 1, log: seed % 4 === 0 ? "file" : "memory" });
    const clients = await Promise.all(Array.from({ length: CANDIDATES }, () => connect(server)));
    const observer = await connect(server);
    const holders = validHolders(1);
    const stop = new AbortController();
    const running = clients.map((client, i) =>
      named(client, `${i}`).run(
        (leadership, signal) => {
          holders.add(client, leadership);
          return until(signal);
        },
        { again: true, signal: stop.signal },
      ),
    );
    const observed: number[] = [];
    const observing = (async () => {
      for await (const leader of named(observer, "").observe({ signal: stop.signal }))
        if (leader !== undefined) observed.push(leader.term);
    })();
    const { struck } = await chaos({
      server,
      clients: [...clients, observer],
      seed,
      steps: 50,
      always: (now) => holders.check(now),
    });
    // The last fault is over when the server answers.
    await eventually(server, answered(observer));
    await server.clock.advance(2 * TIMEOUT_MS);
    const leader = await eventually(server, named(observer, "").current());
    const candidates = await eventually(server, named(observer, "").candidates());
    expect(candidates.map(({ holds }) => holds)).toEqual([true, false, false]);
    expect(observed.at(-1)).toBe(leader?.term);
    expect(observed).toEqual(observed.toSorted((x, y) => x - y));
    expect(holders.count).toBeGreaterThan(1);
    expect(holders.most).toBe(1);

    const losses = struck.reduce((sum, what) => sum + (STRIKES_ALL.test(what) ? CANDIDATES : 1), 0);
    const creates = server.requests({ op: "create" }).filter(({ path }) => path?.startsWith(`${PATH}/`));
    const campaigns = new Set(creates.map(({ session, xid }) => `${session} ${xid}`)).size;
    expect(campaigns).toBeLessThanOrEqual(CANDIDATES + losses);

    stop.abort();
    await eventually(server, Promise.all([...running, observing]));
    await server.clock.advance(1_000);
    expect(candidatesLeft(server)).toEqual([]);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  },
);
