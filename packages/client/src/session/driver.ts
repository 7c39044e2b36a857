/**
 * Runs the state machine of one client: connections, sessions, and what is sent when. Everything asynchronous of the session
 * comes together here; what it means for calls, watches and subscriptions is decided by those.
 *
 * Order on each new connection: Hello; outstanding requests as they were; watches; subscriptions; what waited.
 */
import {
  DEFAULT_LIMITS,
  errorName,
  type Credential,
  type ProtocolLimits,
  type Reply,
  type ServerMessage,
  type Signal,
  type Welcome,
} from "@corral/protocol";
import { CorralError } from "../error.ts";
import { ATTEMPT_TIMEOUT_MS, BACKOFF_MAX_MS, PAUSE_SHARE } from "../limits.ts";
import type { Settings } from "../options.ts";
import { Requester } from "../calls/requester.ts";
import { instantOf, type Instant, type Wire } from "../world.ts";
import { Closing } from "./closing.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Dialer, type DialerOwner } from "./dialer.ts";
import { Identity } from "./identity.ts";
import { receive } from "./replies.ts";
import type { SubscriptionSink, WatchSink } from "./restorable.ts";
import { Sender } from "./sender.ts";
import type { Session } from "./session.ts";
import { INITIAL, next, type ClientState, type StateEvent } from "./state.ts";
import { StateStream } from "./state-stream.ts";

export class Driver implements ConnectionOwner, DialerOwner {
  readonly settings: Settings;
  readonly requester: Requester;
  readonly sender: Sender;
  readonly states: StateStream;
  readonly identity: Identity;
  readonly closing: Closing;
  #watches: WatchSink | undefined;
  #subscriptions: SubscriptionSink | undefined;
  readonly #dialer: Dialer;
  #state: ClientState = INITIAL;
  #connection: Connection | undefined;
  #welcomedAtMs = 0;
  #quickEnds = 0;
  #limits: ProtocolLimits = DEFAULT_LIMITS;
  #cancelDeadline: (() => void) | undefined;
  readonly #counts = { reconnects: 0, sessionsLost: 0, bytesIn: 0, bytesOut: 0 };

  constructor(settings: Settings) {
    this.settings = settings;
    this.identity = new Identity(settings);
    this.closing = new Closing(this, settings.log);
    this.states = new StateStream((error) => {
      this.uncaught("state listener", error);
    });
    const { clock, queue, random, servers, timeoutMs, transport, credentials, frameBytes } = settings;
    this.requester = new Requester(
      { clock, bounds: queue, timeoutMs },
      (now) => this.#whyClosed(now),
      () => {
        this.sender.wake();
      },
    );
    this.sender = new Sender(settings, this.requester.table, () => this.checkDeadline());
    this.#dialer = new Dialer({ servers, transport, clock, random, frameBytes, credentials }, this);
  }

  get state(): ClientState {
    return this.#state;
  }

  get session(): Session | undefined {
    return this.identity.session;
  }

  get limits(): ProtocolLimits {
    return this.#limits;
  }

  totals(): { reconnects: number; sessions: number; sessionsLost: number; bytesIn: number; bytesOut: number } {
    const { bytesIn, bytesOut } = this.#connection ?? { bytesIn: 0, bytesOut: 0 };
    return {
      ...this.#counts,
      sessions: this.identity.sessions,
      bytesIn: this.#counts.bytesIn + bytesIn,
      bytesOut: this.#counts.bytesOut + bytesOut,
    };
  }

  start(watches: WatchSink, subscriptions: SubscriptionSink): void {
    this.#watches = watches;
    this.#subscriptions = subscriptions;
    this.requester.table.startAfter(this.identity.firstXidAfter);
    this.#dialer.start(0);
  }

  /** Something a user's function threw. It concerns nobody but its author. */
  uncaught(where: string, error: unknown): void {
    this.settings.log({ level: "error", message: `a ${where} threw`, fields: { error } });
  }

  // ---- attempts -------------------------------------------------------------------------------------------------------

  attemptTimeoutMs(): number {
    return Math.min(ATTEMPT_TIMEOUT_MS, (this.session?.timeoutMs ?? this.settings.sessionTimeoutMs) / 3);
  }

  /** A living session must not end by our own waiting. */
  pauseMaxMs(): number {
    return Math.min(BACKOFF_MAX_MS, (this.session?.timeoutMs ?? Infinity) * PAUSE_SHARE);
  }

