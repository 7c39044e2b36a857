/**
 * Witness of the lives of sessions: what arrives at the server of whom and when, what the log says, what clients say of
 * themselves. Decides nothing: `check/sessions.ts` does.
 */
import type { LogRecord } from "@corral/client";
import type { Listener, Socket } from "@corral/server";
import { type Txn, TxnKind } from "@corral/state-machine";
import type { Link } from "@corral/testing/world";
import type { SessionFact } from "../history.ts";

/** An append that takes longer is told of: the server's time for sessions stands still then. */
const APPEND_MS = 400;
/** Share of its timeout after which a silent session runs out. */
const RUNNING_OUT = 0.7;

export interface SessionSurroundings {
  /** Of the server that runs, or is starting. */
  readonly serverMs: () => number;
  readonly serverRate: number;
  /** Has it a client that is open? */
  readonly isActive: (client: string) => boolean;
  /** Does it stand still, or has it slept, so that its timers cannot know what time it is? */
  readonly isLost: (client: string) => boolean;
}

export class ObservedSessions {
  readonly #facts: SessionFact[];
  readonly #world: SessionSurroundings;
  /** Stalls of the server that are not over: when each began. */
  readonly #stalls = new Set<{ readonly from: number }>();
  readonly #secrets = new Map<number, Uint8Array>();
  readonly #holders = new Map<number, string>();
  /** Of the server: the last proposal and the last commit, by its clock. */
  #proposedAt = 0;
  #committedAt = 0;
  /** Of the batches that are proposed and not committed, the oldest first: when they were. */
  readonly #waiting: number[] = [];
  /** Of each session, since the server's start. */
  readonly #last = new Map<number, { heardAt: number; readonly timeoutMs: number }>();
  #upAt = 0;
  isUp = false;

  constructor(facts: SessionFact[], world: SessionSurroundings) {
    this.#facts = facts;
    this.#world = world;
  }

  // The server

  /** It has read its log. */
  up(tickMs: number): void {
    this.isUp = true;
    this.#stalls.clear();
    this.#waiting.length = 0;
    this.#proposedAt = this.#committedAt = Number.NEGATIVE_INFINITY;
    this.#upAt = this.#world.serverMs();
    this.#facts.push({ kind: "up", at: this.#upAt, tickMs });
  }

  /** Clients are served: until now nobody was. */
  serving(): void {
    const to = this.#world.serverMs();
    this.#facts.push({ kind: "stalled", from: this.#upAt, to });
  }

  look(kind: "look" | "down", living: readonly number[]): void {
    if (!this.isUp) return;
    this.#soFar();
    this.#facts.push({ kind, at: this.#world.serverMs(), living });
    if (kind === "down") this.isUp = false;
  }

  /** It is gone without having been looked at before. */
  died(): void {
    if (this.isUp) this.#facts.push({ kind: "down", at: 0, living: [] });
    this.isUp = false;
  }

