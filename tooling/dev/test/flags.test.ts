/** A command line that cannot be understood: one line, exit code 2, nothing done. Of every command that takes flags. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, textFiles } from "../src/workspace.ts";

const FLAGS = join(ROOT, "tooling/dev/flags.mjs");

/** What became of a command whose whole program this is. */
function runs(program: string, ...args: string[]): { status: number | null; lines: string[]; out: string } {
  const code = `import * as f from ${JSON.stringify(FLAGS)};\n${program}`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", code, "--", ...args], { encoding: "utf8" });
  return { status: done.status, lines: done.stderr.split("\n").filter((line) => line !== ""), out: done.stdout.trim() };
}

const PARSES = `console.log(JSON.stringify(f.flagsOf({ options: { seed: { type: "string" }, quick: { type: "boolean" } } }).values));`;

test("flags that are known are parsed", () => {
  expect(runs(PARSES, "--seed", "7", "--quick")).toEqual({ status: 0, lines: [], out: '{"seed":"7","quick":true}' });
});

test.each([
  ["an unknown flag", ["--bogus"], "Unknown option '--bogus'"],
  ["a flag without its value", ["--seed"], "Option '--seed <value>' argument missing"],
  ["a value that is none", ["--seed", "--quick"], "Option '--seed' argument is ambiguous"],
  ["a value for a switch", ["--quick=yes"], "Option '--quick' does not take an argument"],
  ["a word that is no flag", ["word"], "Unexpected argument 'word'"],
])("%s", (_name, args, message) => {
  const { status, lines, out } = runs(PARSES, ...args);
  expect({ status, out, count: lines.length }).toEqual({ status: 2, out: "", count: 1 });
  expect(lines[0]).toContain(message);
});

test.each([
  ["f.wholeNumber('n', '12')", "12"],
  ["f.wholeNumber('n', '1', 1)", "1"],
  ["JSON.stringify(f.shareOf('share', '1/8'))", '{"index":0,"of":8}'],
  ["JSON.stringify(f.shareOf('share', '8/8'))", '{"index":7,"of":8}'],
  ["f.oneOf('plant', 'a', ['a', 'b'])", "a"],
])("%s is %s", (call, out) => {
  expect(runs(`console.log(${call})`)).toEqual({ status: 0, lines: [], out });
});

test.each([
  ["f.wholeNumber('n', '')", "--n is '', not a whole number from 0 on"],
  ["f.wholeNumber('n', '1e3')", "--n is '1e3', not a whole number from 0 on"],
  ["f.wholeNumber('n', '-1')", "--n is '-1', not a whole number from 0 on"],
  ["f.wholeNumber('n', '0', 1)", "--n is '0', not a whole number from 1 on"],
  ["f.wholeNumber('n', '9007199254740993')", "--n is '9007199254740993', not a whole number from 0 on"],
  ["f.shareOf('share', '0/8')", "--share is '0/8', not N/M with N from 1 to M"],
  ["f.shareOf('share', '9/8')", "--share is '9/8', not N/M with N from 1 to M"],
  ["f.shareOf('share', '3')", "--share is '3', not N/M with N from 1 to M"],
  ["f.oneOf('plant', 'c', ['a', 'b'])", "--plant is 'c', not one of a, b"],
])("%s ends it", (call, message) => {
  expect(runs(`console.log(${call})`)).toEqual({ status: 2, lines: [message], out: "" });
});

test("no other tool has a way of its own", () => {
  const own = textFiles().filter(
    ({ path, text }) => /^(tooling|packages)\/.*\.(ts|mjs)$/.test(path) && /import \{[^}]*\bparseArgs\b/.test(text),
  );
  expect(own.map(({ path }) => path)).toEqual(["tooling/dev/flags.mjs"]);
});
