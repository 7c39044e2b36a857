/**
 * The restoring of watches on a connection: the requests that it takes, and the events that arrive until the last of them is
 * answered. Nothing of those is told before: they come in no order, and more than once. A request that was sent again may set
 * a watch of its own, whose events come before older ones that another watch on the path has missed; and each setWatches
 * tells what its own watches have missed.
 */
import type { ProtocolLimits, RegisteredWatch } from "@corral/protocol";
import { CATCH_UP_EVENTS_MAX } from "../limits.ts";
import type { WatchEvent } from "./event.ts";
import type { Registration } from "./registration.ts";

/** Share of a request's bytes and elements that one setWatches fills. */
const BATCH_SHARE = 0.5;
const BATCH_WATCHES_MAX = 8_000;
/** Of a registered watch beside its path. */
const WATCH_BYTES = 24;

export class CatchUp {
  /** Requests that are not answered. */
  pending = 0;
  readonly #events = new Map<string, WatchEvent>();
  #isTooMany = false;

  add(event: WatchEvent): void {
    if (this.#isTooMany) return;
    this.#events.set(markOf(event), event);
    if (this.#events.size <= CATCH_UP_EVENTS_MAX) return;
    this.#isTooMany = true;
    this.#events.clear();
  }

  /** Each once, in the order in which they happened; undefined if there were more than are kept. */
  inOrder(): WatchEvent[] | undefined {
    return this.#isTooMany ? undefined : [...this.#events.values()].sort((a, b) => a.zxid - b.zxid);
  }
}

/** The same for the same event. */
export const markOf = ({ zxid, kind, path }: WatchEvent): string => `${zxid} ${kind} ${path}`;

/** One entry of a setWatches, and everybody whom it is for. */
export interface Entry extends RegisteredWatch {
  readonly registrations: Registration[];
}

/**
 * What to ask for, in requests of at most half of what the server takes: one that is too big would end each new connection.
 * One watch is asked for twice where its owners miss different events: a one-shot watch that is spent on an old event is not set,
 * and would be missing to an owner who began after that.
 *
 * `toldZxid`: up to here everybody has been told everything.
 */
export function setWatchesFor(
  registrations: readonly Registration[],
  toldZxid: number,
  limits: ProtocolLimits,
): Entry[][] {
  const entries = new Map<string, Entry>();
  for (const registration of registrations) {
    const { kind, path } = registration;
    const zxid = Math.max(registration.from, toldZxid);
    const key = `${kind} ${zxid} ${path}`;
    const entry = entries.get(key);
    if (entry === undefined) entries.set(key, { kind, path, zxid, registrations: [registration] });
    else entry.registrations.push(registration);
  }
  return batches(entries.values(), limits.requestBytes * BATCH_SHARE);
}

function batches(entries: Iterable<Entry>, bytesMax: number): Entry[][] {
  const result: Entry[][] = [];
  let batch: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = WATCH_BYTES + entry.path.length * 3;
    if (batch.length > 0 && (bytes + size > bytesMax || batch.length >= BATCH_WATCHES_MAX)) {
      result.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += size;
  }
  if (batch.length > 0) result.push(batch);
  return result;
}
