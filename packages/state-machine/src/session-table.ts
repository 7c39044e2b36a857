/**
 * The sessions: who they are, and what was answered to their writes.
 *
 * A write is executed once: its number is above `lastWrite`. Its whole reply is remembered until the client says that
 * it has it (`acked`), so that the same write, sent again, gets the same answer (after RIFL, SOSP 2015).
 *
 * S1  acked ≤ lastWrite; remembered replies have xids in (acked, lastWrite], ascending.
 * S2  a session's id is the zxid that opened it; its generation the zxid that last attached a connection to it.
 */
import type { Identity } from "@corral/protocol";
import type { Slab } from "./tree/slab.ts";

export interface Session {
  readonly id: number;
  /** SHA-256 of the client's secret. */
  readonly secretHash: Uint8Array;
  timeoutMs: number;
  generation: number;
  identities: readonly Identity[];
  /** Highest xid of a write that was executed. */
  lastWrite: number;
  acked: number;
  readonly results: Results;
}

/** Remembered replies of one session, oldest first. Bytes are kept in the slab. */
export class Results {
  readonly #slab: Slab;
  #xids: number[] = [];
  #hashes: number[] = [];
  #addresses: number[] = [];
  #lengths: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  get count(): number {
    return this.#xids.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Number and bytes of those above this xid. */
  above(acked: number): { readonly count: number; readonly bytes: number } {
    let count = 0;
    let bytes = 0;
    for (let i = this.#xids.length - 1; i >= this.#head && this.#xids[i]! > acked; i--) {
      count++;
      bytes += this.#lengths[i]!;
    }
    return { count, bytes };
  }

  /** `hash` is of the request: the same xid with another request is no repetition. */
  remember(xid: number, hash: number, reply: Uint8Array): void {
    this.#xids.push(xid);
    this.#hashes.push(hash);
    this.#addresses.push(this.#slab.store(reply, 0, reply.length));
    this.#lengths.push(reply.length);
    this.#bytes += reply.length;
  }

  /** The reply to this very request; undefined if there is none, or it was to another request. */
  recall(xid: number, hash: number): Uint8Array | undefined {
    for (let i = this.#head; i < this.#xids.length; i++) {
      if (this.#xids[i] !== xid) continue;
      return this.#hashes[i] === hash ? this.#slab.read(this.#addresses[i]!, this.#lengths[i]!) : undefined;
    }
    return undefined;
  }

  /** Forgets the replies up to this xid. */
  trim(acked: number): void {
    while (this.#head < this.#xids.length && this.#xids[this.#head]! <= acked) {
      this.#slab.free(this.#addresses[this.#head]!, this.#lengths[this.#head]!);
      this.#bytes -= this.#lengths[this.#head]!;
      this.#head++;
    }
    if (this.#head === this.#xids.length) this.#clear();
    else if (this.#head > 1024 && this.#head * 2 > this.#xids.length) this.#compact();
  }

  /** Each remembered reply: xid, hash of the request, bytes. */
  *[Symbol.iterator](): IterableIterator<readonly [number, number, Uint8Array]> {
    for (let i = this.#head; i < this.#xids.length; i++) {
      yield [this.#xids[i]!, this.#hashes[i]!, this.#slab.read(this.#addresses[i]!, this.#lengths[i]!)];
    }
  }

  #clear(): void {
    this.#xids.length = 0;
    this.#hashes.length = 0;
    this.#addresses.length = 0;
    this.#lengths.length = 0;
    this.#head = 0;
  }

  #compact(): void {
    this.#xids = this.#xids.slice(this.#head);
    this.#hashes = this.#hashes.slice(this.#head);
    this.#addresses = this.#addresses.slice(this.#head);
    this.#lengths = this.#lengths.slice(this.#head);
    this.#head = 0;
  }
}

/** Is told of a session before it changes or goes. */
export interface SessionJournal {
  sessionChanging(session: Session): void;
}

export class SessionTable {
  readonly #sessions = new Map<number, Session>();
  readonly #slab: Slab;
  journal: SessionJournal | undefined;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  get count(): number {
    return this.#sessions.size;
  }

  get(id: number): Session | undefined {
    return this.#sessions.get(id);
  }

  values(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  ids(): number[] {
    return [...this.#sessions.keys()];
  }

  open(id: number, secretHash: Uint8Array, timeoutMs: number, identities: readonly Identity[]): Session {
    const session: Session = {
      id,
      // Not `slice`: of a Buffer that is a view, and recovery uses an entry's memory again.
      secretHash: new Uint8Array(secretHash),
      timeoutMs,
      generation: id,
      identities,
      lastWrite: 0,
      acked: 0,
      results: new Results(this.#slab),
    };
    this.#sessions.set(id, session);
    return session;
  }

  /** Must come before any change of a session's fields. */
  changing(session: Session): void {
    this.journal?.sessionChanging(session);
  }

  acknowledge(session: Session, acked: number): void {
    if (acked <= session.acked) return;
    session.acked = Math.min(acked, session.lastWrite);
    session.results.trim(session.acked);
  }

  close(session: Session): void {
    this.changing(session);
    session.results.trim(Number.MAX_SAFE_INTEGER);
    this.#sessions.delete(session.id);
  }
}

/** Compares two hashes in a time that does not depend on where they differ. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < Math.min(a.length, b.length); i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
