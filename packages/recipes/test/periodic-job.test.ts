/** A job that the leader runs once a period: when it runs, where, and what is promised of it. */
import { READ_ACL } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { election } from "../src/election.ts";
import type { Turn } from "../src/periodic-job.ts";
import { connect, sleep, TIMEOUT_MS, until, utf8 } from "./electing.ts";
import { eventually } from "./faults/stage.ts";
import { apart, EVERY_MS, member, PATH, type Ran } from "./periodic-member.ts";

const LAST = `${PATH}/last`;
const HOUR_MS = 3_600_000;

test("the job runs at once, and then once a period, by one member of the cluster", async () => {
  await using server = await startTestServer();
  const clients = [await connect(server), await connect(server), await connect(server)];
  const ran: Ran[] = [];
  const jobs = clients.map((client, i) => member(client, `${i}`, ran));
  await server.clock.runUntilIdle();
  expect(ran.map(({ by }) => by)).toEqual(["0"]);
  expect(jobs.map(({ isLeader }) => isLeader)).toEqual([true, false, false]);
  await server.clock.advance(10.5 * EVERY_MS);
  expect(ran).toHaveLength(11);
  expect(new Set(ran.map(({ by }) => by)).size).toBe(1);
  for (const gap of apart(ran)) expect(gap).toBeLessThan(EVERY_MS + 100);
  for (const gap of apart(ran)) expect(gap).toBeGreaterThanOrEqual(EVERY_MS);
  expect(await jobs[2]!.last()).toEqual({ at: ran[10]!.at, identity: "0", term: ran[0]!.term });
  await Promise.all(jobs.map((job) => job.stop()));
  expect(jobs.map(({ isLeader }) => isLeader)).toEqual([false, false, false]);
});

