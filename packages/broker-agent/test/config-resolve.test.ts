/** Which value counts, how it is described, and what is never shown. */
import { expect, test } from "vitest";
import { ALL_BROKERS, type ConfigEntity } from "../src/config/entity.ts";
import { describeConfig, type DescribedSetting, type DescribeOptions } from "../src/config/describe.ts";
import { LiveSettings } from "../src/config/live-settings.ts";
import { sealPasswords } from "../src/config/secret.ts";
import { settingOf } from "../src/config/settings.ts";
import { configCodec } from "../src/records.ts";
import { aes, broker, client, type Configuring, configuring, HOST, PATHS, remove, set, topic } from "./configuring.ts";

const SEALER = aes();

function described(
  its: Configuring,
  entity: ConfigEntity,
  name: string,
  options: DescribeOptions = {},
): DescribedSetting {
  const found = describeConfig(its.image, entity, { schema: HOST, ...options }).settings.find(
    (one) => one.name === name,
  );
  if (found === undefined) throw new Error(`${name} is not described`);
  return found;
}
const live = (its: Configuring, more: object = {}) =>
  new LiveSettings(its.image, { schema: HOST, broker: 1, sealer: SEALER, onError: () => {}, ...more });

test("the topic's value goes before the broker's, that before all brokers', that before the static one, that before the default", async () => {
  await using its = await configuring(["orders"], { schema: HOST });
  const [statics, name] = [{ "log.retention.ms": "200" }, "log.retention.ms"] as const;
  const settings = live(its, { statics });
  const counts = () => {
    const { value, source } = described(its, topic("orders"), name, { statics, broker: 1 });
    expect(settings.get(name, { topic: "orders" })).toBe(Number(value));
    return [value, source];
  };
  expect(live(its).get(name, { topic: "orders" })).toBe(100);
  expect(counts()).toEqual(["200", "STATIC_BROKER_CONFIG"]);
  await its.alter(ALL_BROKERS, set(name, "300"));
  expect(counts()).toEqual(["300", "DYNAMIC_DEFAULT_BROKER_CONFIG"]);
  await its.alter(broker(1), set(name, "400"));
  await its.alter(broker(2), set(name, "1"));
  expect(counts()).toEqual(["400", "DYNAMIC_BROKER_CONFIG"]);
  await its.alter(topic("orders"), set(name, "500"));
  expect(counts()).toEqual(["500", "DYNAMIC_TOPIC_CONFIG"]);
  expect(settings.get(name)).toBe(400);
  expect(described(its, topic("orders"), name, { statics, broker: 1 }).synonyms).toEqual([
    { source: "DYNAMIC_TOPIC_CONFIG", name, value: "500" },
    { source: "DYNAMIC_BROKER_CONFIG", name, value: "400" },
    { source: "DYNAMIC_DEFAULT_BROKER_CONFIG", name, value: "300" },
    { source: "STATIC_BROKER_CONFIG", name, value: "200" },
    { source: "DEFAULT_CONFIG", name, value: "100" },
  ]);
  await its.alter(broker(1), remove(name));
  await its.alter(topic("orders"), remove(name));
  expect(counts()).toEqual(["300", "DYNAMIC_DEFAULT_BROKER_CONFIG"]);
});

test("a value for one listener goes before every value for any, and for that listener only", async () => {
  await using its = await configuring([], { schema: HOST });
  const [name, key] = ["max.connections", "listener.name.clients.max.connections"] as const;
  const settings = live(its, { statics: { "listener.name.inner.max.connections": "7" } });
  await its.alter(ALL_BROKERS, set(key, "20"));
  await its.alter(broker(1), set(name, "30"));
  expect(settings.get(name)).toBe(30);
  expect(settings.get(name, { listener: "clients" })).toBe(20);
  expect(settings.get(name, { listener: "inner" })).toBe(7);
  expect(settings.get(name, { listener: "other" })).toBe(30);
  expect(described(its, broker(1), name).value).toBe("30");
  await its.alter(broker(1), set(key, "21"));
  expect(described(its, broker(1), key)).toMatchObject({
    value: "21",
    source: "DYNAMIC_BROKER_CONFIG",
    synonyms: [
      { name: key, value: "21" },
      { name: key, value: "20" },
      { name, value: "30" },
      { name, value: "10", source: "DEFAULT_CONFIG" },
    ],
  });
});

test("the package's own settings are looked up in the same order, also for topics with a dot", async () => {
  await using its = await configuring(["my.topic"]);
  const name = "min.insync.replicas";
  const values = () =>
    [{}, { broker: 1 }, { topic: "my.topic" }, { topic: "my.topic", broker: 1 }].map((at) =>
      settingOf(its.image, name, at),
    );
  expect(values()).toEqual(["1", "1", "1", "1"]);
  await its.alter(ALL_BROKERS, set(name, "2"));
  await its.alter(broker(1), set(name, "3"));
  expect(values()).toEqual(["2", "3", "2", "3"]);
  await its.alter(topic("my.topic"), set(name, "4"));
  expect(values()).toEqual(["2", "3", "4", "4"]);
});

