/**
 * The watches of a client: who waits for what, and how they come back after a reconnect.
 *
 * Owns the registrations. An event is handed over in the turn in which it arrives, in the order of the connection.
 */
import {
  EventType,
  Op,
  parentOf,
  WatchKind,
  WatcherType,
  type ProtocolLimits,
  type RegisteredWatch,
  type WatchEventMessage,
} from "@corral/protocol";
import type { Requester } from "../calls/requester.ts";
import { refusal, type CorralError } from "../error.ts";
import type { NewConnection, WatchSink } from "../session/restorable.ts";
import { eventKind } from "./event.ts";
import { Watched, type WatchOwner } from "./watched.ts";

/** Share of a request's bytes and elements that one setWatches fills. */
const BATCH_SHARE = 0.5;
const BATCH_WATCHES_MAX = 8_000;
/** Of a registered watch beside its path. */
const WATCH_BYTES = 24;

/** Which one-shot watches a change of this type fires. */
const FIRES: Readonly<Record<number, readonly WatchKind[]>> = {
  [EventType.created]: [WatchKind.data, WatchKind.exist],
  [EventType.changed]: [WatchKind.data, WatchKind.exist],
  [EventType.deleted]: [WatchKind.data, WatchKind.exist, WatchKind.child],
  [EventType.children]: [WatchKind.child],
};

const WATCHER_TYPE: Readonly<Record<WatchKind, WatcherType>> = {
  [WatchKind.data]: WatcherType.data,
  [WatchKind.exist]: WatcherType.data,
  [WatchKind.child]: WatcherType.children,
  [WatchKind.persistent]: WatcherType.persistent,
  [WatchKind.recursive]: WatcherType.persistentRecursive,
};

