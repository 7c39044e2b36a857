/** How changes of in-sync replicas are written: what goes together, and what each refusal means. */
import { type Client, CorralError, type Guard, type Operation } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type IsrChange, IsrChanges, type IsrOutcome } from "../src/host/isr-changes.ts";
import type { Life } from "../src/host/life.ts";
import { ISR_CHANGES_MAX } from "../src/host/limits.ts";
import { fresh } from "./cluster.ts";

const OWN = { path: "/brokers/1", czxid: 5 };
const joining = (broker: number): Guard => ({ path: `/brokers/${broker}`, mzxid: 8 });
const staying = (broker: number): Guard => ({ path: `/brokers/${broker}`, czxid: 7 });

interface Request {
  readonly operations: number;
  readonly guard: readonly Guard[];
}

/** Answers each request as it is told, the last answer over and over. */
async function stage(answers: readonly (CorralError | CorralError[] | undefined)[]) {
  const server = await startTestServer();
  const client = await server.connect();
  const requests: Request[] = [];
  const told: string[] = [];
  const over = new AbortController();
  const answering: Client = Object.create(client, {
    multiEach: {
      value: (operations: readonly Operation<unknown>[], { guard }: { guard: readonly Guard[] }) => {
        const answer = answers[Math.min(requests.length, answers.length - 1)];
        requests.push({ operations: operations.length, guard });
        if (answer instanceof CorralError) return Promise.reject(answer);
        const result = (at: number): unknown =>
          answer?.[at] === undefined ? { ok: true, value: { version: 1, mzxid: 9 } } : { ok: false, error: answer[at] };
        return Promise.resolve(operations.map((_, at) => result(at)));
      },
    },
  });
  const life = { signal: over.signal, guard: OWN } as Partial<Life> as Life;
  const changes = new IsrChanges(answering, life, {
    over: (why) => told.push(`over ${why.code}`),
    failed: (why) => told.push(`failed ${why.code}`),
  });
  const outcomes: string[] = [];
  const add = (path: string, ...guards: IsrChange["guards"]): void => {
    const settle = ({ kind }: IsrOutcome): void => void outcomes.push(`${path} ${kind}`);
    changes.add({ path, version: 0, state: fresh([1]), guards, settle });
  };
  return { server, requests, told, outcomes, add, over, [Symbol.asyncDispose]: () => server.close() };
}

describe("changes that wait", () => {
  test("go together, with the guards of all of them, each once, up to so many in one transaction", async () => {
    await using on = await stage([undefined]);
    for (let at = 0; at < ISR_CHANGES_MAX + 1; at += 1) on.add(`/p/${at}`, staying(2));
    for (let at = 0; at < 3; at += 1) on.add(`/q/${at}`, joining(2), staying(3));
    on.add("/r/0", joining(3), staying(2));
    await on.server.clock.runUntilIdle();
    expect(on.requests).toEqual([
      { operations: ISR_CHANGES_MAX, guard: [OWN, staying(2)] },
      { operations: 5, guard: [OWN, staying(2), joining(2), staying(3), joining(3)] },
    ]);
    expect(new Set(on.outcomes.map((outcome) => outcome.split(" ")[1]))).toEqual(new Set(["written"]));
  });
});

describe("a refusal", () => {
  test("of single changes is theirs alone: overtaken by others, or to be tried later", async () => {
    const refused = [new CorralError("BAD_VERSION"), new CorralError("NO_NODE"), new CorralError("NO_AUTH")];
    await using on = await stage([refused]);
    for (const path of ["/a", "/b", "/c", "/d"]) on.add(path);
    await on.server.clock.runUntilIdle();
    expect(on.outcomes).toEqual(["/a overtaken", "/b overtaken", "/c later", "/d written"]);
    expect(on.told).toEqual(["failed NO_AUTH"]);
  });

  test("by the guard of who was to come is no reason to end", async () => {
    await using on = await stage([new CorralError("GUARD_FAILED", { detail: { index: 1 } })]);
    on.add("/a", joining(2));
    await on.server.clock.runUntilIdle();
    expect([on.outcomes, on.told]).toEqual([["/a ineligible"], []]);
  });

  test("by a guard is of those that want it, and the others are written at once", async () => {
    await using on = await stage([new CorralError("GUARD_FAILED", { detail: { index: 2 } }), undefined]);
    on.add("/a", staying(2));
    on.add("/b", joining(3));
    on.add("/c", staying(2), joining(3));
    on.add("/d");
    await on.server.clock.runUntilIdle();
    expect(on.outcomes).toEqual(["/b ineligible", "/c ineligible", "/a written", "/d written"]);
    expect(on.requests.at(-1)).toEqual({ operations: 2, guard: [OWN, staying(2)] });
  });

  test.each([
    new CorralError("GUARD_FAILED", { detail: { index: 0 } }),
    new CorralError("SESSION_EXPIRED"),
    new CorralError("OUTCOME_UNKNOWN"),
    new CorralError("CLOSED"),
  ])("that says that this life is over ends it, and leaves open what became of the change: $code", async (error) => {
    await using on = await stage([error]);
    on.add("/a", joining(2));
    await on.server.clock.runUntilIdle();
    expect([on.outcomes, on.told]).toEqual([["/a overtaken"], [`over ${error.code}`]]);
  });

  test("for overload is told, and followed by a pause that grows, in which others wait too", async () => {
    await using on = await stage([new CorralError("OVERLOADED")]);
    for (let at = 0; at < 200; at += 1) {
      on.add(`/${at}`);
      await on.server.clock.advance(20);
    }
    expect(on.requests.length).toBeLessThan(30);
    expect(on.told.length).toBe(on.requests.length);
    on.over.abort();
    await on.server.clock.advance(10_000);
    expect(on.server.leaks().timers).toBeLessThanOrEqual(3);
    const { length } = on.requests;
    on.add("/late");
    await on.server.clock.advance(10_000);
    expect(on.requests).toHaveLength(length);
  });
});
