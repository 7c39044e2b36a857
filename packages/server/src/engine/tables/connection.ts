/**
 * What the engine knows of one connection: how far it has come, what it asked and has not been answered, what is on
 * its way to it, and what it watches. Watches and subscriptions live and die with their connection.
 *
 * hello → attaching → attached → closing. From closing nothing is heard or said any more.
 */
import type { Identity, Request, Writer } from "@corral/protocol";
import type { Session } from "@corral/state-machine";
import { Outbox, type Shelf } from "./outbox.ts";

/** What a listener knows of the other side. */
export interface Peer {
  /** Address without port. */
  readonly address: string;
  /** Identities that the transport proves: `x509` subjects. */
  readonly identities: readonly Identity[];
}

/** A request that waits for its turn, its commit or its answer. */
export interface Pending {
  readonly request: Request;
  /** Where its bytes are. A view of them would cost more than a read does. */
  readonly frame: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** held: not looked at yet. proposed: in the log's hands. reading: waits for earlier writes. refused: for overload. */
  state: "held" | "proposed" | "reading" | "refused";
  /** Of a read behind writes that are in the log's hands: about how many bytes its answer will have. */
  answerBytes: number;
  /** Of a refused one: the reason of the overload. */
  reason: string;
}

export class Connection {
  readonly id: number;
  readonly peer: Peer;
  /** By `awakeMs`, as is `unsentSince`. */
  readonly openedAt: number;
  state: "hello" | "attaching" | "attached" | "closing" = "hello";
  session: Session | undefined = undefined;
  /** The attachment that this connection is; requests carry it into the log. */
  generation = 0;
  /** Replies up to this xid have been received, says the client. */
  acked = 0;
  /** Highest xid received here. */
  lastXid = 0;
  /** Writes refused for overload and not sent again yet: no later one may overtake them. At most `inFlight`. */
  #refused: Set<number> | undefined;
  readonly pending: Pending[] = [];
  /** Entries of `pending` before this are answered; kept to make taking from the front cheap. */
  head = 0;
  /** Index in `pending` of the first that is held. */
  unproposed = 0;
  /** How many of `pending` are in the log's hands. */
  proposed = 0;
  /** Bytes of the requests that are pending, and the sum of `answerBytes`. */
  pendingBytes = 0;
  answerBytes = 0;
  readonly outbox: Outbox;
  isDirty = false;
  /** Bytes sent and not taken by the connection, and since when. */
  unsent = 0;
  unsentSince = 0;
  isPaused = false;
  /** Path → sum of WatchBit. */
  readonly watches: Map<string, number> = new Map();
  /** Marks the last event that was sent here, so that one change tells a connection once. */
  eventMark = 0;
  /** Requests received, for operators. */
  received = 0;

  constructor(id: number, peer: Peer, openedAt: number, shelf: Shelf) {
    this.outbox = new Outbox(shelf);
    this.id = id;
    this.peer = peer;
    this.openedAt = openedAt;
  }

  /** What this turn has to say to the client. */
  get out(): Writer {
    return this.outbox.writer;
  }

  get isLive(): boolean {
    return this.state === "attached";
  }

  get pendingCount(): number {
    return this.pending.length - this.head;
  }

  /** Was an earlier write refused, which has not come again? */
  hasRefusedBefore(xid: number): boolean {
    for (const refused of this.#refused ?? []) if (refused < xid) return true;
    return false;
  }

  wasRefused(xid: number): boolean {
    return this.#refused?.has(xid) === true;
  }

  /** Returns how many there are now. */
  noteRefused(xid: number): number {
    return (this.#refused ??= new Set()).add(xid).size;
  }

  first(): Pending | undefined {
    return this.pending[this.head];
  }

  admit(request: Request, frame: Uint8Array, start: number, end: number): void {
    this.pending.push({ request, frame, start, end, state: "held", answerBytes: 0, reason: "" });
    this.pendingBytes += end - start;
    this.lastXid = Math.max(this.lastXid, request.xid);
    this.#refused?.delete(request.xid);
    this.received++;
  }

  takeFirst(): void {
    const { start, end, answerBytes, state } = this.pending[this.head++]!;
    this.pendingBytes -= end - start;
    this.answerBytes -= answerBytes;
    if (state === "proposed") this.proposed--;
    if (this.unproposed < this.head) this.unproposed = this.head;
    if (this.head === this.pending.length) this.forgetPending();
    else if (this.head >= 1024) {
      this.pending.splice(0, this.head);
      this.unproposed -= this.head;
      this.head = 0;
    }
  }

  forgetPending(): void {
    this.pending.length = 0;
    this.head = 0;
    this.unproposed = 0;
    this.proposed = 0;
    this.pendingBytes = 0;
    this.answerBytes = 0;
  }
}
