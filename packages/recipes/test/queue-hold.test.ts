/** A job in somebody's hands: until it is acknowledged, given back, or lost. */
import { op, text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { eventually } from "./faults/stage.ts";
import { errorOf, mail, nothingLeft, rest } from "./queueing.ts";

describe("holding a job", () => {
  test("a job whose holder is cut off is taken by another, and what the first one does then changes nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await mail(a).put("x");
    await a.create("/out");
    const job = await mail(a).takeOne();
    const events: string[] = [];
    job.signal.addEventListener("abort", () => events.push("lost"));
    const taking = mail(b).takeOne();
    void taking.then(() => events.push("taken"));
    const partition = server.faults.partition(a);
    await server.clock.advance(7_000);
    expect(events).toEqual(["lost", "taken"]);
    const second = await taking;
    expect(second).toMatchObject({ id: job.id, value: "x", attempt: 2 });
    expect(second.token).toBeGreaterThan(job.token);
    partition.end();
    await server.clock.advance(10_000);
    for (const late of [job.ack(), job.nack({ delayMs: 1_000 }), a.set("/out", null, { guard: job.guard })])
      await expect(late).rejects.toMatchObject({ code: "GUARD_FAILED", outcome: "no" });
    expect(await job.release()).toBe("was-gone");
    expect(second.isValid).toBe(true);
    expect(await second.verify()).toBe(true);
    expect(await mail(b).depth()).toBe(1);
    await second.ack();
    expect(rest(server)).toEqual(nothingLeft);
  });

  test("the server refuses an acknowledgement by a holder that has not noticed its loss", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a).takeOne();
    // It is taken away while nothing reaches the holder.
    const partition = server.faults.partition(a, { oneWay: "from-server" });
    await b.delete(job.path);
    const second = await mail(b).takeOne();
    const acking = errorOf(job.ack());
    await server.clock.advance(1_000);
    partition.end();
    await server.clock.advance(1_000);
    expect(await acking).toMatchObject({ code: "GUARD_FAILED", path: job.path });
    expect(await mail(b).depth()).toBe(1);
    await second.ack();
  });

  test("a job that is disposed of without having been acknowledged is given back at once, to its old place", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    await mail(client).put("b");
    {
      await using job = await mail(client).takeOne();
      expect(job.value).toBe("a");
    }
    await using again = await mail(client).takeOne();
    expect(again).toMatchObject({ value: "a", attempt: 2 });
  });

  test("a job that was acknowledged is disposed of without another request", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    let before = 0;
    {
      await using job = await mail(client).takeOne();
      await job.ack();
      before = server.requests().length;
    }
    expect(server.requests().length).toBe(before);
  });

  test("one who deletes the claim takes the job away from its holder, who learns of it", async () => {
    await using server = await startTestServer();
    const [a, admin] = [await server.connect(), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a).takeOne();
    await admin.delete(job.path);
    await server.clock.runUntilIdle();
    expect(job.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    await expect(job.ack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await mail(admin).takeOne()).toMatchObject({ attempt: 2 });
  });

  test("an acknowledgement whose reply is lost has happened once", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    await mail(client).put("b");
    const job = await mail(client).takeOne();
    server.faults.dropReply({ op: "multi" });
    await eventually(server, job.ack());
    expect((await mail(client).takeOne()).value).toBe("b");
    expect(await mail(client).depth()).toBe(1);
  });

  test("an acknowledgement that ran out of time goes on, and whoever repeats it learns what came of it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    const job = await mail(client).takeOne();
    const partition = server.faults.partition(client);
    const late = errorOf(job.ack({ timeoutMs: 1_000 }));
    await server.clock.advance(1_500);
    expect(await late).toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
    await expect(job.nack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    const again = job.ack();
    partition.end();
    await eventually(server, again);
    await job.ack();
    expect(rest(server)).toEqual(nothingLeft);
  });

  test("an acknowledgement whose session ends is of unknown outcome, and the job was either acknowledged or comes again", async () => {
    await using server = await startTestServer();
    for (const [isDone, fault] of [
      [false, "to-server"],
      [true, "from-server"],
    ] as const) {
      const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
      await mail(client).put("a");
      const job = await mail(client).takeOne();
      const partition = server.faults.partition(client, { oneWay: fault });
      const acking = errorOf(job.ack());
      await server.clock.advance(8_000);
      expect(await acking).toMatchObject({ code: "OUTCOME_UNKNOWN", outcome: "unknown" });
      partition.end();
      await server.clock.advance(8_000);
      expect(await mail(other).depth()).toBe(isDone ? 0 : 1);
      if (!isDone) await (await mail(other).takeOne()).ack();
    }
  });

  test("what is written with an acknowledgement happens with it, or neither does, and the job may still be ended", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const own = mail(client);
    await own.put("a");
    await client.create("/sent", "0", { codec: text });
    const job = await own.takeOne();
    const write = op.set("/sent", "1", { codec: text, ifMatch: { version: 7 } });
    await expect(job.ack({ operations: [op.check("/sent", { version: 0 }), write] })).rejects.toMatchObject({
      code: "BAD_VERSION",
      index: 1,
    });
    const guard = { path: "/leader", version: 0 };
    await expect(job.ack({ guard })).rejects.toMatchObject({ code: "GUARD_FAILED", path: "/leader" });
    expect(await own.depth()).toBe(1);
    await job.ack({ operations: [op.set("/sent", "1", { codec: text, ifMatch: { version: 0 } })] });
    expect(await own.depth()).toBe(0);
    expect((await client.get("/sent", { codec: text })).value).toBe("1");
  });

  test("a job whose acknowledgement was refused can be given back", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    const job = await mail(client).takeOne();
    await expect(job.ack({ guard: { path: "/none", version: 0 } })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    await job.nack({ reason: "not mine to do" });
    await expect(job.ack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await mail(client).takeOne()).toMatchObject({ attempt: 2 });
  });

  test("a holder asked to let go hears of it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    const job = await mail(client).takeOne();
    await client.set(job.path, '{"identity":"x","revoke":{"by":"ann","why":"deploy"}}', { codec: text });
    await server.clock.runUntilIdle();
    expect(job.revokeRequested.reason).toEqual({ by: "ann", why: "deploy" });
    expect(job.isValid).toBe(true);
    await job.ack();
  });
});

