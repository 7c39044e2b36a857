/**
 * Runs the state machine of one client: connections, sessions, and what is sent when. Everything asynchronous of the session
 * comes together here; what it means for calls, watches and subscriptions is decided by those.
 *
 * Order on each new connection: Hello; outstanding requests as they were; watches; subscriptions; what waited.
 */
import {
  DEFAULT_LIMITS,
  Op,
  PROTOCOL_VERSION,
  errorName,
  type Credential,
  type Hello,
  type ProtocolLimits,
  type Reply,
  type ServerMessage,
  type SessionWish,
  type Signal,
  type SubscriptionMessage,
  type WatchEventMessage,
  type Welcome,
} from "@corral/protocol";
import { CorralError } from "../error.ts";
import { ATTEMPT_TIMEOUT_MS, BACKOFF_MAX_MS, RESUME_XID_GAP } from "../limits.ts";
import type { DetachedSession, Settings } from "../options.ts";
import { Requester, type Budget } from "../calls/requester.ts";
import { instantOf, type Instant, type Wire } from "../world.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Dialer, type DialerOwner } from "./dialer.ts";
import { History } from "./history.ts";
import { Sender } from "./sender.ts";
import { Session } from "./session.ts";
import { INITIAL, next, type ClientState, type StateEvent } from "./state.ts";
import { StateStream } from "./state-stream.ts";

/** What lives as long as a connection and must be set up again on the next one. */
export interface Restorable {
  disconnected(): void;
  /** `historyKept`: zxids seen before still mean the same. Requests for it are made as urgent ones, in this call. */
  restore(connection: { readonly zxid: number; readonly limits: ProtocolLimits; readonly historyKept: boolean }): void;
  /** The client is closed. */
  close(cause: CorralError): void;
}
export interface WatchSink extends Restorable {
  event(message: WatchEventMessage): void;
  replied(zxid: number): void;
}
export interface SubscriptionSink extends Restorable {
  message(message: SubscriptionMessage): void;
}

const SECRET_BYTES = 32;

export class Driver implements ConnectionOwner, DialerOwner {
  readonly settings: Settings;
  readonly requester: Requester;
  readonly sender: Sender;
  readonly states: StateStream;
  readonly history: History;
  #watches: WatchSink | undefined;
  #subscriptions: SubscriptionSink | undefined;
  readonly #dialer: Dialer;
  #state: ClientState = INITIAL;
  #session: Session | undefined;
  /** A session that ended by our own deadline; the next one replaces it at the server. */
  #former: Session | undefined;
  /** Of another client, not yet taken over. */
  #toResume: Settings["resume"];
  #connection: Connection | undefined;
  #welcomedAtMs = 0;
  #quickEnds = 0;
  /** What the attempt under way asks for. */
  #wish: SessionWish | undefined;
  #limits: ProtocolLimits = DEFAULT_LIMITS;
  /** Beside those of the options: by `addAuth`. */
  readonly #credentialsAdded: Credential[] = [];
  #cancelDeadline: (() => void) | undefined;
  #whenIdle: (() => void)[] = [];
  /** `close()` was called: no new calls. */
  #isClosing = false;
  readonly #counts = { reconnects: 0, sessions: 0, sessionsLost: 0, bytesIn: 0, bytesOut: 0 };

