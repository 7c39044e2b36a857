/** Reading, writing, and downgrading. Whatever strikes, nobody who does not know it stands in the queue, and no writer gets in between. */
import { expect } from "vitest";
import type { Held } from "../../../src/hold/held.ts";
import { type ReadWriteLock, readWriteLock } from "../../../src/read-write-lock.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/locks/a";

const inQueue = ({ server }: Stage): readonly { path: string; czxid: number }[] =>
  server.dump().filter(({ path }) => path.startsWith(`${PATH}/`));

/** Nobody else is there: the other one may write within a second, with a token greater than any before. */
async function isFree(stage: Stage, after = 0): Promise<void> {
  const held = await stage.eventually(readWriteLock(stage.other, PATH).write.acquire(), 1_000);
  expect(held.isValid).toBe(true);
  expect(held.token).toBeGreaterThan(after);
  expect(inQueue(stage)).toMatchObject([{ path: held.path }]);
  expect(await held.release()).toBe("released");
}

const tokenOf = (outcome: Outcome): number => ("value" in outcome ? ((outcome.value as number | undefined) ?? 0) : 0);
const heldOf = (outcome: Outcome): Held | undefined =>
  "value" in outcome ? (outcome.value as Held | undefined) : undefined;

interface Downgrading {
  readonly mine: ReadWriteLock;
  readonly held: Held;
  /** A writer that queues behind. */
  readonly next: Promise<Held>;
}

export const scenarios: readonly Scenario[] = [
  {
    name: "read-write lock: write, downgrade, release",
    async act({ subject, signal }) {
      const mine = readWriteLock(subject, PATH);
      const writing = await mine.write.acquire({ signal });
      const reading = await mine.downgrade(writing, { signal });
      expect(reading.token).toBe(writing.token);
      await reading.release();
      return reading.token;
    },
    settled: (stage, outcome) => isFree(stage, tokenOf(outcome)),
  },
  {
    name: "read-write lock: downgrade before a writer that waits",
    async prepare({ subject, other, server }): Promise<Downgrading> {
      const mine = readWriteLock(subject, PATH);
      const held = await mine.write.acquire();
      const next = readWriteLock(other, PATH).write.acquire();
      await server.clock.runUntilIdle();
      return { mine, held, next };
    },
    act({ signal }, prepared) {
      const { mine, held } = prepared as Downgrading;
      return mine.downgrade(held, { signal });
    },
    async settled(stage, outcome, prepared) {
      const { held, next } = prepared as Downgrading;
      expect(held.isValid).toBe(false);
      const { code } = held.signal.reason as { code: string };
      if ("value" in outcome) expect(code).toBe("CLOSED");
      else expect(["CLOSED", "SESSION_EXPIRED"]).toContain(code);
      const reading = heldOf(outcome);
      if (reading?.isValid === true) {
        expect(inQueue(stage)).toHaveLength(2);
        await reading.release();
      }
      // Whatever it came to: with nobody reading any more it is the writer's turn, with a greater token.
      const writing = await stage.eventually(next, 1_000);
      expect(writing.token).toBeGreaterThan(held.token);
      expect(inQueue(stage)).toMatchObject([{ czxid: writing.token }]);
      expect(await held.release()).toBe("was-gone");
      await writing.release();
      await isFree(stage, writing.token);
    },
  },
  {
    name: "read-write lock: read behind a writer",
    prepare: ({ other }) => readWriteLock(other, PATH).write.acquire(),
    async act({ subject, signal }, prepared) {
      const onWait = (): void => void (prepared as Held).release();
      const mine = await readWriteLock(subject, PATH).read.acquire({ signal, onWait });
      await mine.release();
      return mine.token;
    },
    async settled(stage, outcome, prepared) {
      // It may never have been waited for.
      await (prepared as Held).release();
      await isFree(stage, tokenOf(outcome));
    },
  },
  {
    name: "read-write lock: tryAcquire to read beside a reader",
    prepare: ({ other }) => readWriteLock(other, PATH).read.acquire(),
    act: ({ subject, signal }) => readWriteLock(subject, PATH).read.tryAcquire({ signal }),
    async settled(stage, outcome, prepared) {
      const theirs = prepared as Held;
      const mine = heldOf(outcome);
      if ("value" in outcome) expect(mine).toBeDefined();
      expect(theirs.isValid).toBe(true);
      const valid = [theirs, ...(mine?.isValid === true ? [mine] : [])];
      expect(inQueue(stage).map(({ czxid }) => czxid)).toEqual(valid.map(({ token }) => token));
      await theirs.release();
      await mine?.release();
      await isFree(stage, theirs.token);
    },
  },
];
