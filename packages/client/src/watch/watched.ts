/**
 * One watch, and everybody here who set it at the same place of the history: while it is live, several readers of one path
 * share it, as the server keeps one for a connection. One that has still to catch up is shared with nobody who comes later.
 */
import { WatchKind } from "@corral/protocol";
import type { CorralError } from "../error.ts";
import type { WatchEvent } from "./event.ts";

export interface WatchOwner {
  event(event: WatchEvent): void;
  /** It cannot be kept. */
  failed(error: CorralError): void;
}

/** `registering`: requested, not answered. `waiting`: lost with its connection, not restored. `live`: the server tells. */
export type WatchPhase = "registering" | "waiting" | "live";

export class Watched {
  readonly kind: WatchKind;
  readonly path: string;
  readonly owners: Set<WatchOwner> = new Set();
  phase: WatchPhase;
  /** Every event up to this zxid has been told, or was before the watch. */
  seenZxid = 0;
  /** Events told whose zxid is not known to be complete: after a reconnect they may come a second time. */
  readonly #told = new Set<string>();
  #toldZxid = 0;
  /** Came while it was not live: older ones may follow, so they are told when it is. */
  #early: WatchEvent[] = [];

  constructor(kind: WatchKind, path: string, phase: WatchPhase) {
    this.kind = kind;
    this.path = path;
    this.phase = phase;
  }

  get isOneShot(): boolean {
    return this.kind === WatchKind.data || this.kind === WatchKind.exist || this.kind === WatchKind.child;
  }

  /** `keep`: remember events of several zxids, since other watches are being restored. */
  tell(event: WatchEvent, keep: boolean): void {
    if (event.zxid <= this.seenZxid) return;
    if (event.zxid !== this.#toldZxid && !keep && this.#told.size > 0 && this.phase === "live") this.#told.clear();
    const mark = `${event.zxid} ${event.kind} ${event.path}`;
    if (this.#told.has(mark)) return;
    this.#told.add(mark);
    this.#toldZxid = event.zxid;
    this.broadcast(event);
  }

  /** To be told when it is live again. */
  keepForLater(event: WatchEvent): void {
    if (event.zxid > this.seenZxid) this.#early.push(event);
  }

  /** What came early, in order: a one-shot watch is told of the first, the others of all. False if there was nothing. */
  tellEarly(): boolean {
    const early = this.#early.sort((a, b) => a.zxid - b.zxid);
    this.#early = [];
    for (const event of this.isOneShot ? early.slice(0, 1) : early) this.tell(event, true);
    return early.length > 0;
  }

  forgetEarly(): void {
    this.#early = [];
  }

  broadcast(event: WatchEvent): void {
    for (const owner of [...this.owners]) owner.event(event);
  }

  /** The connection broke; everything up to `completeZxid` had been sent on it. */
  lost(completeZxid: number): void {
    if (this.phase === "registering") return;
    if (this.phase === "live") this.seenZxid = Math.max(this.seenZxid, completeZxid);
    // It will be told again, from where it was.
    this.#early = [];
    this.phase = "waiting";
  }

  live(seenZxid: number): void {
    this.phase = "live";
    this.seenZxid = Math.max(this.seenZxid, seenZxid);
  }
}
