/** Changing settings: KIP-339's changes, checks by the schema, one transaction over several entities. */
import { expect, test } from "vitest";
import { Refused } from "../src/admin/refusal.ts";
import { valuesOfNewTopic } from "../src/config/alter-operation.ts";
import { contextOf, openSecret, sealPasswords } from "../src/config/secret.ts";
import { ALL_BROKERS } from "../src/config/entity.ts";
import { aes, broker, client, configuring, HOST, PATHS, remove, set, topic, user } from "./configuring.ts";

test("values are set and deleted one by one, and leave the others as they are", async () => {
  await using its = await configuring(["orders"]);
  const first = await its.alter(
    topic("orders"),
    set("min.insync.replicas", "2"),
    set("unclean.leader.election.enable", "true"),
  );
  expect(first).toEqual({ entity: topic("orders"), changed: true, version: 0 });
  expect(await its.alter(topic("orders"), set("min.insync.replicas", "3"))).toMatchObject({
    changed: true,
    version: 1,
  });
  expect(its.stored(topic("orders"))?.values).toEqual({
    "min.insync.replicas": "3",
    "unclean.leader.election.enable": "true",
  });
  await its.alter(topic("orders"), remove("min.insync.replicas"), remove("never.was.set"));
  expect(its.stored(topic("orders"))?.values).toEqual({ "unclean.leader.election.enable": "true" });
});

test("who changed it and when stand in the record, and its version counts the changes", async () => {
  await using its = await configuring();
  await its.request({ alterations: [{ entity: ALL_BROKERS, changes: [set("num.partitions", "4")] }] }, "alice");
  const aliceAt = its.stored(ALL_BROKERS)!.atMs;
  expect(aliceAt).toBe(its.client.clock.wallMs());
  await its.server.clock.advance(60_000);
  await its.request({ alterations: [{ entity: ALL_BROKERS, changes: [set("num.partitions", "8")] }] }, "bob");
  expect(its.stored(ALL_BROKERS)).toMatchObject({ by: "bob", values: { "num.partitions": "8" } });
  expect(its.stored(ALL_BROKERS)!.atMs).toBe(aliceAt + 60_000);
  expect(its.image.config("brokers", "<default>")?.version).toBe(1);
});

test("what is set already is not written again, so nobody is told of it", async () => {
  await using its = await configuring();
  await its.alter(ALL_BROKERS, set("num.partitions", "4"));
  const asked = its.server.requests().length;
  expect(await its.alter(ALL_BROKERS, set("num.partitions", "4"))).toEqual({
    entity: ALL_BROKERS,
    changed: false,
    version: 0,
  });
  expect(await its.alter(broker(1), remove("num.partitions"))).toEqual({
    entity: broker(1),
    changed: false,
    version: null,
  });
  expect(
    its.server
      .requests()
      .slice(asked)
      .map(({ op }) => op),
  ).not.toContain("multi");
});

test("an entity that nothing is set for any more has no znode, and its next one begins anew", async () => {
  await using its = await configuring();
  await its.alter(user("alice", "app"), set("producer_byte_rate", "1000"));
  expect(its.server.dump().map(({ path }) => path)).toContain(`${PATHS.config}/users/alice:app`);
  expect(await its.alter(user("alice", "app"), remove("producer_byte_rate"))).toMatchObject({
    changed: true,
    version: null,
  });
  expect(its.stored(user("alice", "app"))).toBe(undefined);
  expect(await its.alter(user("alice", "app"), set("producer_byte_rate", "2"))).toMatchObject({ version: 0 });
});

test("items are appended to a list once and subtracted from it; one that is not set begins as the default", async () => {
  await using its = await configuring(["orders"], { schema: HOST });
  const policy = (op: "append" | "subtract" | "set", value: string) =>
    its.alter(topic("orders"), { op, name: "cleanup.policy", value });
  const stored = (): string | undefined => its.stored(topic("orders"))?.values["cleanup.policy"];
  expect(await policy("append", "delete")).toMatchObject({ changed: false });
  expect(await policy("subtract", "compact")).toMatchObject({ changed: false });
  expect(stored()).toBe(undefined);
  await policy("append", "compact, delete");
  expect(stored()).toBe("delete,compact");
  await policy("subtract", "delete");
  expect(stored()).toBe("compact");
  await policy("subtract", "compact");
  expect(stored()).toBe("");
  expect(await its.alter(topic("orders"), remove("cleanup.policy"))).toMatchObject({ changed: true, version: null });
});

test("several entities change in one transaction, and everybody sees all of it or nothing", async () => {
  await using its = await configuring(["orders"]);
  const { image } = await its.reader();
  const seen: (readonly [number, number, string[]])[] = [];
  image.on(({ configs, zxid }) =>
    seen.push([zxid, configs.length, configs.map(({ now }) => `${now?.type}/${now?.entity}`)]),
  );
  await its.request({
    alterations: [
      { entity: topic("orders"), changes: [set("min.insync.replicas", "2")] },
      { entity: ALL_BROKERS, changes: [set("num.partitions", "4")] },
      { entity: client("app"), changes: [set("request_percentage", "12.5")] },
    ],
  });
  await image.atLeast(its.image.zxid);
  expect(seen).toEqual([[expect.any(Number), 3, ["topics/orders", "brokers/<default>", "clients/app"]]]);
});