  dialled(
    url: string,
    wire: Wire,
    credentials: readonly Credential[],
    done: (fault?: CorralError) => void,
  ): () => void {
    const connection = new Connection(url, wire, this.settings.clock, this);
    this.#connection = connection;
    this.#attemptDone = done;
    connection.hello(this.identity.hello(credentials, this.requester.table.acked));
    return () => {
      connection.close("given up");
      if (this.#connection === connection) this.#connection = undefined;
    };
  }
  #attemptDone: ((fault?: CorralError) => void) | undefined;

  attemptFailed(url: string, cause: CorralError): void {
    this.settings.log({ level: "info", message: "no connection", fields: { server: url, error: cause } });
    if (isEndOfSession(cause)) this.#endSession("server", cause);
    else if (isHopeless(cause)) this.shutDown({ type: "rejected", cause });
    else this.#transition({ type: "disconnected", cause });
  }

  roundFailed(causes: readonly CorralError[]): void {
    this.checkDeadline();
    // One server may be behind the others for a while; if all are, the cluster is not the one that we knew.
    if (causes.length === 0 || causes.some(({ code }) => code !== "SERVER_WENT_BACK")) return;
    this.identity.forgetHistory();
    this.#endSession("server", causes[0]!);
  }

  // ---- one connection -------------------------------------------------------------------------------------------------

  welcomed(connection: Connection, welcome: Welcome, helloSentAt: Instant): void {
    const { clock } = this.settings;
    const isFirst = this.session === undefined;
    const { resumed, historyKept } = this.identity.welcomed(welcome, helloSentAt);
    if (!isFirst) this.#counts.reconnects++;
    this.#limits = welcome.limits;
    this.#welcomedAtMs = clock.monotonicMs();
    this.#attemptDone?.();
    this.#transition({ type: "welcomed", sessionId: welcome.sessionId, server: connection.server, resumed });
    this.settings.log({
      level: "info",
      message: "connected",
      fields: { server: connection.server, session: welcome.sessionId, resumed },
    });
    this.#watchDeadline();
    this.sender.connected(connection, this.#limits);
    const place = { zxid: welcome.zxid, limits: this.#limits, historyKept };
    this.#watches!.restore(place);
    this.#subscriptions!.restore(place);
    this.sender.flush();
  }

  arrived(connection: Connection): boolean {
    if (connection === this.#connection && this.checkDeadline()) return true;
    connection.close("no longer wanted");
    return false;
  }

  message(_connection: Connection, message: ServerMessage): void {
    switch (message.kind) {
      case "reply":
        return this.#reply(message);
      case "event":
        this.identity.saw(message.zxid);
        return this.#watches!.event(message);
      case "subscription":
        this.identity.saw(message.zxid);
        return this.#subscriptions!.message(message);
      case "goodbye":
        this.settings.log({
          level: "info",
          message: "goodbye",
          fields: { code: errorName(message.code) ?? message.code },
        });
    }
  }

  #reply(reply: Reply): void {
    this.identity.saw(reply.zxid);
    this.#watches!.replied(reply.zxid);
    if (reply.xid === 0) {
      const sentAt = this.#connection?.ponged();
      if (sentAt !== undefined) this.#answered(sentAt);
      return;
    }
    const over = receive(reply, this.requester.table, this.sender, this.#answered, this.#watches!, this.settings.log);
    if (over !== undefined) this.#endSession("server", over);
  }

  /** What was sent at this moment has been answered. */
  readonly #answered = (sentAt: Instant): void => {
    this.session?.provenAlive(sentAt);
    this.#connection?.answered(sentAt);
  };

  frameDone(): void {
    this.sender.frameDone();
    this.closing.frameDone();
  }

  pingDue(connection: Connection, ping: Signal): void {
    connection.pinged(instantOf(this.settings.clock));
    this.sender.signal(ping);
  }

  ended(connection: Connection, cause: CorralError): void {
    this.#counts.bytesIn += connection.bytesIn;
    this.#counts.bytesOut += connection.bytesOut;
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    if (!connection.isWelcomed) {
      this.#attemptDone?.(cause);
      return;
    }
    this.#connectionLost();
    if (isEndOfSession(cause)) return this.#endSession("server", cause);
    if (cause.code === "AUTH_FAILED") this.requester.refuseCredential(cause);
    else if (isHopeless(cause)) return this.shutDown({ type: "rejected", cause });
    this.#transition({ type: "disconnected", cause });
    if (!this.checkDeadline()) return;
    // A connection that breaks again and again must not be made again at once.
    const lived = this.settings.clock.monotonicMs() - this.#welcomedAtMs;
    this.#quickEnds = lived >= BACKOFF_MAX_MS ? 1 : this.#quickEnds + 1;
    this.#dialer.start(this.#quickEnds);
  }

  #connectionLost(): void {
    this.sender.disconnected();
    this.requester.table.disconnected();
    this.#watches!.disconnected();
    this.#subscriptions!.disconnected();
  }

  // ---- the end of sessions --------------------------------------------------------------------------------------------

  /** Is the session still certain? Ends it if not. True also when there is none. */
  checkDeadline(now: Instant = instantOf(this.settings.clock)): boolean {
    const session = this.session;
    if (session === undefined || session.validForMsAt(now) > 0) return true;
    const means = `no answer for so long that the session (timeout ${session.timeoutMs} ms) may be over`;
    this.#endSession("local-deadline", new CorralError("SESSION_EXPIRED", { means }));
    return false;
  }

  #watchDeadline(): void {
    this.#cancelDeadline?.();
    const session = this.session;
    if (session === undefined) return;
    this.#cancelDeadline = this.settings.clock.setTimeout(() => {
      if (this.checkDeadline()) this.#watchDeadline();
    }, session.validForMs);
  }

  #endSession(by: "server" | "local-deadline", cause: CorralError): void {
    const { session, sessionId } = this.identity;
    if (sessionId === undefined) return;
    this.#dialer.stop();
    this.#connection?.close("session over");
    this.#connection = undefined;
    this.identity.sessionOver(by === "local-deadline");
    this.#counts.sessionsLost++;
    this.#cancelDeadline?.();
    this.#connectionLost();
    const event = by === "server" ? "ended" : "deadline";
    this.#state = next(this.#state, { type: event, sessionId, cause });
    this.requester.sessionOver(cause);
    session?.end(cause);
    this.settings.log({ level: "warn", message: "session over", fields: { session: sessionId, by, error: cause } });
    // Who listens to the signal, or to the states, may close the client.
    if (this.#state.name === "expired") this.states.publish(this.#state);
    if (this.#state.name !== "expired") return;
    if (this.closing.hasBegun) return this.shutDown();
    if (this.settings.onExpired === "close") return this.shutDown({ type: "rejected", cause });
    this.#transition({ type: "renew" });
    this.#dialer.start(this.#quickEnds);
  }

  /** Ends everything on this side. The session is left as it is at the server. */
  shutDown(event: StateEvent & { readonly type: "rejected" | "close" } = { type: "close" }): void {
    if (this.#state.name === "closed") return;
    const session = this.session;
    this.#state = next(this.#state, event);
    this.#dialer.stop();
    this.#connection?.close("closed");
    this.#connection = undefined;
    this.identity.sessionOver(false);
    this.#cancelDeadline?.();
    this.sender.disconnected();
    const cause = new CorralError("CLOSED", { cause: event.type === "rejected" ? event.cause : undefined });
    session?.end(cause);
    this.requester.close(event.type === "rejected" ? event.cause : undefined);
    this.#watches!.close(cause);
    this.#subscriptions!.close(cause);
    this.closing.frameDone();
    this.states.publish(this.#state);
  }

  #transition(event: StateEvent): void {
    const before = this.#state;
    this.#state = next(before, event);
    if (this.#state !== before) this.states.publish(this.#state);
  }

  #whyClosed(now: Instant): CorralError | undefined {
    this.checkDeadline(now);
    const state = this.#state;
    if (state.name === "closed") return new CorralError("CLOSED", { cause: state.cause });
    if (this.closing.hasBegun) return new CorralError("CLOSED");
    if (this.settings.rejectWhileDown && state.name !== "connected") {
      return new CorralError("SUSPENDED", { cause: "cause" in state ? state.cause : undefined });
    }
    return undefined;
  }
}

/** The session that we have, or are to take over, is gone or another's. */
function isEndOfSession(cause: CorralError): boolean {
  return cause.code === "SESSION_EXPIRED" || cause.code === "SESSION_MOVED";
}

/** Refusals that no other server, and no other time, will change. A Hello that took too long on its way may be faster the next time. */
function isHopeless(cause: CorralError): boolean {
  if (cause.code === "PROTOCOL_ERROR" && cause.limitName === "helloTimeoutMs") return false;
  return cause.code === "AUTH_FAILED" || cause.code === "VERSION_UNSUPPORTED" || cause.code === "PROTOCOL_ERROR";
}
