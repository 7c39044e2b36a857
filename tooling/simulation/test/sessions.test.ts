/** The check of the lives of sessions, on histories made by hand. */
import { describe, expect, test } from "vitest";
import { checkSessions } from "../src/check/sessions.ts";
import type { SessionFact } from "../src/history.ts";

const TICK_MS = 100;
const up = (at = 0): SessionFact => ({ kind: "up", at, tickMs: TICK_MS });
const begun = (at: number, generation = 7): SessionFact => ({
  kind: "begun",
  session: 7,
  generation,
  timeoutMs: 2_000,
  at,
});
const heard = (at: number): SessionFact => ({ kind: "heard", session: 7, at });
const stalled = (from: number, to: number): SessionFact => ({ kind: "stalled", from, to });
const expiring = (at: number, from = at, excused: readonly string[] = [], generation = 7): SessionFact => ({
  kind: "expiring",
  session: 7,
  generation,
  from,
  at,
  excused,
});
const look = (at: number, living: readonly number[] = [7]): SessionFact => ({ kind: "look", at, living });
const down = (at: number): SessionFact => ({ kind: "down", at, living: [7] });
const held = (isSure = true): SessionFact => ({ kind: "held", client: "a", session: 7, isSure });
const released: SessionFact = { kind: "released", client: "a", session: 7 };
const rest = (living: readonly number[], excused: readonly string[] = []): SessionFact => ({
  kind: "rest",
  living,
  excused,
});

const faults = (...facts: SessionFact[]): string[] => checkSessions(facts).map(({ what }) => what);

describe("a history of sessions is illegal when", () => {
  test("a session is given up before it was silent for its timeout", () => {
    expect(faults(up(), begun(10), heard(500), expiring(2_400))).toEqual([
      "session 7 (timeout 2000 ms) is given up after 1900.0 ms of silence",
    ]);
  });

  test("the server's own stall is counted as the client's silence", () => {
    expect(faults(up(), begun(0), stalled(100, 4_000), expiring(4_100))[0]).toMatch(/given up after 1000\.0 ms/);
  });

  test("an append that stood still is counted as the client's silence", () => {
    expect(faults(up(), begun(0), stalled(500, 4_500), expiring(4_600))[0]).toMatch(/is given up after/);
  });

  test("a restart does not give it its whole timeout", () => {
    expect(faults(up(), begun(0), down(1_500), up(1_600), expiring(2_500))[0]).toMatch(/given up after 900\.0 ms/);
  });

  test("an attachment does not give it its whole timeout", () => {
    expect(faults(up(), begun(0), begun(1_900), expiring(2_300))[0]).toMatch(/given up after 400\.0 ms/);
  });

  test("the attachment that is given up is the newest, and has not been silent", () => {
    expect(faults(up(), begun(0), begun(2_200, 9), expiring(2_200, 2_100, [], 9))[0]).toMatch(/given up after 0\.0 ms/);
  });

  test("a session that is silent is kept, since an end that came to nothing was proposed", () => {
    expect(faults(up(), begun(0), begun(2_200, 9), expiring(2_200, 2_100), look(7_000))[0]).toMatch(
      /still lives after/,
    );
  });

  test("it was decided while an append was under way, and the session had been heard shortly before", () => {
    expect(faults(up(), begun(0), heard(1_000), heard(2_100), expiring(2_400, 2_200))[0]).toMatch(/given up after/);
  });

  test("a session that is silent is kept much longer", () => {
    expect(faults(up(), begun(0), heard(100), look(4_500))).toEqual([
      "session 7 (timeout 2000 ms) still lives after 4400.0 ms of silence",
    ]);
  });

  test("what never began is given up", () => {
    expect(faults(up(), expiring(100))).toEqual(["session 7 is given up, and never began"]);
  });

  test("a client whose clock is true still believes in it", () => {
    expect(faults(up(), begun(0), held(), expiring(2_200))).toEqual([
      "client a believes in session 7, which the server gives up",
    ]);
  });

  test("in the end a client believes in a session that is gone", () => {
    expect(faults(up(), begun(0), held(), { kind: "ordered", session: 7 }, expiring(10), rest([]))).toEqual([
      "client a believes in session 7, which is gone",
    ]);
  });
});

describe("a history of sessions is legal, though odd, when", () => {
  test("a session is given up right at its timeout", () => {
    expect(faults(up(), begun(10), heard(500), expiring(2_500))).toEqual([]);
  });

  test("an operator ends it long before", () => {
    expect(faults(up(), begun(0), held(), { kind: "ordered", session: 7 }, expiring(10), released)).toEqual([]);
  });

  test("bytes come after the decision, while the entry waits for the append under way", () => {
    expect(faults(up(), begun(0), heard(2_250), expiring(2_400, 2_200))).toEqual([]);
  });

  test("a silent session lives on while the server stands still, and a little longer", () => {
    expect(faults(up(), begun(0), stalled(100, 9_000), look(11_000), expiring(11_200))).toEqual([]);
  });

  test("two stalls overlap, and count once", () => {
    expect(faults(up(), begun(0), stalled(100, 3_000), stalled(200, 2_500), expiring(5_000))).toEqual([]);
  });

  test("a session that is silent lives on over a restart", () => {
    expect(faults(up(), begun(0), look(1_900), down(1_950), up(10_000), look(11_900), expiring(12_200))).toEqual([]);
  });

  test("a client whose clock is too slow, or who stands still, believes in it", () => {
    expect(faults(up(), begun(0), held(false), expiring(2_200))).toEqual([]);
    expect(faults(up(), begun(0), held(), expiring(2_200, 2_200, ["a"]))).toEqual([]);
  });

  test("a client has given it up before the server", () => {
    expect(faults(up(), begun(0), held(), released, expiring(2_200), rest([]))).toEqual([]);
  });

  test("it is attached anew while its end waits to be proposed, which names the attachment before", () => {
    expect(faults(up(), begun(0), held(), begun(2_200, 9), expiring(2_200, 2_100), look(2_300))).toEqual([]);
  });

  test("it is attached anew after its end was proposed, and the proposal comes to nothing", () => {
    expect(faults(up(), begun(0), expiring(2_200), begun(2_300), heard(4_000), look(4_100), expiring(6_100))).toEqual(
      [],
    );
  });
});
