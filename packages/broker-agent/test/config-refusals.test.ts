/** Changes of settings that are refused: bad values, bad arguments, too much. */
import { expect, test } from "vitest";
import { ENTITY_SETTINGS_MAX } from "../src/config/alter-operation.ts";
import { ALL_BROKERS } from "../src/config/entity.ts";
import { broker, client, configuring, HOST, remove, set, topic, user } from "./configuring.ts";

test.each<[string, object, unknown, string]>([
  [
    "a setting that there is not",
    topic("orders"),
    set("min.insync.replica", "2"),
    "there is no setting 'min.insync.replica' of topics",
  ],
  ["a name from the prototype", topic("orders"), set("constructor", "2"), "there is no setting 'constructor'"],
  [
    "a wrong type",
    topic("orders"),
    set("min.insync.replicas", "two"),
    "'min.insync.replicas' is 'two', not a whole number",
  ],
  ["a value out of range", topic("orders"), set("min.insync.replicas", "65"), "is 65, more than 64"],
  ["an item that may not be", topic("orders"), set("cleanup.policy", "drop"), "is 'drop', not one of delete, compact"],
  [
    "a broker's setting for a topic",
    topic("orders"),
    set("max.connections", "1"),
    "'max.connections' is not set for topics",
  ],
  [
    "one for all brokers, for one",
    broker(1),
    set("num.partitions", "1"),
    "'num.partitions' is set for all brokers only",
  ],
  ["a read-only one", ALL_BROKERS, set("log.dir", "/x"), "'log.dir' cannot be set while the cluster runs"],
  [
    "a listener's, of a setting for none",
    broker(1),
    set("listener.name.a.log.dir", "/x"),
    "there is no setting 'listener.name.a.log.dir'",
  ],
  ["a listener's, for a topic", topic("orders"), set("listener.name.a.max.connections", "1"), "there is no setting"],
  [
    "append to what is no list",
    topic("orders"),
    { op: "append", name: "min.insync.replicas", value: "1" },
    "append is for lists",
  ],
  ["a plain password", broker(1), set("key.password", "hush"), "'key.password' is a password: it must be sealed"],
  [
    "a quota of addresses for users",
    user("alice"),
    set("connection_creation_rate", "5"),
    "no setting 'connection_creation_rate' of users",
  ],
  ["a quota of users for addresses", { type: "ips", name: "10.0.0.1" }, set("producer_byte_rate", "5"), "of ips"],
  ["a setting of topics for users", user("alice"), set("min.insync.replicas", "1"), "of users"],
  ["a quota of nothing", client("app"), set("producer_byte_rate", "0"), "is 0, less than 1"],
])("%s is INVALID_CONFIG", async (_what, entity, change, why) => {
  await using its = await configuring(["orders"], { schema: HOST });
  const decide = () => its.decide({ alterations: [{ entity, changes: [change] }] });
  expect(decide).toThrow(why);
  expect(decide).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
});

test.each<[unknown, string, string]>([
  [null, "INVALID_REQUEST", "args is not an object"],
  [{}, "INVALID_REQUEST", "alterations is not a list"],
  [{ alterations: [7] }, "INVALID_REQUEST", "alterations[0] is not an object"],
  [{ alterations: [{ entity: { type: "x", name: "y" }, changes: [] }] }, "INVALID_REQUEST", "'x' is not one of"],
  [
    { alterations: [{ entity: { type: "users", name: 7 }, changes: [] }] },
    "INVALID_REQUEST",
    "entity.name is not a text",
  ],
  [
    { alterations: [{ entity: user("a"), changes: [{ op: "set", name: "x" }] }] },
    "INVALID_REQUEST",
    "value of 'x' is not a text",
  ],
  [{ alterations: [{ entity: user("a"), changes: [{ op: "add", name: "x" }] }] }, "INVALID_REQUEST", "op is 'add'"],
  [
    { alterations: [{ entity: user("a"), changes: [remove("x"), remove("x")] }] },
    "INVALID_REQUEST",
    "'x' is there twice",
  ],
  [
    { alterations: [1, 2].map(() => ({ entity: user("a"), changes: [] })) },
    "INVALID_REQUEST",
    "users a is there twice",
  ],
  [
    { alterations: [{ entity: topic("gone"), changes: [set("min.insync.replicas", "1")] }] },
    "UNKNOWN_TOPIC_OR_PARTITION",
    "gone",
  ],
  [{ alterations: new Array(401).fill({}) }, "LIMIT_EXCEEDED", "401 items, more than 400"],
])("arguments that nobody could mean are refused: %j is %s", async (args, code, why) => {
  await using its = await configuring();
  expect(() => its.decide(args)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(why) }));
});

test("an entity, and a transaction, has no more than its bound", async () => {
  const names = Array.from({ length: ENTITY_SETTINGS_MAX + 1 }, (_, at) => `s${at}`);
  const schema = Object.fromEntries(
    names.map((name) => [name, { type: "string", default: "", scope: "broker", doc: "" } as const]),
  );
  await using its = await configuring([], { schema });
  const some = (from: number, to: number, value = "") => names.slice(from, to).map((name) => set(name, value));
  await its.alter(broker(1), ...some(0, 600));
  expect(() => its.decide({ alterations: [{ entity: broker(1), changes: some(600, 1_001) }] })).toThrow(
    "1001 settings",
  );
  const large = [2, 3, 4].map((id) => ({ entity: broker(id), changes: some(0, 8, "x".repeat(25_000)) }));
  expect(() => its.decide({ alterations: large })).toThrow("more than 524288");
  const larger = { entity: broker(2), changes: some(0, 11, "x".repeat(25_000)) };
  expect(() => its.decide({ alterations: [larger] })).toThrow("262144 is the most");
});
