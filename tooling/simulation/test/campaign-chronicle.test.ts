/** The readable account of a run: who did what, and where a violation was seen. */
import { Op } from "@corral/protocol";
import type { Frame } from "@corral/testing/world";
import { expect, test } from "vitest";
import { Chronicle } from "../src/campaign/chronicle.ts";
import { zxidWord } from "../src/campaign/frame-words.ts";

const EPOCH = 2 ** 32;
const bytes = new Uint8Array();
const link = (client: string, id: number) => ({ id, client, session: 0 });
const asks = (client: string, id: number, xid: number, path: string): Frame => ({
  link: link(client, id),
  from: "client",
  bytes,
  kind: "requests",
  messages: [{ xid, op: Op.get, path, consistency: 0, watch: false }],
});
const answers = (client: string, id: number, xid: number, zxid: number, code = 0): Frame => ({
  link: link(client, id),
  from: "server",
  bytes,
  kind: "messages",
  welcome: undefined,
  messages: [{ kind: "reply", xid, zxid, code, result: [], detail: {} }],
});

function told(
  happenings: readonly (readonly [number, string, (Frame | undefined)?, number?])[],
  violations: string[] = [],
): string[] {
  const chronicle = new Chronicle();
  for (const [atMs, what, frame, seen = 0] of happenings) chronicle.read({ atMs, what, frame }, seen);
  return chronicle
    .text(
      { seed: 1 },
      violations.map((what) => ({ check: "wire", what })),
    )
    .split("\n");
}

const RUN = [
  [0, "disk sync log-1"],
  [1, "started"],
  [2, "1 client", asks("1", 7, 3, "/a")],
  [3, "1 server", answers("1", 7, 3, EPOCH + 5)],
  [4, "fault cut"],
  [5, "2 client", asks("2", 8, 1, "/b")],
  [6, "2 server", answers("2", 8, 1, EPOCH + 6, -101)],
  [7, "1'2 get /a  ok"],
] as const;

test("each process has a column, and each event a line with its time in it", () => {
  const lines = told(RUN);
  const [head] = lines.filter((line) => line.includes("server "));
  const at = (name: string): number => head!.indexOf(name);
  expect(lines.find((line) => line.startsWith("      2.000"))!.indexOf("7> 3 get /a")).toBe(at("client 1"));
  expect(lines.find((line) => line.startsWith("      5.000"))!.indexOf("8> 1 get /b")).toBe(at("client 2"));
  expect(lines.find((line) => line.startsWith("      0.000"))!.indexOf("sync log-1")).toBe(at("disk"));
  expect(lines.find((line) => line.startsWith("      6.000"))!.indexOf(">8 1 NO_NODE at 1:6")).toBe(at("server"));
  expect(lines.find((line) => line.startsWith("      7.000"))!.indexOf("'2 get /a")).toBe(at("client 1"));
  expect(lines).toContain("      4.000  -- fault cut");
});

test("a violation stands before what happened after it was seen", () => {
  const run = RUN.map(([atMs, what, frame]) => [atMs, what, frame, atMs >= 5 ? 1 : 0] as const);
  const lines = told(run, ["seen by somebody"]);
  expect(lines[lines.indexOf("!! wire: seen by somebody") + 1]).toMatch(/^ +5\.000/);
});

test("a violation that was judged afterwards stands behind the frame that it is about", () => {
  const lines = told(RUN, [`connection 7 of session 1: reply 3 at ${EPOCH + 5} is wrong`]);
  expect(lines[lines.indexOf("!! wire: connection 7 of session 1: reply 3 at 1:5 is wrong") - 1]).toMatch(/^ +3\.000/);
});

test("a violation that names nothing that was shown stands at the end", () => {
  const lines = told(RUN, [`at ${EPOCH + 99} it differs`]);
  expect(lines.at(-2)).toBe("!! wire: at 1:99 it differs");
});

test("times are no zxids", () => {
  expect(told(RUN, ["at 1704100000000 it was late"]).at(-2)).toBe("!! wire: at 1704100000000 it was late");
  expect([zxidWord(0), zxidWord(EPOCH + 1), zxidWord(3 * EPOCH)]).toEqual(["0", "1:1", "3:0"]);
});