export class WatchRegistry implements WatchSink {
  readonly #requester: Requester;
  readonly #byKind: Readonly<Record<WatchKind, Map<string, Watched>>> = {
    [WatchKind.data]: new Map(),
    [WatchKind.exist]: new Map(),
    [WatchKind.child]: new Map(),
    [WatchKind.persistent]: new Map(),
    [WatchKind.recursive]: new Map(),
  };
  /** Everything that this connection had to tell up to this zxid has arrived. */
  #completeZxid = 0;
  /** Batches of setWatches that are not answered. */
  #restoring: Watched[][] = [];

  constructor(requester: Requester) {
    this.#requester = requester;
  }

  get size(): number {
    return Object.values(this.#byKind).reduce((sum, watches) => sum + watches.size, 0);
  }

  /** A read whose reply has just come has set a one-shot watch. The function returned drops the owner. */
  setByRead(kind: WatchKind, path: string, owner: WatchOwner, zxid: number): () => void {
    const watched = this.#own(kind, path, owner, "live");
    watched.live(zxid);
    return () => {
      this.drop(watched, owner);
    };
  }

  /** An addWatch is about to be requested. */
  expect(kind: WatchKind, path: string, owner: WatchOwner): Watched {
    return this.#own(kind, path, owner, "registering");
  }

  /** It was answered. */
  added(watched: Watched, zxid: number): void {
    if (watched.phase === "registering") watched.live(zxid);
  }

  /** `mayBeSet`: the server may have it, so it must be told. */
  drop(watched: Watched, owner: WatchOwner, mayBeSet = true): void {
    if (watched.owners.delete(owner) && watched.owners.size === 0) this.#forget(watched, mayBeSet);
  }

  #own(kind: WatchKind, path: string, owner: WatchOwner, phase: "registering" | "live"): Watched {
    let watched = this.#byKind[kind].get(path);
    if (watched === undefined) {
      watched = new Watched(kind, path, phase);
      this.#byKind[kind].set(path, watched);
    }
    watched.owners.add(owner);
    return watched;
  }

  /** Nobody waits for it any more, so the server need not keep it. Data and exist watches are one at the server. */
  #forget(watched: Watched, mayBeSet: boolean): void {
    const { kind, path } = watched;
    if (this.#byKind[kind].get(path) !== watched) return;
    this.#byKind[kind].delete(path);
    const twin = kind === WatchKind.data ? WatchKind.exist : kind === WatchKind.exist ? WatchKind.data : undefined;
    if (!mayBeSet || watched.phase === "waiting" || (twin !== undefined && this.#byKind[twin].has(path))) return;
    this.#requester.urgent("removeWatches", { op: Op.removeWatches, path, type: WATCHER_TYPE[kind] }, IGNORED);
  }

  /** After the server has removed what matches. */
  removed(path: string, type: WatcherType, error: CorralError): void {
    for (const kind of Object.values(WatchKind)) {
      const watched = this.#byKind[kind].get(path);
      if (watched === undefined || (type !== WatcherType.any && WATCHER_TYPE[kind] !== type)) continue;
      this.#byKind[kind].delete(path);
      for (const owner of [...watched.owners]) owner.failed(error);
    }
  }

  replied(zxid: number): void {
    if (zxid > this.#completeZxid) this.#completeZxid = zxid;
  }

  event({ zxid, type, path }: WatchEventMessage): void {
    const kind = eventKind(type);
    if (kind === undefined) return;
    this.replied(zxid - 1);
    const event = { kind, path, zxid };
    for (const oneShot of FIRES[type] ?? []) {
      const watched = this.#byKind[oneShot].get(path);
      if (watched === undefined || watched.phase === "waiting") continue;
      this.#byKind[oneShot].delete(path);
      watched.broadcast(event);
    }
    const keep = this.#restoring.length > 0;
    this.#tell(this.#byKind[WatchKind.persistent].get(path), event, keep);
    if (type === EventType.children || this.#byKind[WatchKind.recursive].size === 0) return;
    for (let at = path; ; at = parentOf(at)) {
      this.#tell(this.#byKind[WatchKind.recursive].get(at), event, keep);
      if (at === "/") return;
    }
  }

  #tell(watched: Watched | undefined, event: Parameters<Watched["tell"]>[0], keep: boolean): void {
    if (watched !== undefined && (watched.phase === "live" || watched.phase === "restoring")) watched.tell(event, keep);
  }

  disconnected(): void {
    this.#restoring = [];
    for (const watched of this.#all()) watched.lost(this.#completeZxid);
  }

  restore({ zxid, limits, historyKept }: NewConnection): void {
    if (!historyKept) this.#startOver(zxid);
    const lost = [...this.#all()].filter(({ phase }) => phase === "waiting");
    this.#restoring = batches(lost, limits);
    if (this.#restoring.length === 0) {
      this.#requester.release();
      return;
    }
    // Replies to requests of the former connection come before these: their promises wait until the events are told.
    this.#requester.hold();
    for (const batch of this.#restoring) this.#restoreBatch(batch);
    this.#beginBatch();
  }

  #restoreBatch(batch: readonly Watched[]): void {
    const watches: RegisteredWatch[] = batch.map(({ path, kind, seenZxid }) => ({ path, kind, zxid: seenZxid }));
    this.#requester.urgent(
      "setWatches",
      { op: Op.setWatches, watches },
      {
        answered: (reply) => {
          if (this.#restoring[0] !== batch) return;
          this.#restoring.shift();
          if (reply.code !== 0) this.#failBatch(batch, refusal(reply.code, reply.detail, "setWatches", undefined));
          else {
            for (const watched of batch) watched.live(reply.zxid);
            for (const index of (reply.result[0] ?? []) as readonly number[]) {
              const watched = batch[index];
              watched?.broadcast({ kind: "resync", path: watched.path, zxid: reply.zxid });
            }
          }
          this.#beginBatch();
          if (this.#restoring.length === 0) this.#requester.release();
        },
        failed: () => {
          // The session or the client is over; the next connection restores all watches anew.
        },
      },
    );
  }

  /** What arrives from now on is meant for the first batch that is not answered. */
  #beginBatch(): void {
    for (const watched of this.#restoring[0] ?? []) if (watched.phase === "waiting") watched.phase = "restoring";
  }

  #failBatch(batch: readonly Watched[], error: CorralError): void {
    for (const watched of batch) {
      if (this.#byKind[watched.kind].get(watched.path) !== watched) continue;
      this.#byKind[watched.kind].delete(watched.path);
      for (const owner of [...watched.owners]) owner.failed(error);
    }
  }

  /** Another history: what one-shot watches waited for cannot be told any more, and the others begin at the present. */
  #startOver(zxid: number): void {
    this.#completeZxid = zxid;
    for (const watched of [...this.#all()]) {
      if (watched.phase !== "waiting") continue;
      if (watched.isOneShot) this.#byKind[watched.kind].delete(watched.path);
      watched.seenZxid = zxid;
      watched.broadcast({ kind: "resync", path: watched.path, zxid });
    }
  }

  close(cause: CorralError): void {
    for (const watched of [...this.#all()]) for (const owner of [...watched.owners]) owner.failed(cause);
    for (const watches of Object.values(this.#byKind)) watches.clear();
  }

  *#all(): Iterable<Watched> {
    for (const watches of Object.values(this.#byKind)) yield* watches.values();
  }
}

const IGNORED = { answered: (): void => {}, failed: (): void => {} };

/** Requests of at most half of what the server takes: one that is too big would end each new connection. */
function batches(watches: readonly Watched[], limits: ProtocolLimits): Watched[][] {
  const bytesMax = limits.requestBytes * BATCH_SHARE;
  const result: Watched[][] = [];
  let bytes = Infinity;
  for (const watched of watches) {
    const size = WATCH_BYTES + watched.path.length * 3;
    if (bytes + size > bytesMax || result.at(-1)!.length >= BATCH_WATCHES_MAX) {
      result.push([]);
      bytes = 0;
    }
    result.at(-1)!.push(watched);
    bytes += size;
  }
  return result;
}
