import { json } from "@corral/client";
import { expect } from "vitest";
import { type Registration, register } from "../../../src/registration.ts";
import type { Scenario, Stage } from "../scenario.ts";

const codec = json<number>();
const PATH = "/ids/1";
/** Longer than any fault lasts: a loss of the session is no reason to give up. */
const timeoutMs = 60_000;

const there = ({ server }: Stage) => server.dump().filter(({ path }) => path.startsWith("/ids/"));
const valueAt = (stage: Stage): unknown => JSON.parse(new TextDecoder().decode(there(stage)[0]?.data ?? undefined));

/** Exactly one znode, of the subject's present session, and the registration knows it. */
function isRegistered(stage: Stage, registration: Registration<number>): void {
  expect(there(stage)).toEqual([
    expect.objectContaining({ path: PATH, owner: stage.subject.session!.id, czxid: registration.epoch }),
  ]);
  expect(registration).toMatchObject({ state: "registered", isValid: true });
}

/** Nobody is in the way of the next. */
async function isFree(stage: Stage): Promise<void> {
  expect(there(stage)).toEqual([]);
  const next = await stage.eventually(register(stage.other, PATH, 9, { codec, parents: true }), 1_000);
  await stage.eventually(next.unregister());
}

export const scenarios: readonly Scenario[] = [
  {
    name: "registration: register and unregister",
    async act({ subject, signal }) {
      const registration = await register(subject, PATH, 1, { codec, parents: true, signal, timeoutMs });
      await registration.unregister({ timeoutMs });
    },
    settled: isFree,
  },
  {
    name: "registration: register and stay",
    prepare: ({ subject }) => subject.create("/ids"),
    act: ({ subject, signal }) => register(subject, PATH, 1, { codec, signal, timeoutMs }),
    async settled(stage, outcome) {
      if ("error" in outcome) return isFree(stage);
      const registration = outcome.value as Registration<number>;
      isRegistered(stage, registration);
      await stage.eventually(registration.unregister());
    },
  },
  {
    name: "registration: update",
    prepare: ({ subject }) => register(subject, PATH, 1, { codec, parents: true }),
    act: (stage, prepared) => (prepared as Registration<number>).update(2, { signal: stage.signal, timeoutMs }),
    async settled(stage, outcome, prepared) {
      const registration = prepared as Registration<number>;
      isRegistered(stage, registration);
      expect("error" in outcome ? [1, 2] : [2]).toContain(valueAt(stage));
      await stage.eventually(registration.unregister());
    },
  },
  {
    name: "registration: take over",
    prepare: ({ other }) => register(other, PATH, 1, { codec, parents: true }),
    act: ({ subject, signal }) =>
      register(subject, PATH, 2, { codec, parents: true, onConflict: "take-over", signal, timeoutMs }),
    async settled(stage, outcome, prepared) {
      const former = prepared as Registration<number>;
      if ("error" in outcome) {
        // Given up underway, it has left the path to the other, or free.
        await stage.eventually(former.unregister());
        return isFree(stage);
      }
      const registration = outcome.value as Registration<number>;
      isRegistered(stage, registration);
      expect(valueAt(stage)).toBe(2);
      expect(registration.epoch).toBeGreaterThan(former.guard.czxid);
      expect(former.isValid).toBe(false);
      await stage.eventually(registration.unregister());
    },
  },
  {
    name: "registration: wait for another to go",
    prepare: ({ other }) => register(other, PATH, 1, { codec, parents: true }),
    async act({ subject, other, signal }, prepared) {
      other.clock.setTimeout(() => void (prepared as Registration<number>).unregister({ timeoutMs }), 10);
      return register(subject, PATH, 2, { codec, parents: true, onConflict: "wait", signal, timeoutMs });
    },
    async settled(stage, outcome, prepared) {
      await stage.eventually((prepared as Registration<number>).unregister());
      if ("error" in outcome) return isFree(stage);
      const registration = outcome.value as Registration<number>;
      isRegistered(stage, registration);
      expect(valueAt(stage)).toBe(2);
      await stage.eventually(registration.unregister());
    },
  },
];
