/** What the driver asks of watches and subscriptions: they live as long as a connection, and come back on the next. */
import type { ProtocolLimits, Reply, RequestBody, SubscriptionMessage, WatchEventMessage } from "@corral/protocol";
import type { CorralError } from "../error.ts";

/** A new connection to a session. */
export interface NewConnection {
  readonly zxid: number;
  readonly limits: ProtocolLimits;
  /** Zxids seen before still mean the same. */
  readonly historyKept: boolean;
}

interface Restorable {
  disconnected(): void;
  /** Requests for it are made as urgent ones, in this call. */
  restore(connection: NewConnection): void;
  /** The client is closed. */
  close(cause: CorralError): void;
}
export interface WatchSink extends Restorable {
  event(message: WatchEventMessage): void;
  /** Everything up to this zxid has been told. */
  replied(zxid: number): void;
  /** A read that its caller had given up has been answered: what it may have set is nobody's. */
  unwanted(body: RequestBody, reply: Reply): void;
}
export interface SubscriptionSink extends Restorable {
  message(message: SubscriptionMessage): void;
}
