/**
 * The watches of a client, and how they come back after a reconnect.
 *
 * Two states. Mostly every event is told in the turn in which it arrives, to everybody it is for, and all that has to be
 * remembered is up to which zxid that is complete. While watches are being restored, events are gathered; when the last
 * setWatches is answered they are told in the order of their zxids, and only then the promises are resolved whose answers came meanwhile.
 * If the connection breaks before, nothing has been told, nobody's place has moved, and the next connection restores from there.
 *
 * Owns the registrations. Never reads what an event is about.
 */
import {
  Op,
  type ProtocolLimits,
  type Reply,
  type RequestBody,
  type WatchEventMessage,
  type WatcherType,
  type WatchKind,
} from "@corral/protocol";
import type { Requester } from "../calls/requester.ts";
import { refusal, type CorralError } from "../error.ts";
import type { NewConnection, WatchSink } from "../session/restorable.ts";
import { CatchUp, markOf, setWatchesFor, type Entry } from "./catch-up.ts";
import { eventKind, type WatchEvent } from "./event.ts";
import { oneShotOf, Registration, RegistrationTable, WATCHER_TYPE, type WatchOwner } from "./registration.ts";

export class WatchRegistry implements WatchSink {
  readonly #requester: Requester;
  readonly #table = new RegistrationTable();
  /** Everything up to here has been told to everybody it was for. Stands still while watches are being restored. */
  #toldZxid = 0;
  /** What has been told of the zxid after that: if the connection breaks now, it comes a second time. */
  readonly #toldAhead = new Set<string>();
  /** While watches are being restored. */
  #catchUp: CatchUp | undefined;
  #limits: ProtocolLimits | undefined;

  constructor(requester: Requester) {
    this.#requester = requester;
  }

  /** Pairs of kind and path. */
  get size(): number {
    return this.#table.size;
  }

  // ---- owners ---------------------------------------------------------------------------------------------------------

  /** A read whose reply has just come has set a one-shot watch. The function returned drops the owner. */
  setByRead(kind: WatchKind, path: string, owner: WatchOwner, zxid: number): () => void {
    const registration = new Registration(kind, path, owner, zxid);
    this.#table.add(registration);
    return () => {
      this.drop(registration);
    };
  }

  /** An addWatch is about to be requested. */
  expect(kind: WatchKind, path: string, owner: WatchOwner): Registration {
    const registration = new Registration(kind, path, owner, Infinity);
    this.#table.add(registration);
    return registration;
  }

  /** It was answered. */
  added(registration: Registration, zxid: number): void {
    registration.from = zxid;
  }

