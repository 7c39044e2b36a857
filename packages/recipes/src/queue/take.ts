/**
 * Waiting for a job. The consumers stand in a line, and only the first of them looks for work and watches for it; whoever has taken
 * a job has left the line, so the next one looks. A job that is put or given back wakes one consumer, and one that is acknowledged nobody.
 */
import { CorralError, type Deadline, isCorralError, type Watch } from "@corral/client";
import { type AcquireOptions, confirmed, inTime, orLeave, patient } from "../hold/acquire.ts";
import { contenderData } from "../hold/contender-data.ts";
import { drawPrefix } from "../hold/contender-name.ts";
import { sessionFor, whileIn } from "../hold/in-session.ts";
import { unseen } from "../hold/let-go.ts";
import { evicted, type Place, takePlace } from "../hold/place.ts";
import { awaitTurn, nearest } from "../hold/turn.ts";
import { claim, type Claimed, findFree } from "./claim.ts";
import { type Job, TakenJob } from "./job.ts";
import { toldOf } from "./layout.ts";
import type { QueueSetup } from "./setup.ts";

export type TakeOptions = AcquireOptions;

export async function takeOne<T>(setup: QueueSetup<T>, options?: TakeOptions): Promise<Job<T>> {
  const op = "queue.take";
  const deadline = patient(setup.client, op, options);
  return inTime(deadline, standInLine(setup, op, deadline, options));
}

async function standInLine<T>(
  setup: QueueSetup<T>,
  op: string,
  deadline: Deadline,
  options: TakeOptions | undefined,
): Promise<Job<T>> {
  const { client, paths, identity } = setup;
  const session = await sessionFor(client, deadline);
  const place = await takePlace(client, session, op, deadline, {
    parent: paths.line,
    prefix: drawPrefix(client.random, "curator", "lock"),
    data: contenderData.encode({ identity }),
  });
  const turn = awaitTurn(client, place, op, deadline, nearest, options?.onWait);
  const claimed = await orLeave(
    client,
    place,
    turn.then(() => awaitJob(setup, place, op, deadline)),
  );
  return confirmed(new TakenJob(setup, claimed, options), op, deadline);
}

/** By the first in the line. The watch is set when a first look has found nothing, so a queue with work costs none. */
async function awaitJob<T>(setup: QueueSetup<T>, place: Place, op: string, deadline: Deadline): Promise<Claimed<T>> {
  let watch: Watch | undefined;
  try {
    for (;;) {
      const free = await whileIn(place.session, op, place.path, findFree(setup, op, deadline));
      const claimed = free === undefined ? undefined : await claim(setup, place, free, op, deadline);
      if (claimed !== undefined) return claimed;
      if (free !== undefined) continue;
      if (watch === undefined) watch = await watchQueue(setup, place, op, deadline);
      else await awaitNews(setup, place, watch, op, deadline);
    }
  } finally {
    await watch?.close();
  }
}

async function watchQueue<T>(
  { client, paths }: QueueSetup<T>,
  place: Place,
  op: string,
  deadline: Deadline,
): Promise<Watch> {
  const adding = client.addWatch(paths.queue, { ...deadline.rest(), recursive: true });
  try {
    return await whileIn(place.session, op, place.path, adding);
  } catch (error) {
    unseen(adding.then((watch) => watch.close()));
    throw error;
  }
}

/** Until there may be a job to take: one was put, or lost its claim. Rejects with `GUARD_FAILED` when the place is gone. */
async function awaitNews<T>(
  { client, paths }: QueueSetup<T>,
  place: Place,
  watch: Watch,
  op: string,
  deadline: Deadline,
): Promise<void> {
  /** Of the item that went last: the claim that goes with it is no news. */
  let ended: string | undefined;
  for (;;) {
    const next = await deadline.race(whileIn(place.session, op, place.path, watch.next()));
    if (next.done === true) {
      // The signal ends the watch, too.
      deadline.check();
      throw new CorralError("CLOSED", { op, detail: { path: paths.queue }, outcome: "no" });
    }
    const { kind, path } = next.value;
    if (kind === "resync") return;
    const told = toldOf(paths, path);
    if (told?.of === "item" && kind === "created") return;
    if (told?.of === "item" && kind === "deleted") ended = told.name;
    if (told?.of === "claim" && kind === "deleted" && told.name !== ended) return;
    if (told?.of === "place" && kind === "deleted" && told.path === place.path) {
      // Asked, since it is gone also when the client is being closed: then that is what is wrong.
      await whileIn(place.session, op, place.path, client.exists(place.path, deadline.rest()));
      throw evicted(op, place.path);
    }
  }
}

/** One after the other. Goes on in the next session when one has ended: nothing of the call was left in that. */
export async function* take<T>(setup: QueueSetup<T>, options?: TakeOptions): AsyncGenerator<Job<T>, void, undefined> {
  for (;;) {
    const job = await takeOne(setup, options).catch((error: unknown) => {
      if (isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN")) return undefined;
      if (isCorralError(error, "ABORTED") && options?.signal?.aborted === true) return null;
      throw error;
    });
    if (job === null) return;
    if (job !== undefined) yield job;
  }
}
