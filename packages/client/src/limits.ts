/**
 * Bounds and times of the client, each with the name by which errors and documentation call it. What the server bounds
 * (request, frame, requests in flight) it tells at the handshake.
 */

/** For a whole call, unless the call or the client says otherwise. */
export const CALL_TIMEOUT_MS = 15_000;
/** What a client asks for; the server clamps it. Browsers throttle the timers of hidden tabs: ask for 90 s or more there. */
export const SESSION_TIMEOUT_MS = 30_000;
/** `close()` and disposal wait at most so long for the server. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** One attempt at one server, from dialling to Welcome; a third of the session's timeout if that is less. */
export const ATTEMPT_TIMEOUT_MS = 5_000;
/** Pause before a round over all servers: random between 0 and this, doubled with each round that fails … */
export const BACKOFF_FIRST_MS = 50;
/** … up to this. Also between attempts to send a write again that the server refused for overload. */
export const BACKOFF_MAX_MS = 5_000;

/** Calls that wait to be sent. One more is refused with `OVERLOADED`. */
export const QUEUE_CALLS_MAX = 10_000;
/** Bytes of the calls that wait to be sent. */
export const QUEUE_BYTES_MAX: number = 64 * 1024 * 1024;
/** Nothing more is given to a connection that holds so many unsent bytes. */
export const SEND_BUFFER_BYTES: number = 8 * 1024 * 1024;
/** Look again at a full send buffer after so long: there is no event for it. */
export const SEND_BUFFER_POLL_MS = 5;

/** A frame of its own acknowledges replies once there are so many … */
export const ACK_REPLIES = 256;
/** … or so many bytes have come … */
export const ACK_BYTES: number = 256 * 1024;
/** … or so long after the first of them, while requests are unanswered and no other frame has said so. */
export const ACK_DELAY_MS = 10;

/** Events a watch keeps for a slow consumer; one more replaces them all by a `resync`. */
export const WATCH_EVENTS_MAX = 10_000;
/** Events gathered while watches are restored; if there are more, every watch is told `resync` instead. */
export const CATCH_UP_EVENTS_MAX = 100_000;
/** States kept for a slow consumer of `states()`; the oldest is dropped. */
export const STATES_MAX = 100;
/** Units of a subscription (a page, the changes of one zxid) that the server may send ahead of the consumer. */
export const SUBSCRIPTION_CREDITS = 64;
/** Distinct paths that a coalescing subscription holds for a slow consumer before it stops taking messages. */
export const COALESCED_PATHS_MAX = 10_000;
/** Znodes that `readTree` gathers before it refuses with `LIMIT_EXCEEDED`. */
export const READ_TREE_ENTRIES_MAX = 100_000;
/** Znodes that a recursive delete removes in its one transaction, unless told otherwise. */
export const DELETE_TREE_NODES_MAX = 10_000;
/** Tries of `update` against concurrent writers. */
export const UPDATE_TRIES_MAX = 100;
/** Before each of them a pause, random between 0 and this, doubled each time so that one of many writers gets through … */
export const UPDATE_PAUSE_FIRST_MS = 4;
/** … up to this. */
export const UPDATE_PAUSE_MAX_MS = 1_000;
/** Znodes in a cache. */
export const CACHE_ENTRIES_MAX = 10_000;
/** Bytes of data in a cache. */
export const CACHE_BYTES_MAX: number = 64 * 1024 * 1024;

/** A session taken over from another process goes on with request numbers this far above the ones acknowledged there. */
export const RESUME_XID_GAP: number = 2 ** 20;
/** While a session lives, pauses are at most this share of its timeout. */
export const PAUSE_SHARE: number = 1 / 6;
/** Of a Hello beside its credentials: two secrets, the cluster's id and numbers. */
export const HELLO_OTHER_BYTES_MAX = 512;

/** For pings: this share of the session's timeout since the latest message was sent that has been answered … */
export const PING_SHARE: number = 1 / 3;
/** … and this share of silence after which a connection is given up. */
export const SILENCE_SHARE: number = 2 / 3;

/** From these ranges the simulation draws what clients are opened with: small enough that each bound is met. */
export const CLIENT_SIMULATE: Readonly<
  Record<"timeoutMs" | "sessionTimeoutMs" | "queueCalls" | "queueBytes", readonly [number, number]>
> = {
  timeoutMs: [2_000, CALL_TIMEOUT_MS],
  sessionTimeoutMs: [1_500, 10_000],
  queueCalls: [5, 200],
  queueBytes: [4 * 1024, 256 * 1024],
};