test("one bad change refuses the whole request, and nothing is written", async () => {
  await using its = await configuring(["orders"]);
  const bad = {
    alterations: [
      { entity: ALL_BROKERS, changes: [set("num.partitions", "4")] },
      { entity: topic("orders"), changes: [set("min.insync.replicas", "0")] },
    ],
  };
  expect(() => its.decide(bad)).toThrow("topics orders: 'min.insync.replicas' is 0, less than 1");
  expect(its.stored(ALL_BROKERS)).toBe(undefined);
});

test("a change is conditional on what the controller saw: a second one of the same entity is refused, not lost", async () => {
  await using its = await configuring();
  await its.alter(ALL_BROKERS, set("num.partitions", "1"));
  const one = (value: string) =>
    its.decide({ alterations: [{ entity: ALL_BROKERS, changes: [set("num.partitions", value)] }] });
  const [first, second] = [one("2"), one("3")];
  await its.client.multi(first.together!);
  await expect(its.client.multi(second.together!)).rejects.toMatchObject({ code: "BAD_VERSION" });
  expect(its.stored(ALL_BROKERS)?.values).toEqual({ "num.partitions": "2" });
  // Also where both find nothing, and where one empties it.
  const [made, madeToo] = [7, 7].map((id) =>
    its.decide({ alterations: [{ entity: broker(id), changes: [set("min.insync.replicas", "2")] }] }),
  );
  await its.client.multi(made!.together!);
  await expect(its.client.multi(madeToo!.together!)).rejects.toMatchObject({ code: "NODE_EXISTS" });
});

test("a change can be meant for one version of the entity only", async () => {
  await using its = await configuring();
  const change = (ifVersion: number | null, value: string) =>
    its.request({ alterations: [{ entity: ALL_BROKERS, changes: [set("num.partitions", value)], ifVersion }] });
  await change(null, "1");
  await expect(change(null, "2")).rejects.toThrow("brokers <default> has version 0, not none");
  await change(0, "2");
  await expect(change(0, "3")).rejects.toMatchObject({ code: "INVALID_UPDATE_VERSION" });
  expect(its.stored(ALL_BROKERS)?.values).toEqual({ "num.partitions": "2" });
});

test("validate-only checks everything and writes nothing", async () => {
  await using its = await configuring();
  const args = (value: string) => ({
    alterations: [{ entity: ALL_BROKERS, changes: [set("num.partitions", value)] }],
    validateOnly: true,
  });
  expect(await its.request(args("4"))).toEqual([{ entity: ALL_BROKERS, changed: true, version: 0 }]);
  expect(its.decide(args("4")).together).toBe(undefined);
  expect(its.stored(ALL_BROKERS)).toBe(undefined);
  expect(() => its.decide(args("x"))).toThrow(Refused);
});

test("what is left of a topic that is gone can be deleted", async () => {
  await using its = await configuring(["orders"]);
  await its.alter(topic("orders"), set("min.insync.replicas", "2"));
  await its.client.delete(PATHS.topic("orders"));
  await its.image.atLeast(await its.client.sync());
  expect(await its.alter(topic("orders"), remove("min.insync.replicas"))).toMatchObject({
    changed: true,
    version: null,
  });
});

test("passwords are sealed by who asks, each for its one place, and stand in the tree as they come", async () => {
  await using its = await configuring([], { schema: HOST });
  const sealer = aes();
  const changes = [
    set("key.password", "hush"),
    set("listener.name.a.key.password", "hush"),
    set("max.connections", "5"),
  ];
  const sealed = sealPasswords(changes, { schema: HOST, entity: broker(1), sealer });
  expect(sealed.map(({ value }) => value?.includes("hush"))).toEqual([false, false, false]);
  expect(sealPasswords(sealed, { schema: HOST, entity: broker(1), sealer })).toEqual(sealed);
  await its.alter(broker(1), ...sealed);
  const values = its.stored(broker(1))!.values;
  expect(values).toEqual(Object.fromEntries(sealed.map(({ name, value }) => [name, value])));
  for (const key of ["key.password", "listener.name.a.key.password"]) {
    expect(openSecret(values[key]!, sealer, contextOf(broker(1), key))).toBe("hush");
    expect(() => openSecret(values[key]!, sealer, contextOf(broker(2), key))).toThrow();
  }
});

test("a cluster that takes plain passwords marks them, so that nobody shows them by mistake", async () => {
  await using its = await configuring([], { schema: HOST, passwords: "any" });
  await its.alter(broker(1), set("key.password", "hush"));
  expect(its.stored(broker(1))?.values).toEqual({ "key.password": "plain:hush" });
});

test("a new topic's values are checked by the same rules", () => {
  expect(valuesOfNewTopic("orders", { "cleanup.policy": "compact" }, { schema: HOST })).toEqual({
    "cleanup.policy": "compact",
  });
  expect(() => valuesOfNewTopic("orders", { "cleanup.policy": "x" }, { schema: HOST })).toThrow("is 'x', not one of");
  expect(() => valuesOfNewTopic("orders", { "num.partitions": "1" })).toThrow("is not set for topics");
});
