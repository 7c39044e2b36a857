/**
 * What of the marks can be seen from outside: on the wire, in the log's warnings, in the server's figures, in what clients say.
 *
 * Owns what has to be remembered to recognise them. Never judges.
 */
import type { LogRecord } from "@corral/client";
import type { LogWarning } from "@corral/log";
import { errorName, isWrite, Op, type Request, type ServerMessage, SubscriptionKind } from "@corral/protocol";
import type { Server } from "@corral/server";
import type { Frame } from "@corral/testing/world";
import { familyOf, type FaultKind } from "./faults.ts";
import { type Phase, struckMark } from "./marks.ts";

interface Seen {
  /** As it was welcomed. */
  session: number;
  isResumed: boolean;
  welcomedAt: number;
  /** Requests that were not answered. */
  readonly pending: Map<number, Request>;
  hasSetWatches: boolean;
  /** Subscriptions that go on: told of something, or not yet. */
  readonly resumed: Set<number>;
}

/** Connections remembered at a time: the last ones. */
const SEEN_MAX = 64;

export class ObservedMarks {
  readonly #sometimes: (mark: string) => void;
  readonly #seen = new Map<number, Seen>();
  /** By session: the greatest number of a request that any of its connections has carried. */
  readonly #greatest = new Map<number, number>();
  readonly #begunAt = new Map<number, number>();
  #starts = 0;
  #wasLow = false;

  constructor(sometimes: (mark: string) => void) {
    this.#sometimes = sometimes;
  }

  struck(kind: FaultKind, phase: Phase, isExpiring: boolean): void {
    const family = familyOf(kind);
    this.#sometimes(struckMark(family, phase));
    if (isExpiring) this.#sometimes(struckMark(family, "expiring"));
  }

  started(): void {
    this.#starts++;
  }

  diskDone(operation: string, file: string): void {
    if (operation !== "rename") return;
    if (file.startsWith("snapshot-")) this.#sometimes("a snapshot was written");
    if (file.startsWith("log-") && Number(/\d+/.exec(file)![0]) > 2)
      this.#sometimes("a segment was filled and another begun");
  }

  frame(frame: Frame): void {
    const { id } = frame.link;
    const seen = this.#seen.get(id) ?? this.#connection(id);
    if (frame.kind === "hello") seen.isResumed = frame.hello.session.kind === "resume";
    if (frame.kind === "hello" && frame.hello.session.kind === "replace")
      this.#sometimes("a session was replaced by the next one");
    if (frame.kind === "requests")
      for (const message of frame.messages) if (message.xid !== 0) this.#request(seen, message as Request);
    if (frame.kind !== "messages") return;
    const { welcome } = frame;
    if (welcome !== undefined && "code" in welcome) this.#refused(seen, errorName(welcome.code));
    else if (welcome !== undefined) this.#welcome(seen, welcome.sessionId, welcome.zxid);
    for (const message of frame.messages) this.#message(seen, message);
  }

  #connection(id: number): Seen {
    const seen: Seen = {
      session: 0,
      isResumed: false,
      welcomedAt: 0,
      pending: new Map(),
      hasSetWatches: false,
      resumed: new Set(),
    };
    this.#seen.set(id, seen);
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.keys().next().value!);
    return seen;
  }

  #refused({ isResumed }: Seen, code: string | undefined): void {
    if (isResumed && code === "SESSION_EXPIRED") this.#sometimes("who asked for a session that is gone was told so");
    if (code === "OVERLOADED") this.#sometimes("a connection was refused for overload");
  }

  #welcome(seen: Seen, session: number, zxid: number): void {
    seen.session = session;
    seen.welcomedAt = zxid;
    if (!seen.isResumed) return void this.#begunAt.set(session, this.#starts);
    this.#sometimes("a session was resumed");
    if ((this.#begunAt.get(session) ?? this.#starts) < this.#starts)
      this.#sometimes("a session was resumed at a server that had been restarted");
  }

  #request(seen: Seen, request: Request): void {
    const greatest = this.#greatest.get(seen.session) ?? 0;
    if (request.xid <= greatest && !seen.pending.has(request.xid) && seen.isResumed)
      this.#sometimes("requests were repeated on another connection");
    this.#greatest.set(seen.session, Math.max(greatest, request.xid));
    seen.pending.set(request.xid, request);
    if (request.op === Op.setWatches && seen.isResumed) {
      seen.hasSetWatches = true;
      this.#sometimes("watches were set again after a reconnect");
    }
    if (request.op === Op.subscribe && seen.isResumed) seen.resumed.add(request.xid);
  }

  #message(seen: Seen, message: ServerMessage): void {
    switch (message.kind) {
      case "reply":
        return this.#reply(seen, message);
      case "event":
        if (seen.hasSetWatches && message.zxid <= seen.welcomedAt)
          this.#sometimes("a watch fired on the connection after the one it was set on");
        return;
      case "subscription":
        if (message.message === SubscriptionKind.resync) this.#sometimes("a resync was told");
        else if (message.message === SubscriptionKind.changesPart)
          this.#sometimes("changes of one zxid were sent in parts");
        else if (message.message === SubscriptionKind.changes && seen.resumed.size > 0)
          this.#sometimes("a subscription went on where it was, without resync");
        return;
      case "goodbye":
        return this.#goodbye(seen, errorName(message.code));
    }
  }

  #reply(seen: Seen, reply: Extract<ServerMessage, { kind: "reply" }>): void {
    const request = seen.pending.get(reply.xid);
    seen.pending.delete(reply.xid);
    if (request === undefined) return;
    if (reply.code === 0 && isWrite(request) && seen.isResumed && reply.zxid < seen.welcomedAt)
      this.#sometimes("a write was answered from what the session remembers");
    if (errorName(reply.code) === "OVERLOADED") this.#sometimes("a request was refused for overload");
    if (request.op === Op.multi && reply.code !== 0 && (reply.detail.index ?? 0) > 0)
      this.#sometimes("a multi failed at a later operation");
  }

  #goodbye(seen: Seen, code: string | undefined): void {
    if (code === "SESSION_EXPIRED" && seen.pending.size > 0)
      this.#sometimes("a session expired with requests in flight");
    if (code === "SESSION_MOVED") this.#sometimes("an older connection of a session was told that it has moved");
    if (code === "DRAINING") this.#sometimes("a client was told that the server drains");
    if (code === "SLOW_CONSUMER") this.#sometimes("a slow consumer was cut off");
  }

  /** What a client says of itself. */
  told({ message, fields }: LogRecord): void {
    if (message !== "session over") return;
    this.#sometimes(
      fields["by"] === "server"
        ? "a client was told by the server that its session is over"
        : "a client gave its session up by its own clock",
    );
  }

  warned({ kind }: LogWarning): void {
    const marks: Readonly<Record<LogWarning["kind"], string>> = {
      "torn-tail": "a torn tail was cut off",
      "snapshot-skipped": "an older snapshot was used than the newest",
      "damage-covered": "damage was found that a snapshot covers",
      background: "a background step of the log failed",
    };
    this.#sometimes(marks[kind]);
  }

  snapshotFailed(error: Error): void {
    this.#sometimes(/snapshotImageBytes/.test(error.message) ? "a snapshot was abandoned" : "a snapshot failed");
  }

  figures(counters: Server["counters"], { isDiskLow }: Server["figures"]): void {
    if (counters.stalls > 0) this.#sometimes("an append stood still for long");
    if (isDiskLow) this.#sometimes("the disk was low");
    if (this.#wasLow && !isDiskLow) this.#sometimes("the disk was low and is not any more");
    this.#wasLow = isDiskLow;
  }
}
