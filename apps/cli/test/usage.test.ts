import { expect, test } from "vitest";
import { COMMANDS } from "../src/commands.ts";
import { exitCodeOf } from "../src/exit-code.ts";
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
  [["set", "/a", "b", "--version", "x"], "--version is 'x', not a whole number"],
  [["set", "/a", "b", "--version"], "--version needs a value"],
  [["set", "/a", "b", "--file", "c"], "not both"],
  [["set", "/a", "--file", "/does/not/exist"], "--file: ENOENT"],
  [["create", "/a", "--ttl", "5"], "--ttl is '5', not a time"],
  [["ls", "/", "--timeout", "soon"], "--timeout is 'soon', not a time"],
  [["ls", "/", "--server", "127.0.0.1:2190"], "'127.0.0.1:2190' is not the URL of a server"],
  [["ls", "/", "--auth", "secret"], "--auth is SCHEME:CREDENTIAL"],
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
