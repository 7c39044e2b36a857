import { expect, test } from "vitest";
import { connectHarness, errorOf } from "./harness.ts";

test("one time limit is for all the steps of a call", async () => {
  const { client, clock } = await connectHarness();
  const deadline = client.deadline("mine", { timeoutMs: 100 });
  expect(deadline.rest().timeoutMs).toBe(100);
  const paused = deadline.pause(60);
  await clock.advance(60);
  await paused;
  expect(deadline.rest().timeoutMs).toBe(40);
  const racing = deadline.race(new Promise(() => {}));
  racing.catch(() => {});
  await clock.advance(40);
  expect(await errorOf(racing)).toMatchObject({ code: "TIMEOUT", op: "mine", outcome: "no" });
  expect(() => {
    deadline.check();
  }).toThrow(expect.objectContaining({ code: "TIMEOUT" }));
  expect(await errorOf(deadline.pause(1))).toMatchObject({ code: "TIMEOUT" });
});

test("its signal ends what is waited for, and leaves no timer behind", async () => {
  const { client, clock } = await connectHarness();
  const before = clock.pendingTimers;
  const abort = new AbortController();
  const deadline = client.deadline("mine", { signal: abort.signal });
  const waiting = [deadline.race(new Promise(() => {})), deadline.pause(1_000)];
  for (const one of waiting) one.catch(() => {});
  abort.abort("enough");
  for (const one of waiting) expect(await errorOf(one)).toMatchObject({ code: "ABORTED", op: "mine", cause: "enough" });
  expect(clock.pendingTimers).toBe(before);
  const late = Promise.reject(new Error("nobody looks at it"));
  expect(await errorOf(deadline.race(late))).toMatchObject({ code: "ABORTED" });
});

test("without a limit of its own it has the client's", async () => {
  const { client } = await connectHarness({ timeoutMs: 1_234 });
  expect(client.deadline("mine").rest().timeoutMs).toBe(1_234);
  expect(client.deadline("mine", { timeoutMs: Infinity }).rest().timeoutMs).toBe(Infinity);
});