test("a value against the rules, from another release or another hand, is passed over and shown as such", async () => {
  await using its = await configuring(["orders"], { schema: HOST });
  await its.alter(ALL_BROKERS, set("min.insync.replicas", "2"));
  const record = { values: { "min.insync.replicas": "many", "from.the.future": "x" }, by: "hand", atMs: 5 };
  await its.client.create(PATHS.configOf("topics", "orders"), record, { codec: configCodec, parents: true });
  await its.image.atLeast(await its.client.sync());
  expect(settingOf(its.image, "min.insync.replicas", { topic: "orders" })).toBe("2");
  expect(live(its).get("min.insync.replicas", { topic: "orders" })).toBe(2);
  const { synonyms, ...counts } = described(its, topic("orders"), "min.insync.replicas");
  expect(counts).toMatchObject({ value: "2", source: "DYNAMIC_DEFAULT_BROKER_CONFIG" });
  expect(synonyms[0]).toMatchObject({ value: "many", fault: "is 'many', not a whole number" });
  // What no schema knows is shown, and can be deleted.
  expect(described(its, topic("orders"), "from.the.future")).toMatchObject({ value: "x", type: undefined });
  await its.alter(topic("orders"), remove("from.the.future"));
  expect(its.stored(topic("orders"))?.values).toEqual({ "min.insync.replicas": "many" });
});

test("describe lists what an entity can have, what is set for it, and by whom", async () => {
  await using its = await configuring(["orders"], { schema: HOST });
  await its.request({ alterations: [{ entity: topic("orders"), changes: [set("log.retention.ms", "7")] }] }, "alice");
  const ofTopic = describeConfig(its.image, topic("orders"), { schema: HOST });
  expect(ofTopic.settings.map(({ name }) => name)).toEqual([
    "cleanup.policy",
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "log.retention.ms",
    "min.insync.replicas",
    "unclean.leader.election.enable",
  ]);
  expect(ofTopic.change).toEqual({
    version: 0,
    zxid: its.image.config("topics", "orders")!.mzxid,
    by: "alice",
    atMs: expect.any(Number),
  });
  const ofBroker = describeConfig(its.image, broker(9), { schema: HOST });
  expect([ofBroker.change, ofBroker.settings.length]).toEqual([undefined, Object.keys(HOST).length]);
  expect(ofBroker.settings.find(({ name }) => name === "log.dir")).toMatchObject({ isReadOnly: true, value: "/data" });
  await its.alter(client("app"), set("request_percentage", "12.5"));
  expect(describeConfig(its.image, client("app")).settings).toMatchObject([
    { name: "request_percentage", value: "12.5", source: "DYNAMIC_QUOTA_CONFIG", type: "number" },
  ]);
});

test("no password is ever shown: set, inherited, static, wrong, or of a setting that the reader does not know", async () => {
  await using its = await configuring([], { schema: HOST, passwords: "any" });
  const name = "key.password";
  const sealed = sealPasswords([set(name, "hush-1")], { schema: HOST, entity: broker(1), sealer: SEALER });
  await its.alter(broker(1), ...sealed);
  await its.alter(ALL_BROKERS, set(name, "hush-2"), set(`listener.name.a.${name}`, "hush-3"));
  const options = { schema: HOST, statics: { [name]: "hush-4" } };
  for (const [entity, of] of [
    [broker(1), options],
    [ALL_BROKERS, options],
    [broker(1), {}],
    [ALL_BROKERS, {}],
  ] as const) {
    const shown = describeConfig(its.image, entity, of);
    expect(JSON.stringify(shown)).not.toMatch(/hush|hsuh|sealed:|plain:/);
    expect(shown.settings.find((one) => one.name === name)).toMatchObject({ value: null, isSensitive: true });
  }
});

test("the host gets passwords opened, and one that is not for this place does not count", async () => {
  await using its = await configuring([], { schema: HOST, passwords: "any" });
  const name = "key.password";
  const errors: string[] = [];
  const settings = live(its, { onError: (error: Error, where: string) => errors.push(`${where}: ${error.message}`) });
  await its.alter(ALL_BROKERS, set(name, "everybody's"));
  expect(settings.get(name)).toBe("everybody's");
  await its.alter(
    broker(1),
    ...sealPasswords([set(name, "mine")], { schema: HOST, entity: broker(1), sealer: SEALER }),
  );
  expect(settings.get(name)).toBe("mine");
  await its.alter(
    broker(1),
    ...sealPasswords([set(name, "theirs")], { schema: HOST, entity: broker(2), sealer: SEALER }),
  );
  expect(settings.get(name)).toBe("everybody's");
  expect(errors).toEqual([expect.stringMatching(/^opening brokers\/1\/key.password: /)]);
  expect(live(its, { sealer: undefined }).get(name)).toBe("everybody's");
});

test("values have the type of their setting, and what is no setting is refused", async () => {
  await using its = await configuring([], { schema: HOST });
  const settings = live(its);
  const [flag, count, items]: [boolean | number | string | readonly string[], number, unknown] = [
    settings.get("unclean.leader.election.enable"),
    settings.get("log.retention.ms"),
    settings.get("leader.replication.throttled.replicas"),
  ];
  expect([flag, count, items]).toEqual([false, 100, []]);
  expect(() => settings.get("toString" as "log.dir")).toThrow("there is no setting 'toString'");
});
