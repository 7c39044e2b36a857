/** For those who write recipes of their own: what the recipes here are made of, and promise nothing more about. */
export { encodeName } from "./encode-name.ts";
export { sessionFor, whenOver, whileIn } from "./hold/in-session.ts";
export { unseen } from "./hold/let-go.ts";
export { backoffMs } from "./wait/backoff.ts";
export { Newest } from "./wait/newest.ts";
export { pause } from "./wait/pause.ts";
export { watchUntil } from "./wait/watch-until.ts";
