/** All verbs of a queue. Whatever strikes them, no job is lost, none is there twice, and whoever comes next gets what is left at once. */
import { type Client, isCorralError, text } from "@corral/client";
import { expect } from "vitest";
import type { Job } from "../../../src/queue/job.ts";
import { type Queue, queue } from "../../../src/queue.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/queues/a";
/** Longer than whatever strikes. */
const DELAY_MS = 30_000;

const jobs = (client: Client, attemptsMax = 100): Queue<string> =>
  queue(client, PATH, { codec: text, depthMax: 100, attemptsMax });

const below = ({ server }: Stage, part: string): { path: string; czxid: number }[] =>
  server.dump().filter(({ path }) => path.startsWith(`${PATH}/${part}/`));

/** Nobody stands in the line or has a job; the other one gets these, in this order, each at once, and then there are none. */
async function leftAre(stage: Stage, values: readonly string[]): Promise<void> {
  const { other, eventually } = stage;
  expect([...below(stage, "line"), ...below(stage, "claims")]).toEqual([]);
  expect(await eventually(jobs(other).depth())).toBe(values.length);
  const left: string[] = [];
  while (left.length < values.length) {
    const job = await eventually(jobs(other).takeOne(), 1_000);
    left.push(job.value);
    await eventually(job.ack());
  }
  expect(left).toEqual(values);
}

/** The other one has a job, and stands in the line for another. */
interface Others {
  readonly job: Job<string>;
  readonly over: AbortController;
  readonly waiting: Promise<Job<string> | undefined>;
}

const codeOf = (outcome: Outcome): string | undefined =>
  "error" in outcome && isCorralError(outcome.error) ? outcome.error.code : undefined;

/** Of a write: done, not done, or nobody knows. */
function happened(outcome: Outcome): "yes" | "no" | "unknown" {
  if ("value" in outcome) return "yes";
  return isCorralError(outcome.error) ? outcome.error.outcome : "unknown";
}

/** Was it done? A job that was lost before is another's to do. */
async function acked(job: Job<string>, options?: { signal: AbortSignal }): Promise<boolean> {
  try {
    await job.ack(options);
    return true;
  } catch (error) {
    if (isCorralError(error, "GUARD_FAILED")) return false;
    throw error;
  }
}

async function prepare(stage: Stage, ...values: string[]): Promise<void> {
  for (const value of values) await stage.eventually(jobs(stage.other).put(value, { id: value }));
}

