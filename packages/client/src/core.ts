/** What both entries export. */
export {
  type AclEntry,
  type ErrorName,
  type Identity,
  OPEN_ACL,
  type Outcome,
  Permission,
  READ_ACL,
  type Stat,
} from "@corral/protocol";
export type { Cache, CacheOptions } from "./api/cache.ts";
export type { Client } from "./api/client.ts";
export { op, read } from "./api/multi.ts";
export type { Condition, Operation, ReadOperation, ReadResults, Results, SettledResults } from "./api/multi.ts";
export type { WatchType } from "./api/streams.ts";
export type {
  Child,
  ClientStats,
  Created,
  CreateOptions,
  CreateShape,
  DeleteOptions,
  Entry,
  Guard,
  Lifetime,
  ListOptions,
  Match,
  NextEventOptions,
  ReadOptions,
  ReadTreeOptions,
  SetOptions,
  Settled,
  SubscribeOptions,
  SubscriptionScope,
  Tree,
  UpdateOptions,
  WatchedReadOptions,
  WriteOptions,
} from "./api/types.ts";
export type { Deadline } from "./calls/deadline.ts";
export type { CallOptions } from "./calls/requester.ts";
export { json, msgpack, raw, text } from "./codec.ts";
export type { Codec, ObjectCodecOptions, StandardSchema } from "./codec.ts";
export { CorralError, isCorralError } from "./error.ts";
export type { CorralErrorInit } from "./error.ts";
export { CLIENT_SIMULATE } from "./limits.ts";
export type { ConnectOptions } from "./open.ts";
export type { AuthOption, DetachedSession, OpenOptions, QueueOptions, SessionOptions } from "./options.ts";
export type { Servers } from "./session/rounds.ts";
export type { SessionInfo } from "./session/session.ts";
export type { ClientState, ExpiredBy, StateName } from "./session/state.ts";
export type { StreamReader } from "./stream.ts";
export type { SubscriptionEvent } from "./subscription/event.ts";
export type { Subscription } from "./subscription/subscription.ts";
export { systemClock, systemRandom } from "./system-clock.ts";
export { webSocketTransport } from "./web-socket-transport.ts";
export type { WatchEvent } from "./watch/event.ts";
export type { Watch } from "./watch/watch.ts";
export type { Clock, DialOptions, LogRecord, LogSink, Random, Transport, Wire } from "./world.ts";
