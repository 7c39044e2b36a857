/**
 * What stands where below a queue's znode:
 *
 * - `items/<priority>/<name>` one znode a job, persistent: the job exists as long as this. The server lists children in the order of
 *   their creation, so that is the order of the queue, and the oldest of a priority are had without reading the others.
 * - `claims/<name>` whose job it is at present: an ephemeral of the holder's session. While a job is not due yet: a znode with a time to
 *   live, which the server reaps by its own clock. A job without a claim is free.
 * - `done/<name>` an id that was acknowledged and must not come again; goes after its time to live.
 * - `line/` the consumers that wait, in the order of their coming.
 * - `dead/letter-<number>` what was given up on, unless the queue was given another place for that.
 */
import { CorralError, type Random } from "@corral/client";
import { childOf } from "../hold/place.ts";
import { ID_BYTES_MAX, PRIORITIES } from "./limits.ts";

export interface QueuePaths {
  readonly queue: string;
  /** By priority. */
  readonly items: readonly string[];
  readonly claims: string;
  readonly done: string;
  readonly line: string;
  readonly dead: string;
}

export function pathsOf(queue: string, deadLetters: string | undefined): QueuePaths {
  const items = childOf(queue, "items");
  return {
    queue,
    items: Array.from({ length: PRIORITIES }, (_, priority) => childOf(items, String(priority))),
    claims: childOf(queue, "claims"),
    done: childOf(queue, "done"),
    line: childOf(queue, "line"),
    dead: deadLetters ?? childOf(queue, "dead"),
  };
}

export const itemPath = (paths: QueuePaths, priority: number, name: string): string =>
  childOf(paths.items[priority]!, name);
export const claimPath = (paths: QueuePaths, name: string): string => childOf(paths.claims, name);
export const donePath = (paths: QueuePaths, name: string): string => childOf(paths.done, name);

const PREFIX = "j-";

/** Of a job's znodes. Any text may be an id; paths take fewer. */
export const nameOf = (id: string): string => `${PREFIX}${encodeURIComponent(id)}`;

/** A znode that somebody else made is known by its name. */
export function idOf(name: string): string {
  if (!name.startsWith(PREFIX)) return name;
  try {
    return decodeURIComponent(name.slice(PREFIX.length));
  } catch (error) {
    if (error instanceof URIError) return name;
    throw error;
  }
}

/** Throws `BAD_ARGUMENTS` for one that is too long, or that no path can be made of. */
export function checkId(op: string, path: string, id: string): string {
  const actual = new TextEncoder().encode(id).length;
  const fault = (means: string): CorralError =>
    new CorralError("BAD_ARGUMENTS", { op, detail: { path, name: "id", limit: ID_BYTES_MAX, actual }, means });
  if (actual > ID_BYTES_MAX) throw fault("the id is too long, in bytes of UTF-8");
  try {
    nameOf(id);
  } catch (error) {
    if (error instanceof URIError) throw fault("the id has half of a surrogate pair");
    throw error;
  }
  return id;
}

/** 24 random hexadecimal digits: nobody draws the same. */
export function drawId(random: Random): string {
  return Array.from(random(12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The queue's part of a path that was told by a watch. */
type Told =
  | { readonly of: "item" | "claim"; readonly name: string }
  | { readonly of: "place"; readonly path: string }
  | undefined;

export function toldOf(paths: QueuePaths, path: string): Told {
  const slash = path.lastIndexOf("/");
  const [parent, name] = [path.slice(0, slash), path.slice(slash + 1)];
  if (parent === paths.claims) return { of: "claim", name };
  if (parent === paths.line) return { of: "place", path };
  return paths.items.includes(parent) ? { of: "item", name } : undefined;
}
