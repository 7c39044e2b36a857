/** All verbs of a lock. Whatever strikes them, the next one gets the lock at once, and nobody stands in the queue who does not know it. */
import { isCorralError } from "@corral/client";
import { expect } from "vitest";
import type { Held } from "../../../src/index.ts";
import { lock } from "../../../src/lock.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/locks/a";

/** Nobody else is there: the other one holds it within a second, with a token greater than any before. */
async function isFree({ other, server, eventually }: Stage, after = 0): Promise<void> {
  const held = await eventually(lock(other, PATH).acquire(), 1_000);
  expect(held.isValid).toBe(true);
  expect(held.token).toBeGreaterThan(after);
  expect(server.dump().filter(({ path }) => path.startsWith(`${PATH}/`))).toMatchObject([{ path: held.path }]);
  expect(await held.release()).toBe("released");
}

const tokenOf = (outcome: Outcome): number => ("value" in outcome ? ((outcome.value as number | undefined) ?? 0) : 0);

export const scenarios: readonly Scenario[] = [
  {
    name: "lock: acquire a free one, and release",
    async act({ subject, signal }) {
      const held = await lock(subject, PATH).acquire({ signal });
      await held.release();
      return held.token;
    },
    settled: (stage, outcome) => isFree(stage, tokenOf(outcome)),
  },
  {
    name: "lock: acquire a free one, and hold",
    act: ({ subject, signal }) => lock(subject, PATH).acquire({ signal }),
    async settled(stage, outcome) {
      // What was struck may be lost, but who has it holds it, and the server says the same.
      const held = "value" in outcome ? (outcome.value as Held) : undefined;
      const owners = stage.server.dump().filter(({ path }) => path.startsWith(`${PATH}/`));
      expect(owners.map(({ czxid }) => czxid)).toEqual(held?.isValid === true ? [held.token] : []);
      await held?.release();
      await isFree(stage, held?.token);
    },
  },
  {
    name: "lock: acquire behind two others",
    async prepare({ other }) {
      const held = await lock(other, PATH).acquire();
      const next = lock(other, PATH).acquire();
      return { held, next };
    },
    async act({ subject, signal }, prepared) {
      const { held, next } = prepared as { held: Held; next: Promise<Held> };
      void next.then((then) => then.release());
      const mine = await lock(subject, PATH).acquire({ signal, onWait: () => void held.release() });
      const { token } = mine;
      await mine.release();
      return token;
    },
    async settled(stage, outcome, prepared) {
      const { held, next } = prepared as { held: Held; next: Promise<Held> };
      // They may never have been waited for.
      await held.release();
      await (await next).release();
      await isFree(stage, tokenOf(outcome));
    },
  },
  {
    name: "lock: release",
    prepare: ({ subject }) => lock(subject, PATH).acquire(),
    act: ({ signal }, prepared) => (prepared as Held).release({ signal }),
    async settled(stage, outcome, prepared) {
      const held = prepared as Held;
      expect(held.isValid).toBe(false);
      expect(held.signal.aborted).toBe(true);
      expect(outcome).toHaveProperty("value");
      await isFree(stage, held.token);
      if ("value" in outcome && outcome.value !== "will-be-released") expect(await held.release()).toBe("was-gone");
    },
  },
  {
    name: "lock: tryAcquire a free one",
    async act({ subject, signal }) {
      const held = await lock(subject, PATH).tryAcquire({ signal });
      expect(held).toBeDefined();
      await held?.release();
      return held?.token;
    },
    settled: (stage, outcome) => isFree(stage, tokenOf(outcome)),
  },
  {
    name: "lock: tryAcquire one that is held",
    prepare: ({ other }) => lock(other, PATH).acquire(),
    act: ({ subject, signal }) => lock(subject, PATH).tryAcquire({ signal }),
    async settled(stage, outcome, prepared) {
      const held = prepared as Held;
      if ("value" in outcome) expect(outcome.value).toBeUndefined();
      expect(held.isValid).toBe(true);
      await held.release();
      await isFree(stage, held.token);
    },
  },
  {
    name: "lock: with",
    act: ({ subject, signal }) =>
      lock(subject, PATH).with(
        async (held) => {
          await subject.create("/done", null, { guard: held.guard });
          return held.token;
        },
        { signal },
      ),
    async settled(stage, outcome) {
      const node = await stage.other.stat("/done");
      // What the work came to is only told where it was done under the lock.
      if ("value" in outcome) expect(node?.czxid).toBeGreaterThan(tokenOf(outcome));
      await isFree(stage, Math.max(tokenOf(outcome), node?.czxid ?? 0));
    },
  },
  {
    name: "lock: requestRevoke",
    prepare: ({ other }) => lock(other, PATH).acquire(),
    act: ({ subject, signal }) => lock(subject, PATH, { identity: "ops" }).requestRevoke("deploy", { signal }),
    async settled(stage, outcome, prepared) {
      const held = prepared as Held;
      expect(held.isValid).toBe(true);
      const mayBeAsked = "value" in outcome || isCorralError(outcome.error, "ABORTED", "OUTCOME_UNKNOWN");
      if ("value" in outcome) expect(outcome.value).toBe(true);
      if ("value" in outcome || (mayBeAsked && held.revokeRequested.aborted))
        expect(held.revokeRequested.reason).toEqual({ by: "ops", why: "deploy" });
      else if (!mayBeAsked) expect(held.revokeRequested.aborted).toBe(false);
      await held.release();
      await isFree(stage, held.token);
    },
  },
  {
    name: "lock: evict",
    prepare: ({ other }) => lock(other, PATH).acquire(),
    act: ({ subject, signal }, prepared) => lock(subject, PATH).evict((prepared as Held).token, { signal }),
    async settled(stage, outcome, prepared) {
      const held = prepared as Held;
      const isGone = !stage.server.dump().some(({ czxid }) => czxid === held.token);
      if ("value" in outcome) {
        expect(outcome.value).toBe(true);
        expect(isGone).toBe(true);
      }
      // Whoever held it knows what became of it.
      expect(held.isValid).toBe(!isGone);
      if (isGone) expect((held.signal.reason as { code: string }).code).toBe("GUARD_FAILED");
      await held.release();
      await isFree(stage, held.token);
    },
  },
];