/** What the subject was about to end: gone if that was done, there if not. */
async function endedOrLeft(stage: Stage, outcome: Outcome, others: readonly string[]): Promise<void> {
  const depth = await stage.eventually(jobs(stage.other).depth());
  const isThere = depth > others.length;
  if ("value" in outcome) expect(isThere).toBe(outcome.value === false);
  await leftAre(stage, isThere ? ["a", ...others] : others);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "queue: put a job",
    act: ({ subject, signal }) => jobs(subject).put("a", { signal }),
    async settled(stage, outcome) {
      const depth = await stage.eventually(jobs(stage.other).depth());
      const did = happened(outcome);
      expect(did === "yes" ? [1] : did === "no" ? [0] : [0, 1]).toContain(depth);
      await leftAre(stage, depth === 1 ? ["a"] : []);
    },
  },
  {
    name: "queue: put a job with an id and a delay",
    act: ({ subject, signal }) => jobs(subject).put("a", { id: "a", delayMs: DELAY_MS, signal }),
    async settled(stage, outcome) {
      const { other, eventually, server } = stage;
      // Whatever came of it, done again it is done once.
      const { isNew } = await eventually(jobs(other).put("a", { id: "a", delayMs: DELAY_MS }));
      if (happened(outcome) !== "unknown") expect(isNew).toBe(happened(outcome) === "no");
      expect(await eventually(jobs(other).depth())).toBe(1);
      expect(below(stage, "claims")).toHaveLength(1);
      await server.clock.advance(DELAY_MS + 1_000);
      await leftAre(stage, ["a"]);
    },
  },
  {
    name: "queue: take a job and acknowledge it",
    prepare: (stage) => prepare(stage, "a", "b"),
    async act({ subject, signal }) {
      const job = await jobs(subject).takeOne({ signal });
      return acked(job, { signal });
    },
    async settled(stage, outcome) {
      // One that was aborted while it acknowledged still has it: its session does.
      if (codeOf(outcome) === "ABORTED") await stage.subject.close();
      await endedOrLeft(stage, outcome, ["b"]);
    },
  },
  {
    name: "queue: take a job and hold it",
    prepare: (stage) => prepare(stage, "a", "b"),
    act: ({ subject, signal }) => jobs(subject).takeOne({ signal }),
    async settled(stage, outcome) {
      const job = "value" in outcome ? (outcome.value as Job<string>) : undefined;
      expect(below(stage, "claims").map(({ czxid }) => czxid)).toEqual(job?.isValid === true ? [job.token] : []);
      await job?.release();
      await leftAre(stage, ["a", "b"]);
    },
  },
  {
    name: "queue: wait for a job that comes",
    async act({ subject, other, signal }) {
      other.clock.setTimeout(() => void jobs(other).put("a", { id: "a" }), 50);
      const job = await jobs(subject).takeOne({ signal });
      return acked(job);
    },
    async settled(stage, outcome) {
      await stage.server.clock.advance(100);
      await endedOrLeft(stage, outcome, []);
    },
  },
  {
    name: "queue: wait behind another one for a job that is given back",
    async prepare(stage) {
      const { other, eventually, server } = stage;
      await prepare(stage, "a");
      const job = await eventually(jobs(other).takeOne());
      const over = new AbortController();
      const waiting = jobs(other)
        .takeOne({ signal: over.signal })
        .catch(() => undefined);
      await server.clock.advance(100);
      return { job, over, waiting } satisfies Others;
    },
    async act({ subject, other, signal }, prepared) {
      const { job, over } = prepared as Others;
      const onWait = (): void => {
        over.abort();
        other.clock.setTimeout(() => void job.release(), 50);
      };
      return acked(await jobs(subject).takeOne({ signal, onWait }));
    },
    async settled(stage, outcome, prepared) {
      const { job, over, waiting } = prepared as Others;
      // They may never have been waited for.
      over.abort();
      await (await stage.eventually(waiting))?.release();
      await job.release();
      await endedOrLeft(stage, outcome, []);
    },
  },
  {
    name: "queue: give a job back with a delay and a reason",
    prepare: (stage) => prepare(stage, "a"),
    async act({ subject }) {
      await using job = await jobs(subject).takeOne();
      try {
        await job.nack({ delayMs: DELAY_MS, reason: "no" });
        return true;
      } catch (error) {
        if (isCorralError(error, "GUARD_FAILED")) return false;
        throw error;
      }
    },
    async settled(stage, outcome) {
      const delayed = below(stage, "claims").length === 1;
      if ("value" in outcome) expect(delayed).toBe(outcome.value);
      const [listed] = await listOf(stage);
      expect(listed).toMatchObject({
        value: "a",
        state: delayed ? "delayed" : "free",
        reason: delayed ? "no" : undefined,
      });
      await stage.server.clock.advance(DELAY_MS + 1_000);
      await leftAre(stage, ["a"]);
    },
  },
  {
    name: "queue: give up a job that was taken too often, and take the next",
    async prepare(stage) {
      await prepare(stage, "a", "b");
      await stage.eventually(
        jobs(stage.other)
          .takeOne()
          .then((job) => job.nack({ reason: "no" })),
      );
    },
    async act({ subject, signal }) {
      const job = await jobs(subject, 1).takeOne({ signal });
      return acked(job);
    },
    async settled(stage, outcome) {
      const listed = await listOf(stage);
      const letters = [];
      for await (const { value, reason } of jobs(stage.other).dead.list()) letters.push({ value, reason });
      const isDead = letters.length === 1;
      if (isDead) expect(letters).toEqual([{ value: "a", reason: "no" }]);
      expect(listed.some(({ value }) => value === "a")).toBe(!isDead);
      if ("value" in outcome)
        expect([isDead, listed.some(({ value }) => value === "b")]).toEqual([true, !outcome.value]);
      await leftAre(
        stage,
        listed.map(({ value }) => value!),
      );
    },
  },
  {
    name: "queue: put dead letters back",
    async prepare(stage) {
      await prepare(stage, "a", "b");
      for (let i = 0; i < 2; i++)
        await stage.eventually(
          jobs(stage.other, 1)
            .takeOne()
            .then((job) => job.nack()),
        );
    },
    act: ({ subject, signal }) => jobs(subject).dead.redrive({ signal }),
    async settled(stage, outcome) {
      const listed = (await listOf(stage)).map(({ value }) => value!);
      const letters = [];
      for await (const { value } of jobs(stage.other).dead.list()) letters.push(value);
      expect(new Set([...listed, ...letters])).toEqual(new Set(["a", "b"]));
      expect(listed.length + letters.length).toBe(2);
      if ("value" in outcome) expect(outcome.value).toBe(2);
      await leftAre(stage, listed);
      expect(await stage.eventually(jobs(stage.other).dead.redrive())).toBe(letters.length);
    },
  },
];

async function listOf({
  other,
}: Stage): Promise<{ value: string | undefined; state: string; reason: string | undefined }[]> {
  const all = [];
  for await (const { value, state, reason } of jobs(other).list()) all.push({ value, state, reason });
  return all;
}