  /** It stands still from now on. Call what is returned when it goes on. */
  serverStalls(): () => void {
    const stall = { from: this.#world.serverMs() };
    this.#stalls.add(stall);
    return () => {
      // A server that has died meanwhile has no stall any more.
      if (this.isUp && this.#stalls.delete(stall))
        this.#facts.push({ kind: "stalled", ...stall, to: this.#world.serverMs() });
    };
  }

  ordered(session: number): void {
    this.#facts.push({ kind: "ordered", session });
  }

  /** Notes which connections what arrives is of. */
  listener(listener: Listener, linkOf: (socket: Socket) => Link | undefined): Listener {
    return {
      url: listener.url,
      close: () => listener.close(),
      listen: (accept) =>
        listener.listen((socket) => {
          let isClosed = false;
          const close = (code: number, reason: string): void => {
            isClosed = true;
            socket.close(code, reason);
          };
          const { peer } = socket;
          const owner = accept({
            peer,
            close,
            send: (bytes, taken) => socket.send(bytes, taken),
            pause: () => socket.pause(),
            resume: () => socket.resume(),
          });
          const link = linkOf(socket);
          return {
            received: (bytes) => {
              const session = link?.session ?? 0;
              // What the server has closed it does not listen to, whatever still arrives.
              if (session !== 0 && this.isUp && !isClosed) this.#heard(session);
              owner.received(bytes);
            },
            closed: () => owner.closed(),
          };
        }),
    };
  }

  #heard(session: number): void {
    const at = this.#world.serverMs();
    this.#facts.push({ kind: "heard", session, at });
    const last = this.#last.get(session);
    if (last !== undefined) last.heardAt = at;
  }

  /** Has one of these been silent for most of its time? */
  isRunningOut(living: readonly number[]): boolean {
    if (!this.isUp) return false;
    const now = this.#world.serverMs();
    return living.some((session) => {
      const last = this.#last.get(session);
      return last !== undefined && now - last.heardAt > RUNNING_OUT * last.timeoutMs;
    });
  }

  // Its log

  proposed(txns: readonly Txn[]): void {
    if (!this.isUp) return;
    const at = this.#world.serverMs();
    // What gathered while an append was under way was decided since that was proposed.
    const [oldest = this.#proposedAt] = this.#waiting;
    const from = this.#waiting.length > 0 || this.#committedAt >= at ? oldest : at;
    for (const txn of txns) {
      if (txn.kind !== TxnKind.expire) continue;
      const { session, generation } = txn;
      this.#facts.push({ kind: "expiring", session, generation, from, at, excused: this.#excused() });
    }
    this.#proposedAt = at;
    this.#waiting.push(at);
  }

  committed(firstZxid: number, txns: readonly Txn[]): void {
    // What a server finishes before it stops is none of its sessions' time.
    if (!this.isUp) return this.begun(firstZxid, txns, 0);
    const at = this.#world.serverMs();
    this.#appended();
    this.#waiting.shift();
    this.#committedAt = at;
    this.begun(firstZxid, txns, at);
  }

  /** At 0: before the server that has found it in the log was up. */
  begun(firstZxid: number, txns: readonly Txn[], at: number): void {
    for (const [i, txn] of txns.entries()) {
      if (txn.kind !== TxnKind.open && txn.kind !== TxnKind.attach) continue;
      const session = txn.kind === TxnKind.open ? firstZxid + i : txn.session;
      if (txn.kind === TxnKind.open) this.#secrets.set(session, txn.secretHash);
      // Who has not the secret changes nothing.
      if (Buffer.compare(this.#secrets.get(session) ?? txn.secretHash, txn.secretHash) !== 0) continue;
      this.#facts.push({ kind: "begun", session, generation: firstZxid + i, timeoutMs: txn.timeoutMs, at });
      this.#last.set(session, { heardAt: at, timeoutMs: txn.timeoutMs });
    }
  }

  /** What is not over is told of up to now. */
  #soFar(): void {
    const to = this.#world.serverMs();
    this.#appended();
    for (const { from } of this.#stalls) this.#facts.push({ kind: "stalled", from, to });
  }

  #appended(): void {
    const to = this.#world.serverMs();
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    const from = Math.max(oldest, this.#committedAt);
    if (to - from > APPEND_MS) this.#facts.push({ kind: "stalled", from, to });
  }

  // Clients

  /** What a client says of itself. `rate`: of its clock. */
  told(client: string, rate: number, { message, fields }: LogRecord): void {
    const session = fields["session"];
    if (typeof session !== "number") return;
    if (message === "connected") {
      this.#holders.set(session, client);
      const isSure = rate >= 0.99 * this.#world.serverRate;
      this.#facts.push({ kind: "held", client, session, isSure });
    }
    if (message === "session over") this.#release(session, client);
  }

  #release(session: number, client: string): void {
    if (this.#holders.get(session) === client) this.#holders.delete(session);
    this.#facts.push({ kind: "released", client, session });
  }

  /** It was killed. */
  gone(client: string): void {
    for (const [session, holder] of this.#holders) if (holder === client) this.#release(session, client);
  }

  rest(living: readonly number[]): void {
    const excused = [...new Set(this.#holders.values())].filter((client) => !this.#world.isActive(client));
    this.#facts.push({ kind: "rest", living, excused });
  }

  #excused(): string[] {
    const { isActive, isLost } = this.#world;
    return [...new Set(this.#holders.values())].filter((client) => isLost(client) || !isActive(client));
  }
}
