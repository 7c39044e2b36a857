import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import type { Command } from "../src/command.ts";
import { COMMANDS } from "../src/commands.ts";
import { exitCodeOf } from "../src/exit-code.ts";
import { FAMILIES } from "../src/families.ts";
import { duration } from "../src/values.ts";
import { corral, start } from "./corral.ts";

test.each([
  [[], "which command? One of ls, tree"],
  [["lst"], "there is no command lst (did you mean ls?)"],
  [["wach", "/"], "did you mean watch?"],
  [["--timeout", "1s", "--json", "get"], "PATH is missing: corral get PATH"],
  [["--bogus", "ls"], "there is no flag --bogus"],
  [["get"], "PATH is missing: corral get PATH"],
  [["get", "/a", "/b"], "'/b' is too much"],
  [["ls", "--recursiv"], "there is no flag --recursiv (did you mean --recursive?)"],
  [["ls", "-x"], "there is no flag -x"],
  [["topics", "create", "a", "--partitions", "-1"], "--partitions is '-1', not a whole number"],
  [["topics", "create"], "Try corral topics create --help."],
  [["topics"], "Try corral topics --help."],
  [["topcs"], "Try corral --help."],
  [["configs", "describe", "--ip", "here"], "--ip is 'here', not an address"],
  [["set", "/a", "b", "--version", "x"], "--version is 'x', not a whole number"],
  [["set", "/a", "b", "--version"], "--version needs a value"],
  [["set", "/a", "b", "--file", "c"], "not both"],
  [["set", "/a", "--file", "/does/not/exist"], "--file: ENOENT"],
  [["create", "/a", "--ttl", "5"], "--ttl is '5', not a time"],
  [["ls", "/", "--timeout", "soon"], "--timeout is 'soon', not a time"],
  [["ls", "/", "--server", "127.0.0.1:2190"], "'127.0.0.1:2190' is not the URL of a server"],
  [["ls", "/", "--auth", "secret"], "--auth is SCHEME:CREDENTIAL"],
  [["topics"], "topics what? One of list, describe, create"],
  [["topics", "lst"], "there is no command topics lst (did you mean list?)"],
  [["topcs", "list"], "there is no command topcs (did you mean topics?)"],
  [["--cluster", "main", "topics", "create"], "TOPIC is missing: corral topics create TOPIC"],
  [["topics", "create", "a", "--partition", "3"], "there is no flag --partition (did you mean --partitions?)"],
  [["topics", "create", "a", "--replicas", "1:2", "--partitions", "1"], "--replicas says how many there are"],
  [["topics", "create", "a", "--config", "x"], "--config is 'x', not KEY=VALUE"],
  [["topics", "list", "--root", "clusters"], "--root is 'clusters', not a path"],
  [["elect", "orders:0"], "--preferred or --unclean: one of the two"],
  [["elect", "--preferred"], "which partitions? TOPIC or TOPIC:PARTITION, or --all"],
  [["elect", "--preferred", "orders:x"], "the partition of 'orders:x' is 'x', not a whole number"],
  [["reassign", "plan"], "--brokers is missing"],
  [["reassign", "execute", "/does/not/exist"], "ENOENT"],
  [["reassign", "execute", "package.json"], "package.json is no plan: it has no list 'partitions'"],
  [["configs", "alter", "--topic", "orders"], "nothing to change"],
  [["configs", "describe", "--topic", "orders", "--broker", "1"], "for what? One of --topic"],
  [["configs", "describe", "--client", "a", "--client-defaults"], "exclude each other"],
  [["groups", "reset-offsets", "g"], "where to? One of --to-earliest, --to-latest"],
  [["groups", "reset-offsets", "g", "--to-datetime", "today"], "not a time such as 2026-01-31T12:00:00Z"],
  [["groups", "describe", "g", "--end-offset", "orders:0"], "not TOPIC:PARTITION=OFFSET"],
])("%j is refused with 2: %s", async (args, message) => {
  const { code, stdout, stderr } = await start(args, { CORRAL_SERVER: "ws://127.0.0.1:9" }).ended;
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
});

test("the help lists every command, its flags and the exit codes", async () => {
  const { code, stdout } = await corral("--help");
  expect(code).toBe(0);
  for (const { name, usage } of COMMANDS) expect(stdout).toContain(`  ${name} ${usage}`);
  expect(stdout).toMatch(
    /0 ok, 1 failed, 2 usage, 3 not found,\s4 version conflict, 5 not authorised, 6 cannot connect, 7 timed out, 8 session expired/,
  );
  for (const { name, flags } of COMMANDS) {
    const own = await corral(name, "--help");
    expect(own.code).toBe(0);
    for (const flag of Object.keys(flags)) expect(own.stdout).toContain(`--${flag}`);
  }
});

test("the help lists the commands of each family, and each tells its flags, for a cluster or a group", async () => {
  const { stdout } = await corral("--help");
  for (const { name, usage, load } of FAMILIES) {
    expect(stdout).toContain(`  ${name} ${usage}`);
    const loaded = await load();
    if (!isSeveral(loaded)) continue;
    expect(usage).toBe(loaded.map((verb) => verb.name).join("|"));
    for (const verb of loaded) expect(Object.keys(verb.flags)).toContain("root");
  }
  const [family, one] = await Promise.all([corral("topics", "--help"), corral("topics", "create", "-h")]);
  expect(family.stdout).toContain("corral topics create TOPIC\n      makes a topic");
  for (const flag of ["partitions", "if-not-exists", "cluster", "json"]) expect(one.stdout).toContain(`--${flag}`);
});

const isSeveral = (loaded: Command | readonly Command[]): loaded is readonly Command[] => Array.isArray(loaded);

test("the packages for clusters and groups are loaded only by the commands that need them", async () => {
  const seen = new Set<string>();
  const follow = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    const text = await readFile(new URL(`../src/${name}`, import.meta.url), "utf8");
    // What is imported at once: not types, not `await import`.
    for (const [, at] of text.matchAll(/^(?:import|export) (?!type)[^;]*? from "([^"]+)";$/gm)) {
      expect(`${name} imports ${at!}`).not.toContain("@corral/");
      if (at!.startsWith(".")) await follow(path.join(path.dirname(name), at!));
    }
  };
  await follow("main.ts");
  expect([...seen]).toContain("commands/ls.ts");
  expect([...seen].filter((name) => name.startsWith("cluster/"))).toEqual(["cluster/flags.ts"]);
});

test("--version prints the version", async () => {
  expect((await corral("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("times have a unit", () => {
  expect(["500ms", "2s", "1.5m", "1h", "1d"].map((text) => duration("t", text))).toEqual([
    500, 2_000, 90_000, 3_600_000, 86_400_000,
  ]);
});

test("exit codes follow the codes of errors", () => {
  expect(exitCodeOf("TIMEOUT")).toBe(7);
  expect(exitCodeOf("NODE_EXISTS")).toBe(1);
  expect(exitCodeOf(undefined)).toBe(1);
});
