/** Values by type, schemas, names of entities: pure functions. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalIp, type ConfigEntity, entityName, entityText, parseEntity } from "../src/config/entity.ts";
import { mergeSchema, settingNamed } from "../src/config/schema.ts";
import { SETTINGS } from "../src/config/settings.ts";
import type { SettingSpec } from "../src/config/spec.ts";
import { faultOf, parseValue, VALUE_CHARACTERS_MAX } from "../src/config/value.ts";

const spec = (type: SettingSpec["type"], more: Partial<SettingSpec> = {}): SettingSpec => ({
  type,
  default: "",
  scope: "broker",
  doc: "",
  ...more,
});

test.each<[SettingSpec, string, string | undefined, unknown?]>([
  [spec("boolean"), "true", undefined, true],
  [spec("boolean"), "false", undefined, false],
  [spec("boolean"), "yes", "is 'yes', not true or false"],
  [spec("integer", { min: 1, max: 64 }), "64", undefined, 64],
  [spec("integer", { min: 1 }), "0", "is 0, less than 1"],
  [spec("integer", { max: 64 }), "65", "is 65, more than 64"],
  [spec("integer"), "-7", undefined, -7],
  [spec("integer"), "1.5", "is '1.5', not a whole number"],
  [spec("integer"), "", "is '', not a whole number"],
  [spec("integer"), " 1", "is ' 1', not a whole number"],
  [spec("integer"), "9007199254740993", "is '9007199254740993', not a whole number"],
  [spec("number", { min: 0, max: 100 }), "12.5", undefined, 12.5],
  [spec("number"), "1e3", undefined, 1_000],
  [spec("number"), "NaN", "is 'NaN', not a number"],
  [spec("number"), "1e999", "is '1e999', not a number"],
  [spec("number"), "0x10", "is '0x10', not a number"],
  [spec("list"), "", undefined, []],
  [spec("list"), "a, b ,c", undefined, ["a", "b", "c"]],
  [spec("list", { oneOf: ["delete", "compact"] }), "compact,delete", undefined, ["compact", "delete"]],
  [spec("list", { oneOf: ["delete", "compact"] }), "compact,drop", "is 'drop', not one of delete, compact"],
  [spec("list", { min: 1 }), "", "has 0 items, less than 1"],
  [spec("list", { max: 2 }), "a,b,c", "has 3 items, more than 2"],
  [spec("string", { oneOf: ["gzip", "none"] }), "gzip", undefined, "gzip"],
  [spec("string", { oneOf: ["gzip", "none"] }), "lzo", "is 'lzo', not one of gzip, none"],
  [spec("password"), "s3cret", undefined, "s3cret"],
  [spec("string"), "x".repeat(VALUE_CHARACTERS_MAX + 1), `has ${VALUE_CHARACTERS_MAX + 1} characters, more than`],
])("a value is read by its type, or refused with what is wrong: %o %s", (of, text, fault, value) => {
  if (fault === undefined) {
    expect(faultOf(of, text)).toBe(undefined);
    expect(parseValue(of, text)).toEqual(value);
  } else expect(faultOf(of, text)).toContain(fault);
});

test("every default of the package is within its own rules", () => {
  for (const [name, own] of Object.entries(SETTINGS))
    expect([name, faultOf(own, own.default)]).toEqual([name, undefined]);
});

test("a host's schema is put beside the package's, and refused where it could not be meant", () => {
  const merged = mergeSchema({ "log.segment.bytes": spec("integer", { default: "100", min: 14 }) });
  expect(Object.keys(merged)).toEqual([...Object.keys(SETTINGS), "log.segment.bytes"]);
  expect(() => mergeSchema({ "min.insync.replicas": spec("integer", { default: "1" }) })).toThrow(
    "is one of the package's own",
  );
  expect(() => mergeSchema({ "a b": spec("string") })).toThrow("no name of a setting");
  expect(() => mergeSchema({ x: spec("integer", { default: "x" }) })).toThrow("it is 'x', not a whole number");
  expect(() => mergeSchema({ x: spec("integer", { default: "1", min: 3, max: 2 }) })).toThrow(
    "at least 3 and at most 2",
  );
  expect(() => mergeSchema({ x: spec("integer", { default: "1", min: 2 }) })).toThrow("it is 1, less than 2");
  expect(() => mergeSchema({ x: spec("string", { scope: "topic", perListener: true }) })).toThrow("scope topic");
  expect(() => mergeSchema({ "listener.name.a.b": spec("string") })).toThrow("without the prefix");
});

test("a setting is known by its name, and with the prefix of a listener if it may be set for one", () => {
  const schema = mergeSchema({ "ssl.protocol": spec("string", { perListener: true }), plain: spec("string") });
  expect(settingNamed(schema, "plain")).toMatchObject({ name: "plain", listener: undefined });
  expect(settingNamed(schema, "listener.name.clients.ssl.protocol")).toMatchObject({
    name: "ssl.protocol",
    listener: "clients",
  });
  expect(settingNamed(schema, "listener.name.clients.plain")).toBe(undefined);
  expect(settingNamed(schema, "toString")).toBe(undefined);
  expect(settingNamed(schema, "__proto__")).toBe(undefined);
});

test.each<[ConfigEntity, string]>([
  [{ type: "topics", name: "my.topic" }, "my.topic"],
  [{ type: "brokers", name: "7" }, "7"],
  [{ type: "brokers", name: null }, "<default>"],
  [{ type: "clients", name: "<default>" }, "%3Cdefault%3E"],
  [{ type: "users", name: "CN=alice,O=x/y" }, "CN%3Dalice%2CO%3Dx%2Fy"],
  [{ type: "users", name: "a:b" }, "a%3Ab"],
  [{ type: "users", name: "a", client: "b" }, "a:b"],
  [{ type: "users", name: null, client: null }, "<default>:<default>"],
  [{ type: "users", name: ".." }, "%2E%2E"],
  [{ type: "ips", name: "10.0.0.1" }, "10.0.0.1"],
])("the entity %o stands in the tree as %s", (entity, name) => {
  expect(entityName(entity)).toBe(name);
  expect(parseEntity(entity.type, name)).toEqual(entity);
});

test("no two entities stand at one znode, whatever they are called, and none is anything but one name", () => {
  const name = fc.oneof(
    fc.constantFrom("<default>", "a:b", "..", "a/b", "a", "b"),
    fc.string({ unit: "binary", minLength: 1 }),
  );
  const part = fc.oneof(fc.constant(null), name);
  const entity: fc.Arbitrary<ConfigEntity> = fc.oneof(
    part.map((of): ConfigEntity => ({ type: "users", name: of })),
    fc.tuple(part, part).map(([of, client]): ConfigEntity => ({ type: "users", name: of, client })),
  );
  fc.assert(
    fc.property(entity, entity, (a, b) => {
      expect(parseEntity("users", entityName(a))).toEqual(a);
      expect(entityName(a)).not.toMatch(/^\.{1,2}$|\/|^$/);
      expect(entityName(a) === entityName(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
    { numRuns: 100 },
  );
});

test.each<[unknown, string]>([
  [{ type: "topics", name: null }, "topics have no default"],
  [{ type: "topics", name: "a b" }, "characters other than"],
  [{ type: "brokers", name: "x" }, "'x' is no broker's id"],
  [{ type: "brokers", name: "07" }, "'07' is no broker's id"],
  [{ type: "clients", name: "" }, "is empty"],
  [{ type: "clients", name: "\ud800" }, "is not a text"],
  [{ type: "clients", name: "ä".repeat(400) }, "has 2400 characters, more than 1500"],
  [{ type: "clients", name: "a", client: "b" }, "only users have clients"],
  [{ type: "ips", name: "localhost" }, "is no IP address"],
  [{ type: "groups", name: "a" }, "not one of topics, brokers"],
])("%j is refused as an entity: %s", (entity, why) => {
  expect(() => entityName(entity as ConfigEntity)).toThrow(why);
});

test("a name that nobody could have made is refused", () => {
  for (const name of ["%61", "a:b:c", "%", "a b", ""]) expect(() => parseEntity("users", name)).toThrow(RangeError);
});

test("an address is one however a socket shows it, and an entity has a text for people", () => {
  expect(canonicalIp("::ffff:10.0.0.1")).toBe("10.0.0.1");
  expect(canonicalIp("FE80::1%eth0")).toBe("fe80::1");
  expect(entityName({ type: "ips", name: "::FFFF:10.0.0.1" })).toBe("10.0.0.1");
  expect(entityText({ type: "users", name: "alice", client: null })).toBe("users alice, clients <default>");
});
