/** Recipes: what programs coordinate by. Each is one file, and takes a client. */
export type { AcquireOptions } from "./hold/acquire.ts";
export type { Layout } from "./hold/contender-name.ts";
export type { Contender } from "./hold/contenders.ts";
export type { Held, HoldOptions, Released, RevokeRequest } from "./hold/held.ts";
export type { OnWait, Waiting } from "./hold/turn.ts";
export { lock } from "./lock.ts";
export type { Lock, LockOptions } from "./lock.ts";