test("a new leader runs neither early nor late: when the period of the last run is over", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const ran: Ran[] = [];
  const first = member(a, "a", ran);
  await server.clock.runUntilIdle();
  member(b, "b", ran);
  await server.clock.advance(0.4 * EVERY_MS);
  await first.stop();
  await server.clock.advance(0.59 * EVERY_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a"]);
  await server.clock.advance(0.02 * EVERY_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", "b"]);
  expect(apart(ran)[0]).toBeGreaterThanOrEqual(EVERY_MS);
  expect(ran[1]!.term).toBeGreaterThan(ran[0]!.term);
});

test("a leader that is lost is replaced in time: the run that is due while nobody leads is made up once", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const ran: Ran[] = [];
  member(a, "a", ran);
  await server.clock.runUntilIdle();
  member(b, "b", ran);
  await server.clock.advance(EVERY_MS - 1_000);
  const partition = server.faults.partition(a);
  await server.clock.advance(2 * TIMEOUT_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", "b"]);
  partition.end();
  await server.clock.advance(10 * EVERY_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", ...Array.from({ length: 11 }, () => "b")]);
});

test("periods that passed while no member was there are made up by one run, not by many", async () => {
  await using server = await startTestServer();
  const client = await connect(server);
  const ran: Ran[] = [];
  const first = member(client, "a", ran);
  await server.clock.runUntilIdle();
  await first.stop();
  await server.clock.advance(7.5 * EVERY_MS);
  member(client, "b", ran);
  await server.clock.advance(0.9 * EVERY_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", "b"]);
  await server.clock.advance(0.2 * EVERY_MS);
  expect(ran).toHaveLength(3);
});

test("a run that takes longer than a period is not overlapped: the next one follows at once", async () => {
  await using server = await startTestServer();
  const client = await connect(server);
  const ran: Ran[] = [];
  let under = 0;
  const job = member(client, "a", ran, {
    run: async ({ signal }) => {
      expect(++under).toBe(1);
      await Promise.race([sleep(client, 2.5 * EVERY_MS), until(signal)]);
      under--;
    },
  });
  await server.clock.advance(10 * EVERY_MS + 1_000);
  expect(ran).toHaveLength(5);
  for (const gap of apart(ran)) expect(gap).toBeLessThan(2.5 * EVERY_MS + 100);
  await eventually(server, job.stop());
});

test("what a run throws is told to onError and stops nothing, and nor does what onError throws", async () => {
  await using server = await startTestServer();
  const client = await connect(server);
  const ran: Ran[] = [];
  const errors: unknown[] = [];
  const broken = new RangeError("broken");
  const uncaught: unknown[] = [];
  const catchIt = (error: unknown): void => void uncaught.push(error);
  const others = process.rawListeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", catchIt);
  try {
    const job = member(client, "a", ran, {
      run: () => {
        throw broken;
      },
      onError: (error) => {
        errors.push(error);
        throw new TypeError("the hook is broken too");
      },
    });
    await server.clock.advance(3.5 * EVERY_MS);
    await job.stop();
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other as (error: unknown) => void);
  }
  expect(errors).toEqual([broken, broken, broken, broken]);
  expect(uncaught).toHaveLength(4);
});

test("a run is told by its signal that its leader was lost, and the period is not run a second time", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const ran: Ran[] = [];
  let told: Turn | undefined;
  member(a, "a", ran, {
    run: async (turn) => {
      await until(turn.signal);
      told = turn;
      turn.signal.throwIfAborted();
    },
  });
  await server.clock.runUntilIdle();
  member(b, "b", ran);
  server.faults.partition(a);
  await server.clock.advance(2 * TIMEOUT_MS);
  expect(told?.leadership.isValid).toBe(false);
  expect(ran.map(({ by }) => by)).toEqual(["a"]);
  await server.clock.advance(EVERY_MS - TIMEOUT_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", "b"]);
  expect(apart(ran)[0]).toBeGreaterThanOrEqual(EVERY_MS);
});

test("a run that does not stop is told to onError by TIMEOUT, and this member takes part no more", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const ran: Ran[] = [];
  const errors: unknown[] = [];
  const job = member(a, "a", ran, { run: () => new Promise(() => {}), stopGraceMs: 5_000, errors });
  await server.clock.runUntilIdle();
  member(b, "b", ran);
  await server.faults.expire(a);
  await eventually(server, job.ended);
  expect(errors).toMatchObject([expect.objectContaining({ code: "TIMEOUT", op: "election.run" })]);
  await server.clock.advance(5 * EVERY_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", "b", "b", "b", "b", "b"]);
});

test("stop waits for the run under way, resigns, and leaves the last beginning for the next member", async () => {
  await using server = await startTestServer();
  const client = await connect(server);
  const ran: Ran[] = [];
  let hasEnded = false;
  const job = member(client, "a", ran, {
    run: async ({ signal, leadership }) => {
      await until(signal);
      expect(leadership.isValid).toBe(true);
      await sleep(client, 2_000);
      hasEnded = true;
    },
  });
  await server.clock.runUntilIdle();
  const stopping = job.stop();
  await server.clock.advance(1_000);
  expect(hasEnded).toBe(false);
  await eventually(server, stopping);
  expect(hasEnded).toBe(true);
  expect(await job.last()).toMatchObject({ identity: "a" });
  await job[Symbol.asyncDispose]();
  await server.clock.runUntilIdle();
  expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  expect(server.dump().filter(({ path }) => path.startsWith(`${PATH}/candidates/`))).toEqual([]);
});

test("a beginning whose reply is lost is one beginning", async () => {
  await using server = await startTestServer();
  const client = await connect(server);
  const ran: Ran[] = [];
  using dropped = server.faults.dropReply({ op: "create", path: LAST });
  member(client, "a", ran);
  await server.clock.advance(1_000);
  expect([dropped.hits, ran.length]).toEqual([1, 1]);
  using again = server.faults.dropReply({ op: "set", path: LAST });
  await server.clock.advance(EVERY_MS);
  expect([again.hits, ran.length]).toEqual([1, 2]);
  expect(server.dump().find(({ path }) => path === LAST)?.version).toBe(1);
});

test("a beginning that was written by a leader that did not live to learn of it counts: the period is not run twice", async () => {
  await using server = await startTestServer({ latencyMs: 1 });
  const [a, b] = [await connect(server), await connect(server)];
  const ran: Ran[] = [];
  member(a, "a", ran);
  await server.clock.advance(100);
  member(b, "b", ran);
  await server.clock.advance(100);
  // From the moment at which the second beginning is sent, nothing comes back.
  server.faults.at({ op: "set", path: LAST, client: 1 }, () => {
    server.faults.partition(a, { oneWay: "from-server" });
  });
  await server.clock.advance(EVERY_MS + 2 * TIMEOUT_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a"]);
  expect((await eventually(server, b.get(LAST))).stat.version).toBe(1);
  await server.clock.advance(EVERY_MS - TIMEOUT_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", "b"]);
});

test("one who was evicted, and has not heard of it, cannot begin", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await Promise.all([connect(server), connect(server)]);
  const ran: Ran[] = [];
  member(a, "a", ran);
  await server.clock.advance(1_000);
  const leader = (await eventually(server, b.children(`${PATH}/candidates`)))[0]!;
  // While it begins the next run. The watch is used up by the change, so that nobody tells of the deletion.
  using struck = server.faults.at({ op: "get", path: LAST, client: 1 }, () => {
    void b.set(`${PATH}/candidates/${leader}`, utf8.encode("?"));
    void b.delete(`${PATH}/candidates/${leader}`);
  });
  await server.clock.advance(EVERY_MS);
  expect([struck.hits, ran.length]).toEqual([1, 2]);
  // The run that was due was begun by the next leader, once.
  expect(ran[1]!.term).toBeGreaterThan(ran[0]!.term);
  expect(server.dump().find(({ path }) => path === LAST)?.version).toBe(1);
});

test("one who stood still over the end of its session and of the period does not begin", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const ran: Ran[] = [];
  member(a, "a", ran);
  await server.clock.runUntilIdle();
  member(b, "b", ran);
  await server.clock.advance(EVERY_MS / 2);
  server.faults.stallClient(a, EVERY_MS);
  await server.clock.advance(2.2 * EVERY_MS);
  expect(ran.map(({ by }) => by)).toEqual(["a", "b", "b"]);
  for (const gap of apart(ran)) expect(gap).toBeGreaterThanOrEqual(EVERY_MS);
});

test("wall clocks of members that are an hour wrong, either way, change nothing", async () => {
  const runAt = async (skews: readonly number[]): Promise<(readonly [string, number])[]> => {
    await using server = await startTestServer();
    const clients = [await connect(server), await connect(server), await connect(server)];
    const observer = await connect(server);
    for (const [i, skew] of skews.entries()) server.faults.jumpClock(clients[i]!, skew);
    // A jump forward may cost a session, which the skew that stays does not.
    await server.clock.advance(20_000);
    const ran: Ran[] = [];
    const jobs = clients.map((client, i) => member(client, `${i}`, ran));
    const over = new AbortController();
    const leaders = new Map<number, string>();
    const observing = (async () => {
      for await (const leader of election(observer, `${PATH}/candidates`).observe({ signal: over.signal }))
        if (leader !== undefined) leaders.set(leader.term, leader.identity);
    })();
    await server.clock.advance(2.4 * EVERY_MS);
    const partition = server.faults.partition(clients[0]!);
    await server.clock.advance(1.2 * EVERY_MS);
    partition.end();
    await jobs[1]!.stop();
    await server.clock.advance(3 * EVERY_MS);
    over.abort();
    await observing;
    expect([...leaders.values()]).toEqual(["0", "1", "2"]);
    return ran.map(({ by, at }) => [by, Math.round((at - ran[0]!.at) / 1_000)]);
  };
  const right = await runAt([0, 0, 0]);
  expect(right.map(([by]) => by)).toEqual(["0", "0", "0", "1", "2", "2", "2"]);
  expect(await runAt([HOUR_MS, -HOUR_MS, 0])).toEqual(right);
  expect(await runAt([-HOUR_MS, HOUR_MS, -HOUR_MS])).toEqual(right);
  expect(await runAt([HOUR_MS, HOUR_MS, HOUR_MS])).toEqual(right);
});

test("a period costs one read and one write, and a member that does not lead nothing", async () => {
  await using server = await startTestServer();
  const clients = [await connect(server), await connect(server), await connect(server)];
  const ran: Ran[] = [];
  for (const [i, client] of clients.entries()) member(client, `${i}`, ran);
  await server.clock.advance(1_000);
  const before = server.requests().length;
  await server.clock.advance(10 * EVERY_MS);
  expect(ran).toHaveLength(11);
  expect(server.requests().slice(before)).toHaveLength(20);
});

test("whoever deletes the last beginning makes the job due for the next leader; other data there is a run of nobody's", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const ran: Ran[] = [];
  const first = member(a, "a", ran);
  await server.clock.runUntilIdle();
  await server.clock.advance(1_000);
  await first.stop();
  await b.set(LAST, utf8.encode("postponed"));
  const second = member(a, "b", ran);
  expect(await second.last()).toMatchObject({ identity: "postponed", term: 0 });
  await server.clock.advance(EVERY_MS - 1_000);
  expect(ran).toHaveLength(1);
  await second.stop();
  await b.delete(LAST);
  expect(await second.last()).toBeUndefined();
  member(b, "c", ran);
  await server.clock.runUntilIdle();
  expect(ran.map(({ by }) => by)).toEqual(["a", "c"]);
});

test("a job ends with its client, and what the server refuses for good is told to onError", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const errors: unknown[] = [];
  const closed = member(a, "a", [], { errors });
  await server.clock.runUntilIdle();
  await a.close();
  await eventually(server, closed.ended);
  expect(errors).toMatchObject([expect.objectContaining({ code: "CLOSED" })]);
  // No member may create anything below the job's znode.
  await b.delete(PATH, { recursive: true });
  await b.create(PATH, null, { parents: true, acl: READ_ACL });
  const refused = member(b, "b", [], { errors });
  await eventually(server, refused.ended);
  expect(errors).toMatchObject(["CLOSED", "NO_AUTH"].map((code) => expect.objectContaining({ code })));
});

test("a period that is none is refused with BAD_ARGUMENTS", async () => {
  await using server = await startTestServer();
  const client = await connect(server);
  for (const everyMs of [0, -1, Number.NaN, Infinity])
    expect(() => member(client, "a", [], { everyMs })).toThrow(/everyMs/);
  await server.clock.runUntilIdle();
  expect(server.leaks()).toMatchObject({ ephemerals: 0, waiting: 0 });
});
