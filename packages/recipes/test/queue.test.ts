/** A queue: jobs go in, are taken in their order, and are gone when they are done. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { eventually } from "./faults/stage.ts";
import { mail, nothingLeft, PATH, rest } from "./queueing.ts";

describe("the queue", () => {
  test("a job that was put is taken, and is gone when it is acknowledged", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const { id, isNew } = await mail(a).put("to ann");
    expect(isNew).toBe(true);
    expect(await mail(a).depth()).toBe(1);
    const job = await mail(b).takeOne();
    expect(job).toMatchObject({ id, value: "to ann", attempt: 1, priority: 5, isValid: true, name: PATH });
    expect(await mail(a).depth()).toBe(1);
    await job.ack();
    expect(job.isValid).toBe(false);
    expect(job.signal.reason).toMatchObject({ code: "CLOSED" });
    expect(await mail(a).depth()).toBe(0);
    expect(rest(server)).toEqual(nothingLeft);
  });

  test("jobs are taken by priority, and of one priority in the order in which they were put", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a).put("5a");
    await mail(b).put("9", { priority: 9 });
    await mail(b).put("5b", { id: "an id" });
    await mail(a).put("0", { priority: 0 });
    await mail(a).put("5c", { priority: 5 });
    const taken: string[] = [];
    for (let i = 0; i < 5; i++) {
      const job = await mail(i % 2 === 0 ? a : b).takeOne();
      taken.push(job.value);
      await job.ack();
    }
    expect(taken).toEqual(["0", "5a", "5b", "5c", "9"]);
  });

  test("a take loop gives one job after the other until its signal is aborted", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const stop = new AbortController();
    const taken: string[] = [];
    const working = (async () => {
      for await (const job of mail(client).take({ signal: stop.signal })) {
        taken.push(job.value);
        await job.ack();
      }
    })();
    for (const value of ["a", "b", "c"]) await mail(client).put(value);
    await server.clock.runUntilIdle();
    stop.abort();
    await eventually(server, working);
    await server.clock.runUntilIdle();
    expect(taken).toEqual(["a", "b", "c"]);
    expect(rest(server)).toEqual(nothingLeft);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
  });
});
