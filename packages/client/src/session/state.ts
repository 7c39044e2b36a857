/**
 * The states of a client and how it gets from one to the next: a pure table. Nothing here has a clock, a connection or a
 * side effect; the driver carries out what a transition means.
 */
import type { CorralError } from "../error.ts";

export type ClientState =
  /** No session yet, or none any more. `attempt` counts failed attempts since the client was opened or a session ended. */
  | { readonly name: "connecting"; readonly attempt: number; readonly cause?: CorralError }
  /** The session lives and its connection stands. `resumed`: it lived before this connection. */
  | { readonly name: "connected"; readonly sessionId: number; readonly server: string; readonly resumed: boolean }
  /** The connection is gone. The session may still live; calls wait. */
  | { readonly name: "suspended"; readonly sessionId: number; readonly cause: CorralError }
  /** The session is over for good: because a server said so, or because no server can be known to keep it any longer. */
  | { readonly name: "expired"; readonly sessionId: number; readonly by: ExpiredBy; readonly cause: CorralError }
  /** Final. With a cause when it was not by `close()` or `detach()`. */
  | { readonly name: "closed"; readonly cause?: CorralError };

export type ExpiredBy = "server" | "local-deadline";
export type StateName = ClientState["name"];

export type StateEvent =
  /** A server said Welcome. */
  | { readonly type: "welcomed"; readonly sessionId: number; readonly server: string; readonly resumed: boolean }
  /** The connection broke, or an attempt at one failed. */
  | { readonly type: "disconnected"; readonly cause: CorralError }
  /** Since the last message known to have reached a server the session's timeout has passed. */
  | { readonly type: "deadline"; readonly sessionId: number; readonly cause: CorralError }
  /** A server says that the session is gone, or another's. */
  | { readonly type: "ended"; readonly sessionId: number; readonly cause: CorralError }
  /** No further attempt can succeed: credentials, protocol version. */
  | { readonly type: "rejected"; readonly cause: CorralError }
  /** After `expired`: go on with a new session. */
  | { readonly type: "renew" }
  /** By the user. */
  | { readonly type: "close" };

/** Where each event leads from each state; null where it means nothing and the state stays. */
export const TRANSITIONS: Readonly<Record<StateName, Readonly<Record<StateEvent["type"], StateName | null>>>> = {
  connecting: {
    welcomed: "connected",
    disconnected: "connecting",
    deadline: null,
    ended: "expired",
    rejected: "closed",
    renew: null,
    close: "closed",
  },
  connected: {
    welcomed: null,
    disconnected: "suspended",
    deadline: "expired",
    ended: "expired",
    rejected: "closed",
    renew: null,
    close: "closed",
  },
  suspended: {
    welcomed: "connected",
    disconnected: "suspended",
    deadline: "expired",
    ended: "expired",
    rejected: "closed",
    renew: null,
    close: "closed",
  },
  expired: {
    welcomed: null,
    disconnected: null,
    deadline: null,
    ended: null,
    rejected: "closed",
    renew: "connecting",
    close: "closed",
  },
  closed: {
    welcomed: null,
    disconnected: null,
    deadline: null,
    ended: null,
    rejected: null,
    renew: null,
    close: null,
  },
};

export const INITIAL: ClientState = { name: "connecting", attempt: 0 };

/** The state after an event; the very same object if the event means nothing in this state. */
export function next(state: ClientState, event: StateEvent): ClientState {
  if (TRANSITIONS[state.name][event.type] === null) return state;
  switch (event.type) {
    case "welcomed":
      return { name: "connected", sessionId: event.sessionId, server: event.server, resumed: event.resumed };
    case "disconnected":
      return state.name === "connecting"
        ? { name: "connecting", attempt: state.attempt + 1, cause: event.cause }
        : { name: "suspended", sessionId: (state as { sessionId: number }).sessionId, cause: event.cause };
    case "deadline":
      return { name: "expired", sessionId: event.sessionId, by: "local-deadline", cause: event.cause };
    case "ended":
      return { name: "expired", sessionId: event.sessionId, by: "server", cause: event.cause };
    case "rejected":
      return { name: "closed", cause: event.cause };
    case "renew":
      return INITIAL;
    case "close":
      return { name: "closed" };
  }
}
