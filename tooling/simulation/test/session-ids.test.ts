/** Who has a session, on frames made by hand. */
import type { Frame } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import { checkSessionIds } from "../src/check/session-ids.ts";

type Wish = Extract<Frame, { kind: "hello" }>["hello"]["session"];

const secret = new Uint8Array(32);
const fresh: Wish = { kind: "new", secret };
const resume = (id: number): Wish => ({ kind: "resume", id, secret, acked: 0 });
const replace = (oldId: number): Wish => ({ kind: "replace", oldId, oldSecret: secret, secret });

/** A connection: it asks, and is answered; `told` comes after. */
function connection(
  id: number,
  wish: Wish,
  answer: { readonly session: number; readonly zxid: number } | { readonly code: number },
  told: Extract<Frame, { kind: "messages" }>["messages"] = [],
): Frame[] {
  const session = "session" in answer ? answer.session : 0;
  const link = { id, client: "a", session };
  const welcome =
    "session" in answer ? { sessionId: answer.session, zxid: answer.zxid } : { code: answer.code, detail: {} };
  return [
    { link, from: "client", kind: "hello", hello: { session: wish } },
    { link, from: "server", kind: "messages", welcome, messages: told },
  ] as unknown as Frame[];
}

const reply = (zxid: number, code = 0) => ({ kind: "reply", xid: 1, zxid, code, result: [], detail: {} }) as const;
const event = (zxid: number) => ({ kind: "event", zxid, type: 1, path: "/a" }) as const;
const EXPIRED = -112;

const faults = (ends: readonly (readonly [number, number])[], ...frames: Frame[][]): string[] =>
  checkSessionIds(frames.flat(), new Map(ends)).map(({ what }) => what);

describe("it is illegal that", () => {
  test("an id is given twice", () => {
    expect(
      faults([], connection(1, fresh, { session: 5, zxid: 5 }), connection(2, fresh, { session: 5, zxid: 6 })),
    ).toEqual(["session 5 is given twice"]);
  });

  test("who asks for a session is given another, without a word", () => {
    expect(faults([], connection(1, resume(5), { session: 9, zxid: 9 }))).toEqual([
      "who asked for session 5 was given 9",
    ]);
  });

  test("a session comes back after its end", () => {
    expect(faults([[5, 8]], connection(1, resume(5), { session: 5, zxid: 9 }))).toEqual([
      "session 5, which ended at 8, is welcomed at 9",
    ]);
  });

  test("a request is answered on a session after its end", () => {
    expect(faults([[5, 8]], connection(1, fresh, { session: 5, zxid: 5 }, [reply(9)]))).toEqual([
      "session 5, which ended at 8, is told of 9",
    ]);
  });

  test("a watch of a session fires for what came after its end", () => {
    expect(faults([[5, 8]], connection(1, fresh, { session: 5, zxid: 5 }, [event(9)]))).toEqual([
      "session 5, which ended at 8, is told of 9",
    ]);
  });
});

describe("it is legal, though odd, that", () => {
  test("a session is resumed many times, and once more right before its end", () => {
    expect(
      faults(
        [[5, 8]],
        connection(1, fresh, { session: 5, zxid: 5 }),
        connection(2, resume(5), { session: 5, zxid: 6 }),
        connection(3, resume(5), { session: 5, zxid: 7 }),
      ),
    ).toEqual([]);
  });

  test("who asks for a session that is gone is refused", () => {
    expect(faults([[5, 8]], connection(1, resume(5), { code: EXPIRED }))).toEqual([]);
  });

  test("a session replaces one that ended long ago", () => {
    expect(faults([[5, 8]], connection(1, replace(5), { session: 12, zxid: 12 }))).toEqual([]);
  });

  test("the end itself is told on its connection, and refusals after it", () => {
    expect(faults([[5, 8]], connection(1, fresh, { session: 5, zxid: 5 }, [reply(8), reply(9, EXPIRED)]))).toEqual([]);
  });

  test("a Hello is never answered, and another one opens the next session", () => {
    const [lost] = connection(1, fresh, { session: 5, zxid: 5 });
    expect(faults([], [lost!], connection(2, fresh, { session: 6, zxid: 6 }))).toEqual([]);
  });
});
