import { describe, expect, test } from "vitest";
import { CorralError } from "../src/error.ts";
import { INITIAL, next, TRANSITIONS, type ClientState, type StateEvent, type StateName } from "../src/session/state.ts";

const cause = new CorralError("SUSPENDED");
const STATES: Readonly<Record<StateName, ClientState>> = {
  connecting: { name: "connecting", attempt: 2 },
  connected: { name: "connected", sessionId: 7, server: "ws://a", resumed: false },
  suspended: { name: "suspended", sessionId: 7, cause },
  expired: { name: "expired", sessionId: 7, by: "server", cause },
  closed: { name: "closed" },
};
const EVENTS: Readonly<Record<StateEvent["type"], StateEvent>> = {
  welcomed: { type: "welcomed", sessionId: 7, server: "ws://b", resumed: true },
  disconnected: { type: "disconnected", cause },
  deadline: { type: "deadline", sessionId: 7, cause },
  ended: { type: "ended", sessionId: 7, cause },
  rejected: { type: "rejected", cause },
  renew: { type: "renew" },
  close: { type: "close" },
};
/** Written down a second time, as the documentation has it. */
const EXPECTED: Readonly<Record<StateName, string>> = {
  connecting: "connected connecting - expired closed - closed",
  connected: "- suspended expired expired closed - closed",
  suspended: "connected suspended expired expired closed - closed",
  expired: "- - - - closed connecting closed",
  closed: "- - - - - - -",
};

describe("the state table", () => {
  const names = Object.keys(STATES) as StateName[];
  const types = Object.keys(EVENTS) as StateEvent["type"][];

  test.each(names)("%s leads where it is documented to lead, on every event", (name) => {
    expect(types.map((type) => TRANSITIONS[name][type] ?? "-").join(" ")).toBe(EXPECTED[name]);
  });

  test.each(names.flatMap((name) => types.map((type) => [name, type] as const)))(
    "%s × %s gives the state of the table, or the same object",
    (name, type) => {
      const state = STATES[name];
      const to = TRANSITIONS[name][type];
      const result = next(state, EVENTS[type]);
      expect(to === null ? result === state : result.name === to).toBe(true);
    },
  );

  test("each failed attempt is counted, and a renewal begins to count anew", () => {
    const once = next(INITIAL, EVENTS.disconnected);
    expect(once).toEqual({ name: "connecting", attempt: 1, cause });
    expect(next(once, EVENTS.disconnected)).toEqual({ name: "connecting", attempt: 2, cause });
    expect(next(STATES.expired, EVENTS.renew)).toEqual(INITIAL);
  });

  test("expired says by whom, and suspended keeps the session's id", () => {
    expect(next(STATES.suspended, EVENTS.deadline)).toMatchObject({
      name: "expired",
      by: "local-deadline",
      sessionId: 7,
    });
    expect(next(STATES.connected, EVENTS.ended)).toMatchObject({ name: "expired", by: "server", sessionId: 7 });
    expect(next(STATES.connected, EVENTS.disconnected)).toEqual({ name: "suspended", sessionId: 7, cause });
  });
});
