/**
 * One watch at the server, and everybody here who set it: several readers of one path share a registration, as the server
 * keeps one for a connection.
 */
import { WatchKind } from "@corral/protocol";
import type { CorralError } from "../error.ts";
import type { WatchEvent } from "./event.ts";

export interface WatchOwner {
  event(event: WatchEvent): void;
  /** It cannot be kept. */
  failed(error: CorralError): void;
}

/**
 * `registering`: requested, not answered. `waiting`: lost with its connection. `restoring`: its setWatches is being executed.
 * `live`: the server tells.
 */
export type WatchPhase = "registering" | "waiting" | "restoring" | "live";

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

  broadcast(event: WatchEvent): void {
    for (const owner of [...this.owners]) owner.event(event);
  }

  /** The connection broke; everything up to `completeZxid` had been sent on it. */
  lost(completeZxid: number): void {
    if (this.phase === "registering") return;
    if (this.phase === "live") this.seenZxid = Math.max(this.seenZxid, completeZxid);
    this.phase = "waiting";
  }

  live(seenZxid: number): void {
    this.phase = "live";
    this.seenZxid = Math.max(this.seenZxid, seenZxid);
  }
}