  constructor(settings: Settings) {
    this.settings = settings;
    this.#toResume = settings.resume;
    this.history = new History(settings.resume?.clusterId ?? null, settings.resume?.lastZxid ?? 0);
    this.states = new StateStream((error) => {
      this.uncaught("state listener", error);
    });
    const { clock, queue, random, servers, timeoutMs, transport, credentials, frameBytes } = settings;
    this.requester = new Requester(
      { clock, bounds: queue, timeoutMs },
      () => this.#whyClosed(),
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
    return this.#session;
  }

  get limits(): ProtocolLimits {
    return this.#limits;
  }

  totals(): { reconnects: number; sessions: number; sessionsLost: number; bytesIn: number; bytesOut: number } {
    const { bytesIn, bytesOut } = this.#connection ?? { bytesIn: 0, bytesOut: 0 };
    return { ...this.#counts, bytesIn: this.#counts.bytesIn + bytesIn, bytesOut: this.#counts.bytesOut + bytesOut };
  }

  start(watches: WatchSink, subscriptions: SubscriptionSink): void {
    this.#watches = watches;
    this.#subscriptions = subscriptions;
    if (this.#toResume !== undefined) this.requester.table.startAfter(this.#toResume.acked + RESUME_XID_GAP);
    this.#dialer.start(0);
  }

  /** Something a user's function threw. It concerns nobody but its author. */
  uncaught(where: string, error: unknown): void {
    this.settings.log({ level: "error", message: `a ${where} threw`, fields: { error } });
  }

  // ---- attempts -------------------------------------------------------------------------------------------------------

  attemptTimeoutMs(): number {
    return Math.min(ATTEMPT_TIMEOUT_MS, (this.#session?.timeoutMs ?? this.settings.sessionTimeoutMs) / 3);
  }

  dialled(url: string, wire: Wire, credentials: readonly Credential[], done: (fault?: CorralError) => void): () => void {
    const connection = new Connection(url, wire, this.settings.clock, this);
    this.#connection = connection;
    this.#attemptDone = done;
    this.#wish = this.#makeWish();
    const hello: Hello = {
      versionMin: PROTOCOL_VERSION,
      versionMax: PROTOCOL_VERSION,
      clusterId: this.history.clusterId,
      lastZxid: this.history.lastZxid,
      timeoutMs: Math.round(this.settings.sessionTimeoutMs),
      credentials: [...credentials, ...this.#credentialsAdded],
      session: this.#wish,
    };
    connection.hello(hello);
    return () => {
      connection.close("given up");
      if (this.#connection === connection) this.#connection = undefined;
    };
  }
  #attemptDone: ((fault?: CorralError) => void) | undefined;

  #makeWish(): SessionWish {
    const secret = (): Uint8Array => this.settings.random(SECRET_BYTES);
    if (this.#session !== undefined) {
      return { kind: "resume", id: this.#session.id, secret: this.#session.secret, acked: this.requester.table.acked };
    }
    if (this.#toResume !== undefined) {
      return { kind: "resume", id: this.#toResume.id, secret: this.#toResume.secret, acked: this.#toResume.acked };
    }
    if (this.#former === undefined) return { kind: "new", secret: secret() };
    return { kind: "replace", oldId: this.#former.id, oldSecret: this.#former.secret, secret: secret() };
  }

  attemptFailed(url: string, cause: CorralError): void {
    this.settings.log({ level: "info", message: "no connection", fields: { server: url, error: cause } });
    if (this.#sessionEndedBy(cause)) this.#endSession("server", cause);
    else if (isHopeless(cause)) this.#shutDown({ type: "rejected", cause });
    else this.#transition({ type: "disconnected", cause });
  }

  roundFailed(causes: readonly CorralError[]): void {
    this.checkDeadline();
    // One server may be behind the others for a while; if all are, the cluster is not the one that we knew.
    if (causes.length === 0 || causes.some(({ code }) => code !== "SERVER_WENT_BACK")) return;
    this.history.forget();
    if (this.#session !== undefined || this.#toResume !== undefined) this.#endSession("server", causes[0]!);
  }

  // ---- one connection -------------------------------------------------------------------------------------------------

  welcomed(connection: Connection, welcome: Welcome, helloSentAt: Instant): void {
    const { clock } = this.settings;
    const wish = this.#wish!;
    const historyKept = this.history.clusterId === welcome.clusterId;
    this.history.clusterId = welcome.clusterId;
    this.history.saw(welcome.zxid);
    this.#limits = welcome.limits;
    const resumed = wish.kind === "resume";
    if (this.#session === undefined) {
      const secret = wish.secret;
      const ordinal = ++this.#counts.sessions;
      this.#session = new Session({ id: welcome.sessionId, secret, timeoutMs: welcome.timeoutMs, ordinal }, helloSentAt, clock);
      this.#former = undefined;
      this.#toResume = undefined;
    } else {
      this.#counts.reconnects++;
      this.#session.timeoutMs = welcome.timeoutMs;
      this.#session.provenAlive(helloSentAt);
    }
    this.#welcomedAtMs = clock.monotonicMs();
    this.#attemptDone?.();
    this.#transition({ type: "welcomed", sessionId: welcome.sessionId, server: connection.server, resumed });
    this.settings.log({ level: "info", message: "connected", fields: { server: connection.server, session: welcome.sessionId, resumed } });
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
        this.history.saw(message.zxid);
        return this.#watches!.event(message);
      case "subscription":
        this.history.saw(message.zxid);
        return this.#subscriptions!.message(message);
      case "goodbye":
        this.settings.log({ level: "info", message: "goodbye", fields: { code: errorName(message.code) ?? message.code } });
    }
  }

  #reply(reply: Reply): void {
    const { table } = this.requester;
    this.history.saw(reply.zxid);
    this.#watches!.replied(reply.zxid);
    if (reply.xid === 0) {
      const sentAt = this.#connection?.ponged();
      if (sentAt !== undefined) this.#session?.provenAlive(sentAt);
      return;
    }
    const call = table.find(reply.xid);
    if (call === undefined) {
      this.settings.log({ level: "warn", message: "a reply to no request", fields: { xid: reply.xid } });
      return;
    }
    if (call.sentAt !== undefined) this.#session?.provenAlive(call.sentAt);
    const code = reply.code === 0 ? undefined : errorName(reply.code);
    if (code === "DRAINING" || (code === "OVERLOADED" && call.isWrite)) {
      table.refuse(call, call.refusalOf(reply));
      this.sender.retryLater();
      return;
    }
    if (code === "SESSION_EXPIRED" || code === "SESSION_MOVED") {
      const cause = call.refusalOf(reply);
      if (!call.inDoubt) {
        table.done(call);
        call.fail(cause);
      }
      this.#endSession("server", cause);
      return;
    }
    if (call.refusedWith !== undefined) this.sender.retried();
    table.done(call);
    call.answer(reply);
  }

  frameDone(): void {
    if (this.requester.table.queued > 0) this.sender.flush();
    this.#answerIdle();
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
    if (this.#sessionEndedBy(cause)) return this.#endSession("server", cause);
    if (cause.code === "AUTH_FAILED") this.requester.refuseCredential(cause);
    else if (isHopeless(cause)) return this.#shutDown({ type: "rejected", cause });
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
  checkDeadline(): boolean {
    const session = this.#session;
    if (session === undefined || session.isValid) return true;
    const means = `no answer for so long that the session (timeout ${session.timeoutMs} ms) may be over`;
    this.#endSession("local-deadline", new CorralError("SESSION_EXPIRED", { means }));
    return false;
  }

  #watchDeadline(): void {
    this.#cancelDeadline?.();
    const session = this.#session;
    if (session === undefined) return;
    this.#cancelDeadline = this.settings.clock.setTimeout(() => {
      if (this.checkDeadline()) this.#watchDeadline();
    }, session.validForMs);
  }

  /** Does this cause mean that the session we have, or are to take over, is gone or another's? */
  #sessionEndedBy(cause: CorralError): boolean {
    return cause.code === "SESSION_EXPIRED" || cause.code === "SESSION_MOVED";
  }

  #endSession(by: "server" | "local-deadline", cause: CorralError): void {
    const session = this.#session;
    const sessionId = session?.id ?? this.#toResume?.id;
    if (sessionId === undefined) return;
    this.#dialer.stop();
    this.#connection?.close("session over");
    this.#connection = undefined;
    this.#session = undefined;
    this.#toResume = undefined;
    this.#former = by === "local-deadline" ? session : undefined;
    this.#counts.sessionsLost++;
    this.#cancelDeadline?.();
    this.#connectionLost();
    const event = by === "server" ? "ended" : "deadline";
    this.#state = next(this.#state, { type: event, sessionId, cause });
    session?.end(cause);
    this.requester.sessionOver(cause);
    this.settings.log({ level: "warn", message: "session over", fields: { session: sessionId, by, error: cause } });
    this.states.publish(this.#state);
    // A listener may have closed the client.
    if (this.#state.name !== "expired") return;
    if (this.#isClosing) return this.#shutDown({ type: "close" });
    if (this.settings.onExpired === "close") return this.#shutDown({ type: "rejected", cause });
    this.#transition({ type: "renew" });
    this.#dialer.start(this.#quickEnds);
  }

  /** Ends everything on this side. The session is left as it is at the server. */
  #shutDown(event: StateEvent & { readonly type: "rejected" | "close" }): void {
    if (this.#state.name === "closed") return;
    const session = this.#session;
    this.#state = next(this.#state, event);
    this.#dialer.stop();
    this.#connection?.close("closed");
    this.#connection = undefined;
    this.#session = undefined;
    this.#cancelDeadline?.();
    this.sender.disconnected();
    const cause = new CorralError("CLOSED", { cause: event.type === "rejected" ? event.cause : undefined });
    session?.end(cause);
    this.requester.close(event.type === "rejected" ? event.cause : undefined);
    this.#watches!.close(cause);
    this.#subscriptions!.close(cause);
    this.#answerIdle();
    this.states.publish(this.#state);
  }

  #transition(event: StateEvent): void {
    const before = this.#state;
    this.#state = next(before, event);
    if (this.#state !== before) this.states.publish(this.#state);
  }

  // ---- the end of the client ------------------------------------------------------------------------------------------

  /** Ends the session at the server if it can be reached within the budget, and the client in any case. Never rejects. */
  async close(budget: Budget): Promise<void> {
    if (!this.#isClosing && (this.#state.name === "connected" || this.#state.name === "suspended")) {
      const answered = this.requester.request(budget, { op: Op.close }, null, () => undefined);
      this.#isClosing = true;
      await answered.catch((error: unknown) => {
        this.settings.log({ level: "info", message: "the session was left to its timeout", fields: { error } });
      });
    }
    this.#isClosing = true;
    this.#shutDown({ type: "close" });
  }

  /** Closes the client once everything asked is answered or the budget is over; the session lives on at the server. */
  async detach(budget: Budget): Promise<DetachedSession> {
    const { clock } = this.settings;
    const session = this.#session;
    if (session === undefined || this.#isClosing) {
      const means = "there is no session to leave";
      throw new CorralError("SESSION_EXPIRED", { op: budget.op, means });
    }
    this.#isClosing = true;
    await new Promise<void>((resolve) => {
      const cancel = clock.setTimeout(resolve, Math.max(0, budget.deadlineMs - clock.monotonicMs()));
      this.#whenIdle.push(() => {
        cancel();
        resolve();
      });
      this.#answerIdle();
    });
    if (this.#session !== session) throw new CorralError("SESSION_EXPIRED", { op: budget.op, outcome: "no" });
    const { clusterId, lastZxid } = this.history;
    const left = { id: session.id, secret: session.secret, acked: this.requester.table.acked, lastZxid, clusterId: clusterId! };
    this.#shutDown({ type: "close" });
    return left;
  }

  #answerIdle(): void {
    const { table } = this.requester;
    if (this.#whenIdle.length === 0 || table.outstanding + table.queued > 0) return;
    for (const idle of this.#whenIdle.splice(0)) idle();
  }

  /** An identity that was accepted, to be told again on each new connection. */
  rememberCredential(credential: Credential): void {
    this.#credentialsAdded.push(credential);
  }

  #whyClosed(): CorralError | undefined {
    this.checkDeadline();
    const state = this.#state;
    if (state.name === "closed") return new CorralError("CLOSED", { cause: state.cause });
    if (this.#isClosing) return new CorralError("CLOSED");
    if (this.settings.rejectWhileDown && state.name !== "connected") {
      return new CorralError("SUSPENDED", { cause: "cause" in state ? state.cause : undefined });
    }
    return undefined;
  }
}

/** Refusals that no other server, and no other time, will change. */
function isHopeless(cause: CorralError): boolean {
  return cause.code === "AUTH_FAILED" || cause.code === "VERSION_UNSUPPORTED" || cause.code === "PROTOCOL_ERROR";
}
