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
  readonly worldMs: () => number;
  /** Has it a client that is open? */
  readonly isActive: (client: string) => boolean;
}

export class ObservedSessions {
  readonly #facts: SessionFact[];
  readonly #world: SessionSurroundings;
  /** Clients that stand still, and until when in the world's time; those that slept cannot know what time it is. */
  readonly #stalledUntil = new Map<string, number>();
  readonly #holders = new Map<number, string>();
  /** Of the server: the last proposal and the last commit, by its clock. */
  #proposedAt = 0;
  #committedAt = 0;
  #waitsSince: number | undefined;
  /** Of each session, since the server's start. */
  readonly #last = new Map<number, { heardAt: number; readonly timeoutMs: number }>();
  isUp = false;

  constructor(facts: SessionFact[], world: SessionSurroundings) {
    this.#facts = facts;
    this.#world = world;
  }

  // The server

  /** It has read its log. */
  up(tickMs: number): void {
    this.isUp = true;
    this.#waitsSince = undefined;
    this.#proposedAt = this.#committedAt = Number.NEGATIVE_INFINITY;
    this.#facts.push({ kind: "up", at: this.#world.serverMs(), tickMs });
  }

  look(kind: "look" | "down", living: readonly number[]): void {
    if (!this.isUp) return;
    this.#appended();
    this.#facts.push({ kind, at: this.#world.serverMs(), living });
    if (kind === "down") this.isUp = false;
  }

  /** It is gone without having been looked at before. */
  died(): void {
    if (this.isUp) this.#facts.push({ kind: "down", at: 0, living: [] });
    this.isUp = false;
  }

  serverStalls(ms: number): void {
    const from = this.#world.serverMs();
    this.#facts.push({ kind: "stalled", from, to: from + ms * this.#world.serverRate });
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
          const owner = accept(socket);
          const link = linkOf(socket);
          return {
            received: (bytes) => {
              const session = link?.session ?? 0;
              if (session !== 0 && this.isUp) this.#heard(session);
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
    const from = this.#committedAt >= at ? this.#proposedAt : at;
    for (const txn of txns)
      if (txn.kind === TxnKind.expire)
        this.#facts.push({ kind: "expiring", session: txn.session, from, at, excused: this.#excused() });
    this.#proposedAt = at;
    this.#waitsSince ??= at;
  }

  committed(firstZxid: number, txns: readonly Txn[]): void {
    if (!this.isUp) return;
    const at = this.#world.serverMs();
    this.#appended();
    this.#waitsSince = undefined;
    this.#committedAt = at;
    for (const [i, txn] of txns.entries()) {
      if (txn.kind !== TxnKind.open && txn.kind !== TxnKind.attach) continue;
      const session = txn.kind === TxnKind.open ? firstZxid + i : txn.session;
      this.#facts.push({ kind: "begun", session, timeoutMs: txn.timeoutMs, at });
      this.#last.set(session, { heardAt: at, timeoutMs: txn.timeoutMs });
    }
  }

  #appended(): void {
    const to = this.#world.serverMs();
    if (this.#waitsSince !== undefined && to - this.#waitsSince > APPEND_MS)
      this.#facts.push({ kind: "stalled", from: this.#waitsSince, to });
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
    this.#stalledUntil.delete(client);
    for (const [session, holder] of this.#holders) if (holder === client) this.#release(session, client);
  }

  clientStalls(client: string, ms: number): void {
    const until = this.#world.worldMs() + ms;
    this.#stalledUntil.set(client, Math.max(this.#stalledUntil.get(client) ?? 0, until));
  }

  /** Its timers do not know how long; it looks at the other clock when it is used. So nothing is demanded of its timers. */
  clientSleeps(client: string): void {
    this.#stalledUntil.set(client, Number.POSITIVE_INFINITY);
  }

  rest(living: readonly number[]): void {
    const excused = [...new Set(this.#holders.values())].filter((client) => !this.#world.isActive(client));
    this.#facts.push({ kind: "rest", living, excused });
  }

  #excused(): string[] {
    const now = this.#world.worldMs();
    return [...new Set(this.#holders.values())].filter(
      (client) => (this.#stalledUntil.get(client) ?? 0) >= now || !this.#world.isActive(client),
    );
  }
}
