/**
 * From wishing to holding: a place in the queue, one's turn, and a last look before anybody is told.
 *
 * For authors of recipes: `acquire` is all of it. What differs from recipe to recipe goes in as `Queueing` and `make`; where the steps
 * themselves differ, `join`, `orLeave` and `confirmed` are those that must not be left out, and `inTime` is around them all.
 */
import {
  type CallOptions,
  type Client,
  CorralError,
  type Deadline,
  isCorralError,
  type SessionInfo,
} from "@corral/client";
import { contenderData } from "./contender-data.ts";
import type { HoldOptions } from "./held.ts";
import type { Holding } from "./holding.ts";
import { sessionFor } from "./in-session.ts";
import { unseen } from "./let-go.ts";
import { leavePlace, type Place, takePlace } from "./place.ts";
import { awaitTurn, type Blocks, type OnWait } from "./turn.ts";

/** For as long as it takes unless `timeoutMs` says otherwise: what is waited for is people, not the server. */
export interface AcquireOptions extends CallOptions, HoldOptions {
  /** Called each time that there is somebody to wait for. */
  readonly onWait?: OnWait | undefined;
}

/** One queue, and what this contender is in it for. */
export interface Queueing {
  /** For errors: `lock.acquire`. */
  readonly op: string;
  /** The path given to the recipe: the queue's znode. */
  readonly name: string;
  /** Of the contender's name, drawn for this one time. */
  readonly prefix: string;
  readonly identity: string;
  readonly blocks: Blocks;
}

/** The deadline of a call that waits for others. */
export function patient(client: Client, op: string, options: CallOptions | undefined): Deadline {
  return client.deadline(op, { signal: options?.signal, timeoutMs: options?.timeoutMs ?? Infinity });
}

/**
 * Rejects with `SESSION_EXPIRED` when the session ends meanwhile (the place in the queue is lost with it; the same call may be made
 * again), `GUARD_FAILED` when somebody deleted the contender, `ABORTED`, `TIMEOUT`. Whatever it rejects with, no contender stays.
 */
export async function acquire<H extends Holding>(
  client: Client,
  queueing: Queueing,
  options: AcquireOptions | undefined,
  make: (place: Place) => H,
): Promise<H> {
  const deadline = patient(client, queueing.op, options);
  return inTime(deadline, queueUp(client, queueing, deadline, options, make), queueing.name);
}

async function queueUp<H extends Holding>(
  client: Client,
  queueing: Queueing,
  deadline: Deadline,
  options: AcquireOptions | undefined,
  make: (place: Place) => H,
): Promise<H> {
  const { op, blocks } = queueing;
  const session = await sessionFor(client, deadline);
  const place = await join(client, session, queueing, deadline);
  const turn = awaitTurn(client, place, op, deadline, blocks, options?.onWait);
  const holding = await orLeave(
    client,
    place,
    turn.then(() => make(place)),
  );
  return confirmed(holding, op, deadline);
}

/** The end of the time, or the signal, is told as that of the whole call, not of the step that it struck. `path`: what the call is about. */
export async function inTime<T>(deadline: Deadline, steps: Promise<T>, path?: string): Promise<T> {
  try {
    return await steps;
  } catch (error) {
    const isOver = isCorralError(error, "TIMEOUT", "ABORTED");
    throw isOver ? ofWhole(deadline, error, path) : error;
  }
}

function ofWhole(deadline: Deadline, ofStep: CorralError, path: string | undefined): CorralError {
  try {
    deadline.check();
  } catch (error) {
    const { code, op, cause } = error as CorralError;
    // A write that was sent may be done: only the step knows.
    const { outcome } = ofStep;
    return new CorralError(code, { op, detail: { path: path ?? ofStep.path }, outcome, cause });
  }
  return ofStep;
}

/** A place at the end of the queue. */
export function join(client: Client, session: SessionInfo, queueing: Queueing, deadline: Deadline): Promise<Place> {
  const { op, name, prefix, identity } = queueing;
  return takePlace(client, session, op, deadline, { parent: name, prefix, data: contenderData.encode({ identity }) });
}

/** The holding, once it is known to be one; otherwise it is let go of. */
export async function confirmed<H extends Holding>(holding: H, op: string, deadline: Deadline): Promise<H> {
  try {
    await deadline.race(holding.confirm(op, deadline.rest()));
    return holding;
  } catch (error) {
    unseen(holding.release());
    throw error;
  }
}

/** What comes of having the place; if that fails, the place is given back, without making anybody wait for it. */
export async function orLeave<T>(client: Client, place: Place, use: Promise<T>): Promise<T> {
  try {
    return await use;
  } catch (error) {
    unseen(leavePlace(client, place));
    throw error;
  }
}
