/** Topics, as administrators make, grow and delete them. */
import { describe, expect, test } from "vitest";
import { administered } from "./administering.ts";
import { fresh } from "./cluster.ts";

describe("creating topics", () => {
  test("a topic is there with all its partitions, spread over the brokers, when the call resolves", async () => {
    await using world = await administered();
    const made = await world.admin.createTopic({ name: "orders", partitions: 6, replicationFactor: 2 });
    expect(made).toMatchObject({ name: "orders", partitions: 6, replicationFactor: 2 });
    const stored = world.cluster.storedAll(made.id!);
    expect(stored.size).toBe(6);
  });
});
