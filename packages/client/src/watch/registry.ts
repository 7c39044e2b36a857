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
import { eventKind, type WatchEvent } from "./event.ts";
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
  /** By path; several where some have to catch up. */
  readonly #byKind: Readonly<Record<WatchKind, Map<string, Watched[]>>> = {
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
    return [...this.#all()].length;
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
    let watched = this.#at(kind, path).find((there) => there.phase === "live" || there.phase === phase);
    if (watched === undefined) {
      watched = new Watched(kind, path, phase);
      this.#byKind[kind].set(path, [...this.#at(kind, path), watched]);
    }
    watched.owners.add(owner);
    return watched;
  }

  #at(kind: WatchKind, path: string): readonly Watched[] {
    return this.#byKind[kind].get(path) ?? [];
  }

  /** False if it was not there. */
  #take(watched: Watched): boolean {
    const { kind, path } = watched;
    const there = this.#at(kind, path);
    const rest = there.filter((other) => other !== watched);
    if (rest.length === 0) this.#byKind[kind].delete(path);
    else this.#byKind[kind].set(path, rest);
    return rest.length < there.length;
  }

  /** Nobody waits for it any more, so the server need not keep it. Data and exist watches are one at the server. */
  #forget(watched: Watched, mayBeSet: boolean): void {
    // One that is being restored is looked at again when that is answered.
    if (this.#take(watched) && mayBeSet && watched.phase !== "waiting") this.#unset(watched);
  }

  #unset({ kind, path }: Watched): void {
    const twin = kind === WatchKind.data ? WatchKind.exist : kind === WatchKind.exist ? WatchKind.data : kind;
    if (this.#byKind[kind].has(path) || this.#byKind[twin].has(path)) return;
    this.#requester.urgent("removeWatches", { op: Op.removeWatches, path, type: WATCHER_TYPE[kind] }, IGNORED);
  }

  /** After the server has removed what matches. */
  removed(path: string, type: WatcherType, error: CorralError): void {
    for (const kind of Object.values(WatchKind)) {
      if (type !== WatcherType.any && WATCHER_TYPE[kind] !== type) continue;
      for (const watched of this.#at(kind, path)) this.#fail(watched, error);
    }
  }

  #fail(watched: Watched, error: CorralError): void {
    if (!this.#take(watched)) return;
    for (const owner of [...watched.owners]) owner.failed(error);
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
      for (const watched of this.#at(oneShot, path)) {
        if (watched.phase === "waiting") watched.keepForLater(event);
        else if (zxid > watched.seenZxid) {
          this.#take(watched);
          watched.broadcast(event);
        }
      }
    }
    this.#tell(this.#at(WatchKind.persistent, path), event);
    if (type === EventType.children || this.#byKind[WatchKind.recursive].size === 0) return;
    for (let at = path; ; at = parentOf(at)) {
      this.#tell(this.#at(WatchKind.recursive, at), event);
      if (at === "/") return;
    }
  }

  #tell(list: readonly Watched[], event: WatchEvent): void {
    for (const watched of list) {
      if (watched.phase === "waiting") watched.keepForLater(event);
      else if (watched.phase === "live") watched.tell(event, this.#restoring.length > 0);
    }
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
          if (reply.code === 0) this.#restored(batch, reply.zxid, (reply.result[0] ?? []) as readonly number[]);
          else {
            const error = refusal(reply.code, reply.detail, "setWatches", undefined);
            for (const watched of batch) this.#fail(watched, error);
          }
          if (this.#restoring.length === 0) this.#requester.release();
        },
        failed: () => {
          // The session or the client is over; the next connection restores all watches anew.
        },
      },
    );
  }

  /** The server has told what was missed, but for those at the indexes in `lost`. */
  #restored(batch: readonly Watched[], zxid: number, lost: readonly number[]): void {
    for (const [index, watched] of batch.entries()) {
      if (!this.#at(watched.kind, watched.path).includes(watched)) this.#unset(watched);
      else if (lost.includes(index)) {
        watched.forgetEarly();
        watched.broadcast({ kind: "resync", path: watched.path, zxid });
      } else if (watched.tellEarly() && watched.isOneShot) this.#take(watched);
      watched.live(zxid);
    }
  }

  /** Another history: what one-shot watches waited for cannot be told any more, and the others begin at the present. */
  #startOver(zxid: number): void {
    this.#completeZxid = zxid;
    for (const watched of [...this.#all()]) {
      if (watched.phase !== "waiting") continue;
      if (watched.isOneShot) this.#take(watched);
      watched.seenZxid = zxid;
      watched.broadcast({ kind: "resync", path: watched.path, zxid });
    }
  }

  close(cause: CorralError): void {
    for (const watched of [...this.#all()]) for (const owner of [...watched.owners]) owner.failed(cause);
    for (const watches of Object.values(this.#byKind)) watches.clear();
  }

  *#all(): Iterable<Watched> {
    for (const byPath of Object.values(this.#byKind)) for (const list of byPath.values()) yield* list;
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
