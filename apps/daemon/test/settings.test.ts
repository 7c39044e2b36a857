import { DEFAULT_OPTIONS } from "@corral/state-machine";
import { SERVER_BOUNDS } from "@corral/server";
import { defaultLimits } from "@corral/log";
import { describe, expect, test } from "vitest";
import { limitsHelp } from "../src/limits.ts";
import { readSettings } from "../src/settings.ts";
import { UsageError } from "../src/usage-error.ts";

const refusal = (args: readonly string[], env: Record<string, string> = {}): string => {
  try {
    readSettings(args, env);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`accepted: ${args.join(" ")}`);
};

test("without flags and variables corrald listens on loopback port 2190 and keeps its data in ./data", () => {
  expect(readSettings([], {})).toMatchObject({
    listen: { host: "127.0.0.1", port: 2190 },
    data: "data",
    logLevel: "info",
  });
});

test("a flag wins over the environment, and the environment over the default", () => {
  const env = { CORRAL_LISTEN: "0.0.0.0:1", CORRAL_DATA: "/env", CORRAL_LOG_LEVEL: "warn" };
  expect(readSettings([], env)).toMatchObject({ listen: { host: "0.0.0.0", port: 1 }, data: "/env", logLevel: "warn" });
  const args = ["--listen", "[::1]:2", "--data=/flag", "--log-level", "debug"];
  expect(readSettings(args, env)).toMatchObject({ listen: { host: "::1", port: 2 }, data: "/flag", logLevel: "debug" });
});

test("a super identity is read from --super, which may be repeated", () => {
  const id = "root:qiTlqPLK7XM2ht3HMn02qRpkKIE=";
  const { superIdentities } = readSettings(["--super", `digest:${id}`, `--super=digest:${id}`], {});
  expect(superIdentities).toEqual([
    { scheme: "digest", id },
    { scheme: "digest", id },
  ]);
});

describe("--limit", () => {
  test("takes limits of the server, of the log and replicated ones, with units", () => {
    const args = ["snapshotEntries=1000", "segmentBytes=32MiB", "childrenMax=5", "softMarkFraction=0.25"];
    expect(
      readSettings(
        args.flatMap((each) => ["--limit", each]),
        {},
      ).limits,
    ).toEqual({
      server: { snapshotEntries: 1000 },
      log: { segmentBytes: 32 * 2 ** 20, softMarkFraction: 0.25 },
      options: { childrenMax: 5 },
    });
  });

  test("every limit that exists is listed with its default", () => {
    const { superIdentities: _, ...options } = DEFAULT_OPTIONS;
    const defaults = {
      ...options,
      ...defaultLimits,
      ...Object.fromEntries(Object.entries(SERVER_BOUNDS).map(([name, bound]) => [name, bound.default])),
    };
    const listed = limitsHelp();
    for (const [name, value] of Object.entries(defaults))
      expect(listed).toMatch(new RegExp(`^  ${name} +${value} `, "m"));
  });

  test.each([
    ["snapshotEntry=5", "there is no limit called snapshotEntry (did you mean snapshotEntries?)"],
    ["constructor=5", "there is no limit called constructor;"],
    ["tickMs=0", "limit tickMs is '0', not an integer from 5 to 1000"],
    ["tickMs=", "limit tickMs is ''"],
    ["tickMs=1e2", "limit tickMs is '1e2'"],
    ["tickMs=20.5", "limit tickMs is '20.5'"],
    ["softMarkFraction=2", "limit softMarkFraction is '2', not a number from 0 to 1"],
    ["tickMs", "--limit tickMs: write --limit NAME=VALUE"],
    ["valueBytes=2MiB", "limit valueBytes (2097152) is above limit requestBytes"],
    ["maxRecordBytes=1MiB", "is above limit maxRecordBytes (1048576)"],
  ])("%s: %s", (limit, message) => {
    expect(refusal(["--limit", limit])).toContain(message);
  });
});

test.each([
  [["--lisen", "127.0.0.1:1"], "there is no flag --lisen (did you mean --listen?)"],
  [["--limits"], "(did you mean --limit?)"],
  [["--zzzzzzzzzz"], "there is no flag --zzzzzzzzzz"],
  [["-x"], "there is no flag -x"],
  [["--data"], "--data needs a value: --data DIR"],
  [["--data", "--listen", "127.0.0.1:1"], "--data needs a value"],
  [["--data="], "--data is empty"],
  [["--data", "a", "--data", "b"], "--data is given twice"],
  [["--version=1"], "--version takes no value"],
  [["serve"], "'serve' is neither a flag nor a command"],
  [["--listen", "2190"], "--listen is '2190', not HOST:PORT"],
  [["--listen", "localhost:65536"], "not HOST:PORT with a port from 0 to 65535"],
  [["--listen", "::1:2190"], "an IPv6 address in brackets"],
  [
    ["--log-level", "inof"],
    "--log-level is 'inof', not one of trace, debug, info, warn, error, fatal, silent (did you mean info?)",
  ],
  [["--log-format", "text"], "--log-format is 'text', not one of json, console"],
  [["--super", "root:secret"], "--super is 'root:secret', not digest:USER:HASH"],
  [["--super", "digest:root:secret"], "where HASH is the base64 of SHA-1 of USER:PASSWORD"],
])("%j is refused: %s", (args, message) => {
  expect(refusal(args)).toContain(message);
});

test("a wrong environment variable is named", () => {
  expect(refusal([], { CORRAL_LISTEN: "nowhere" })).toContain("CORRAL_LISTEN is 'nowhere'");
  expect(refusal([], { CORRAL_LOG_LEVEL: "loud" })).toContain("CORRAL_LOG_LEVEL is 'loud'");
});
