/**
 * One connection from its Hello to its end: the handshake, the messages in their order, pings, and the decision that it is
 * dead. What the messages mean is its owner's business.
 */
import {
  decodeFrame,
  ELEMENTS_MAX_TO_CLIENT,
  errorName,
  Op,
  ProtocolError,
  readServerMessage,
  readWelcome,
  Writer,
  writeHello,
  type Hello,
  type ServerMessage,
  type Signal,
  type Welcome,
} from "@corral/protocol";
import { CorralError, refusal } from "../error.ts";
import { PING_SHARE, SILENCE_SHARE } from "../limits.ts";
import { instantOf, type Clock, type Instant, type Wire } from "../world.ts";

export interface ConnectionOwner {
  /** First of all, once. Anything after it in the same frame follows at once. */
  welcomed(connection: Connection, welcome: Welcome, helloSentAt: Instant): void;
  /** Before each frame: is the connection still wanted? */
  arrived(connection: Connection): boolean;
  message(connection: Connection, message: ServerMessage): void;
  /** After each frame. */
  frameDone(connection: Connection): void;
  /** A ping is due. */
  pingDue(connection: Connection, ping: Signal): void;
  /** Once, whoever ended it; not after `close`. */
  ended(connection: Connection, cause: CorralError): void;
}

const NORMAL = 1000;
const PROTOCOL_FAULT = 1002;

export class Connection {
  readonly server: string;
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #owner: ConnectionOwner;
  #helloSentAt: Instant;
  #timeoutMs: number | undefined;
  #open = true;
  #arrivedAtMs: number;
  /** When the latest message was sent that has been answered. What was asked since may wait behind a slow log for long. */
  #answeredAtMs: number;
  /** When the last ping was due. */
  #pingedAtMs: number;
  /** When the pings that are not answered were sent. */
  readonly #pings: Instant[] = [];
  #cancelTimer: (() => void) | undefined;
  /** Why the server is about to close. */
  #goodbye: CorralError | undefined;
  bytesIn = 0;
  bytesOut = 0;

  constructor(server: string, wire: Wire, clock: Clock, owner: ConnectionOwner) {
    this.server = server;
    this.#wire = wire;
    this.#clock = clock;
    this.#owner = owner;
    this.#helloSentAt = instantOf(clock);
    this.#arrivedAtMs = this.#answeredAtMs = this.#pingedAtMs = this.#helloSentAt.monotonicMs;
    wire.onmessage = (bytes) => {
      this.#receive(bytes);
    };
    wire.onclose = (code, reason) => {
      const cause =
        this.#goodbye ?? disconnected(this.server, `closed with ${code}${reason === "" ? "" : ` (${reason})`}`);
      this.#end(cause);
    };
  }

  get bufferedBytes(): number {
    return this.#wire.bufferedBytes;
  }

  get isWelcomed(): boolean {
    return this.#timeoutMs !== undefined;
  }

  hello(hello: Hello): void {
    const writer = new Writer(512);
    writeHello(writer, hello);
    this.#helloSentAt = instantOf(this.#clock);
    this.#send(writer.take());
  }

  send(frame: Uint8Array): void {
    if (this.#open) this.#send(frame);
  }

  /** What was sent at this moment has been answered: no ping is needed for a while. */
  answered(sentAt: Instant): void {
    this.#answeredAtMs = Math.max(this.#answeredAtMs, sentAt.monotonicMs);
  }

  #send(frame: Uint8Array): void {
    this.bytesOut += frame.length;
    this.#wire.send(frame);
  }

  pinged(at: Instant): void {
    this.#pings.push(at);
  }

  /** When the ping was sent that has just been answered. */
  ponged(): Instant | undefined {
    return this.#pings.shift();
  }

  /** By this side; the owner hears no more. */
  close(reason: string): void {
    if (!this.#open) return;
    this.#shut();
    this.#wire.close(NORMAL, reason);
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.bytesIn += bytes.length;
    this.#arrivedAtMs = this.#clock.monotonicMs();
    if (!this.#owner.arrived(this)) return;
    try {
      for (const value of decodeFrame(bytes, ELEMENTS_MAX_TO_CLIENT).values) {
        if (!this.#open) return;
        if (this.isWelcomed) this.#message(readServerMessage(value));
        else this.#handshake(readWelcome(value));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#wire.close(PROTOCOL_FAULT, "protocol error");
      this.#end(disconnected(this.server, `broke the protocol: ${error.message}`, error));
      return;
    }
    if (this.#open) this.#owner.frameDone(this);
  }

  #handshake(answer: ReturnType<typeof readWelcome>): void {
    if ("code" in answer) {
      this.#wire.close(NORMAL, "refused");
      this.#end(refusal(answer.code, answer.detail, "connect", undefined));
      return;
    }
    this.#timeoutMs = answer.timeoutMs;
    this.#owner.welcomed(this, answer, this.#helloSentAt);
    this.#watchOver();
  }

  #message(message: ServerMessage): void {
    if (message.kind === "goodbye") this.#goodbye = refusal(message.code, message.detail, undefined, undefined);
    this.#owner.message(this, message);
    // Some goodbyes need no close from the other side to be understood.
    if (message.kind === "goodbye" && this.#open && errorName(message.code) !== "DRAINING") this.#leave();
  }

  #leave(): void {
    this.#wire.close(NORMAL, "goodbye");
    this.#end(this.#goodbye!);
  }

  /** One timer for pings and silence; it looks again when it fires rather than being moved by each message. */
  #watchOver(): void {
    if (!this.#open || this.#timeoutMs === undefined) return;
    const now = this.#clock.monotonicMs();
    const pingAt = Math.max(this.#answeredAtMs, this.#pingedAtMs) + this.#timeoutMs * PING_SHARE;
    const deadAt = this.#arrivedAtMs + this.#timeoutMs * SILENCE_SHARE;
    if (now >= deadAt) {
      this.#suspectDead();
      return;
    }
    if (now >= pingAt) {
      this.#pingedAtMs = now;
      this.#owner.pingDue(this, { op: Op.ping });
      this.#watchOver();
      return;
    }
    this.#cancelTimer = this.#clock.setTimeout(
      () => {
        this.#watchOver();
      },
      Math.min(pingAt, deadAt) - now,
    );
  }

  /** The silence may be ours: after a stall of this process, what has arrived is read before the verdict. */
  #suspectDead(): void {
    const arrived = this.#arrivedAtMs;
    this.#cancelTimer = this.#clock.setTimeout(() => {
      if (this.#arrivedAtMs !== arrived) return this.#watchOver();
      this.#wire.close(NORMAL, "silent");
      this.#end(disconnected(this.server, `has been silent for ${Math.round(this.#clock.monotonicMs() - arrived)} ms`));
    }, 0);
  }

  #end(cause: CorralError): void {
    if (!this.#open) return;
    this.#shut();
    this.#owner.ended(this, cause);
  }

  #shut(): void {
    this.#open = false;
    this.#cancelTimer?.();
    this.#wire.onmessage = undefined;
    this.#wire.onclose = undefined;
  }
}

function disconnected(server: string, what: string, cause?: unknown): CorralError {
  return new CorralError("SUSPENDED", { means: `the connection to ${server} ${what}`, outcome: "no", cause });
}
