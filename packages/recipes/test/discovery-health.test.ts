/** Instances that fail are left out for a while. */
import { describe, expect, test } from "vitest";
import type { Consumer } from "../src/discovery.ts";
import { idsOf, type Meta, picks, served } from "./discovering.ts";
import { soon } from "./soon.ts";

describe("health", () => {
  const report = async (consumer: Consumer<Meta>, id: string, failed: boolean): Promise<void> => {
    for (;;) {
      const picked = await consumer.pick();
      if (picked.id !== id) continue;
      return picked.report(failed);
    }
  };

  test("an instance is left out after so many errors within a while, for as long, and then back with a clean record", async () => {
    const { server, consumer } = await served(["a", "b", "c"], { downAfterErrors: 3, downForMs: 10_000 });
    for (let i = 0; i < 2; i++) await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(false);
    await server.clock.advance(9_000);
    await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(true);
    expect(new Set(await picks(consumer, 20))).toEqual(new Set(["b", "c"]));
    await server.clock.advance(9_999);
    expect(consumer.isDown("a")).toBe(true);
    await server.clock.advance(1);
    expect(consumer.isDown("a")).toBe(false);
    for (let i = 0; i < 2; i++) await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(false);
    await server.close();
  });

  test("errors that are too far apart do not add up", async () => {
    const { server, consumer } = await served(["a", "b"], { downAfterErrors: 2, downForMs: 10_000 });
    for (let i = 0; i < 5; i++) {
      await report(consumer, "a", true);
      await server.clock.advance(10_000);
    }
    expect(consumer.isDown("a")).toBe(false);
    await server.close();
  });

  test("a success clears what has failed; a pick counts once", async () => {
    const { server, consumer } = await served(["a", "b"], { downAfterErrors: 2 });
    await report(consumer, "a", true);
    await report(consumer, "a", false);
    await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(false);
    let picked = await consumer.pick();
    while (picked.id !== "b") picked = await consumer.pick();
    for (let i = 0; i < 5; i++) picked.report(true);
    expect(consumer.isDown("b")).toBe(false);
    await server.close();
  });

  test("if all are down, all are asked again", async () => {
    const { server, consumer } = await served(["a", "b"], { downAfterErrors: 1 });
    await report(consumer, "a", true);
    expect(new Set(await picks(consumer, 6))).toEqual(new Set(["b"]));
    await report(consumer, "b", true);
    expect(new Set(await picks(consumer, 6))).toEqual(new Set(["a", "b"]));
    await server.close();
  });

  test("a new life of an instance has a clean record, and reports of the old one do not touch it", async () => {
    const { server, provider, consumer } = await served(["a", "b"], { downAfterErrors: 1 });
    const late = await consumer.pick();
    await report(consumer, late.id, true);
    expect(consumer.isDown(late.id)).toBe(true);
    await soon(server, server.faults.expire(provider), 1_000);
    expect(idsOf(consumer.instances)).toEqual(["a", "b"]);
    expect(consumer.isDown(late.id)).toBe(false);
    await report(consumer, late.id, true);
    expect(consumer.isDown(late.id)).toBe(true);
    late.report(true);
    expect(consumer.isDown(late.id)).toBe(true);
    await server.close();
  });
});