  /** `mayBeSet`: the server may have it, so it must be told. Harmless when repeated. */
  drop(registration: Registration, mayBeSet = true): void {
    const { kind, path } = registration;
    if (this.#table.remove(registration) && mayBeSet) this.#unsetUnlessWanted(WATCHER_TYPE[kind], path);
  }

  /** A read that its caller had given up has been answered, and may have set a watch. */
  unwanted(body: RequestBody, reply: Reply): void {
    const set = oneShotOf(body, reply);
    if (set !== undefined) this.#unsetUnlessWanted(set.type, set.path);
  }

  #unsetUnlessWanted(type: WatcherType, path: string): void {
    if (this.#table.ofType(type, path).length === 0) this.#unset(type, path);
  }

  /** Nobody waits for it any more, so the server need not keep it. */
  #unset(type: WatcherType, path: string): void {
    this.#requester.urgent(
      "removeWatches",
      { op: Op.removeWatches, path, type },
      {
        answered: () => {
          // A read that was on its way has set it anew, and this has removed it.
          this.#setAgain(this.#table.ofType(type, path).filter(({ isSet }) => isSet));
        },
        failed: () => {
          // Gone with its connection.
        },
      },
    );
  }

  /** The server has removed what matches. An addWatch that is not answered was made after that. */
  removed(path: string, type: WatcherType, error: CorralError): void {
    for (const registration of this.#table.ofType(type, path)) {
      if (registration.isSet && this.#table.remove(registration)) registration.owner.failed(error);
    }
    // A setWatches that is on its way may bring it back.
    if (this.#catchUp !== undefined) this.#unset(type, path);
  }

  // ---- events ---------------------------------------------------------------------------------------------------------

  /** Whatever there was to tell up to this zxid has arrived. */
  replied(zxid: number): void {
    if (this.#catchUp === undefined) this.#toldUpTo(zxid);
  }

  event({ zxid, type, path }: WatchEventMessage): void {
    const kind = eventKind(type);
    if (kind === undefined) return;
    const event = { kind, path, zxid };
    if (this.#catchUp !== undefined) {
      this.#catchUp.add(event);
      return;
    }
    // More of the same zxid may follow.
    this.#toldUpTo(zxid - 1);
    this.#toldAhead.add(markOf(event));
    this.#tell(event);
  }

  #toldUpTo(zxid: number): void {
    if (zxid <= this.#toldZxid) return;
    this.#toldZxid = zxid;
    this.#toldAhead.clear();
  }

  #tell(event: WatchEvent): void {
    this.#requester.told();
    for (const registration of this.#table.wanting(event)) this.#tellOne(registration, event);
  }

  #tellOne(registration: Registration, event: WatchEvent): void {
    // Whoever was told before may have dropped it.
    if (!this.#table.has(registration)) return;
    if (registration.isOneShot) this.#table.remove(registration);
    registration.owner.event(event);
  }

  /** What happened up to this zxid will not be told. One-shot watches are over with that. */
  #resync(registration: Registration, zxid: number): void {
    registration.from = zxid;
    this.#requester.told();
    this.#tellOne(registration, { kind: "resync", path: registration.path, zxid });
  }

  // ---- restoring ------------------------------------------------------------------------------------------------------

  /** What was gathered comes again. The promises that are held wait for the next connection, which tells the events that come before them. */
  disconnected(): void {
    this.#catchUp = undefined;
  }

  restore({ zxid, limits, historyKept }: NewConnection): void {
    this.#limits = limits;
    if (!historyKept) this.#startOver(zxid);
    this.#setAgain(this.#table.allSet());
    if (this.#catchUp === undefined) this.#requester.release();
  }

  /** Another history: what one-shot watches waited for cannot be told any more, and the others begin at the present. */
  #startOver(zxid: number): void {
    this.#toldZxid = zxid;
    this.#toldAhead.clear();
    for (const registration of this.#table.allSet()) this.#resync(registration, zxid);
  }

  #setAgain(registrations: readonly Registration[]): void {
    if (registrations.length === 0 || this.#limits === undefined) return;
    const catchUp = (this.#catchUp ??= new CatchUp());
    this.#requester.hold();
    for (const entries of setWatchesFor(registrations, this.#toldZxid, this.#limits)) {
      catchUp.pending++;
      this.#setWatches(entries, catchUp);
    }
  }

  #setWatches(entries: readonly Entry[], catchUp: CatchUp): void {
    const watches = entries.map(({ path, kind, zxid }) => ({ path, kind, zxid }));
    this.#requester.urgent(
      "setWatches",
      { op: Op.setWatches, watches },
      {
        answered: (reply) => {
          if (this.#catchUp !== catchUp) return;
          if (reply.code !== 0) {
            this.#refused(entries, reply.zxid, refusal(reply.code, reply.detail, "setWatches", undefined));
          } else {
            for (const index of (reply.result[0] ?? []) as readonly number[])
              for (const registration of entries[index]?.registrations ?? []) this.#resync(registration, reply.zxid);
          }
          if (--catchUp.pending === 0) this.#caughtUp(catchUp, reply.zxid);
        },
        failed: () => {
          // The session or the client is over; the next connection restores all watches anew.
        },
      },
    );
  }

  /** The server does not keep them. A function that waits for one event is told in the only way that it has. */
  #refused(entries: readonly Entry[], zxid: number, error: CorralError): void {
    for (const registration of entries.flatMap(({ registrations }) => registrations)) {
      if (registration.isOneShot) this.#resync(registration, zxid);
      else if (this.#table.remove(registration)) registration.owner.failed(error);
    }
  }

  /** Everything that was missed has arrived. Events first, then promises: no result may show what has not been told. */
  #caughtUp(catchUp: CatchUp, zxid: number): void {
    this.#catchUp = undefined;
    const events = catchUp.inOrder();
    if (events === undefined) for (const registration of this.#table.allSet()) this.#resync(registration, zxid);
    for (const event of events ?? []) if (!this.#toldAhead.has(markOf(event))) this.#tell(event);
    this.#toldUpTo(zxid);
    this.#requester.release();
  }

  close(cause: CorralError): void {
    this.#catchUp = undefined;
    const all = this.#table.all();
    this.#table.clear();
    for (const { owner } of all) owner.failed(cause);
  }
}
