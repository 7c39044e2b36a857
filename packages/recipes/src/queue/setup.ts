/** A queue as it was asked for: what all its verbs share. */
import { type Client, type Codec, CorralError } from "@corral/client";
import { checkIdentity, drawIdentity } from "../hold/contender-data.ts";
import { pathsOf, type QueuePaths } from "./layout.ts";
import { ATTEMPTS_MAX_DEFAULT, VISIBILITY_MS_MAX } from "./limits.ts";

export interface QueueOptions<T> {
  /** Of the jobs' values. A job whose value it refuses goes to the dead letters, so that it stands in nobody's way. */
  readonly codec: Codec<T>;
  /**
   * Jobs in the queue, with those in work and those not yet due; one that is put while there are so many is refused with `LIMIT_EXCEEDED`.
   * So is one that is put while there are so many dead letters. Jobs that are put at the same moment may each find room.
   */
  readonly depthMax: number;
  /** A job that has been taken so often and never acknowledged goes to the dead letters. Infinity: never. Default 10. */
  readonly attemptsMax?: number | undefined;
  /**
   * A holder gives a job back by itself when it has neither ended it nor called `extend` for so long, milliseconds: for work that hangs
   * in a process that lives. Default: as long as the session.
   */
  readonly visibilityMs?: number | undefined;
  /** Where the dead letters of this queue are kept. Default `dead`, below the queue's znode. */
  readonly deadLetters?: string | undefined;
  /** Who this is, for people. At most 1,024 bytes. Default: random. */
  readonly identity?: string | undefined;
}

export interface QueueSetup<T> {
  readonly client: Client;
  readonly paths: QueuePaths;
  readonly codec: Codec<T>;
  readonly depthMax: number;
  readonly attemptsMax: number;
  readonly visibilityMs: number | undefined;
  readonly identity: string;
}

/** Throws `BAD_ARGUMENTS`. */
export function setupOf<T>(client: Client, path: string, options: QueueOptions<T>): QueueSetup<T> {
  const { codec, depthMax, attemptsMax = ATTEMPTS_MAX_DEFAULT, visibilityMs, deadLetters, identity } = options;
  checkNumber("queue", path, "depthMax", depthMax, 1);
  if (attemptsMax !== Infinity) checkNumber("queue", path, "attemptsMax", attemptsMax, 1);
  if (visibilityMs !== undefined) checkNumber("queue", path, "visibilityMs", visibilityMs, 1, VISIBILITY_MS_MAX);
  return {
    client,
    paths: pathsOf(path, deadLetters),
    codec,
    depthMax,
    attemptsMax,
    visibilityMs,
    identity: checkIdentity("queue", path, identity ?? drawIdentity(client.random)),
  };
}

/** Throws `BAD_ARGUMENTS` unless it is a whole number from `least` to `most`. */
export function checkNumber(
  op: string,
  path: string,
  name: string,
  actual: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(actual) && actual >= least && actual <= most) return actual;
  const detail = { path, name, limit: actual < least ? least : most, actual };
  throw new CorralError("BAD_ARGUMENTS", { op, detail, means: `it is no whole number from ${least} to ${most}` });
}