describe("visibility", () => {
  const options = { visibilityMs: 10_000 };

  test("a holder that neither ends its job nor extends it gives it back in time, though its session lives", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a, options).takeOne();
    const taking = mail(b).takeOne();
    await server.clock.advance(9_000);
    expect(job.validForMs).toBe(1_000);
    expect(job.isValid).toBe(true);
    await server.clock.advance(1_000);
    expect(job.isValid).toBe(false);
    expect(job.signal.reason).toMatchObject({ code: "TIMEOUT", limitName: "visibilityMs", limit: 10_000 });
    await expect(job.ack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(() => job.extend()).toThrow(expect.objectContaining({ code: "TIMEOUT" }));
    expect(await eventually(server, taking)).toMatchObject({ attempt: 2 });
  });

  test("a holder keeps its job for as long as it extends it, without a request", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("x");
    const job = await mail(client, options).takeOne();
    const before = server.requests().length;
    for (let i = 0; i < 20; i++) {
      await server.clock.advance(8_000);
      job.extend();
    }
    job.extend(60_000);
    await server.clock.advance(50_000);
    expect(job.isValid).toBe(true);
    expect(server.requests().length).toBe(before);
    await job.ack();
  });

  test("a holder whose process stands still loses its job with its session, long before its visibility ends", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a, { visibilityMs: 3_600_000 }).takeOne();
    const taking = mail(b).takeOne();
    server.faults.stallClient(a, 60_000);
    await server.clock.advance(8_000);
    expect(await eventually(server, taking, 1_000)).toMatchObject({ attempt: 2 });
    expect(job.isValid).toBe(false);
  });

  test("nothing is left of a job's time when it is ended, or its session is", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 6_000 } });
    /** Once the time limits of all calls are over. */
    const timers = async (): Promise<number> => {
      await server.clock.advance(20_000);
      return server.leaks().timers;
    };
    const before = await timers();
    for (const end of ["ack", "expire"]) {
      await mail(client).put("x");
      const job = await mail(client, { visibilityMs: 100_000 }).takeOne();
      expect(await timers()).toBe(before + 1);
      if (end === "ack") await job.ack();
      else await server.faults.expire(client);
      expect(await timers()).toBe(before);
    }
  });
});
