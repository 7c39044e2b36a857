/**
 * One connection between a client and a server: two lanes, and how it ends. Bytes cross it, never objects.
 */
import type { Wire } from "@corral/client";
import type { Socket, SocketOwner } from "@corral/server";
import { type Fate, type Frame, readFrame } from "./frame.ts";
import { Lane } from "./lane.ts";
import type { Process } from "./process.ts";

/** How long a server waits for the other side to answer its close. */
const CLOSE_TIMEOUT_MS = 2_000;
const ABNORMAL = 1006;

export interface LinkConfig {
  readonly id: number;
  /** Which client it is of. */
  readonly client: string;
  readonly clientProcess: Process;
  readonly serverProcess: Process;
  readonly latencyMs: () => number;
  readonly windowBytes: number;
  /** Bytes a millisecond, each way, at present. */
  readonly bandwidth: () => number;
  readonly now: () => number;
  readonly isBlocked: (direction: Direction) => boolean;
  readonly observe: (frame: Frame) => Fate;
  /** It is over at both ends. */
  readonly ended: (link: Link) => void;
}

export type Direction = "to-server" | "from-server";

export class Link {
  readonly id: number;
  readonly client: string;
  /** The session it was welcomed to; 0 before. */
  session = 0;
  readonly wire: Wire;
  readonly socket: Socket;
  readonly serverProcess: Process;
  readonly #config: LinkConfig;
  readonly #toServer: Lane;
  readonly #toClient: Lane;
  #owner: SocketOwner | undefined;
  #isClientOpen = true;
  #isServerOpen = true;
  #isServerClosing = false;
  #clientFrames = 0;
  #serverFrames = 0;

  constructor(config: LinkConfig, peerAddress: string) {
    this.id = config.id;
    this.client = config.client;
    this.#config = config;
    this.serverProcess = config.serverProcess;
    const { clientProcess, serverProcess, isBlocked } = config;
    this.#toServer = new Lane({
      ...config,
      sender: clientProcess,
      receiver: serverProcess,
      isBlocked: () => isBlocked("to-server"),
    });
    this.#toClient = new Lane({
      ...config,
      sender: serverProcess,
      receiver: clientProcess,
      isBlocked: () => isBlocked("from-server"),
    });
    const lane = this.#toServer;
    this.wire = {
      send: (bytes) => this.#fromClient(bytes),
      close: () => this.#closedByClient(),
      get bufferedBytes() {
        return lane.untakenBytes;
      },
      onmessage: undefined,
      onclose: undefined,
    };
    this.socket = {
      peer: { address: peerAddress, identities: [] },
      send: (bytes, taken) => this.#fromServer(bytes, taken),
      close: (code, reason) => this.#closedByServer(code, reason),
      pause: () => lane.pause(),
      resume: () => lane.resume(),
    };
  }

  get isOpen(): boolean {
    return this.#isClientOpen && this.#isServerOpen;
  }

  /** Bytes from the server that its machine has not taken. */
  get untakenBytes(): number {
    return this.#toClient.untakenBytes;
  }

  /** The server has it. */
  accepted(owner: SocketOwner): void {
    this.#owner = owner;
  }

  /** It was over before the server took it. */
  tooLate(): void {
    this.#isServerOpen = false;
    this.#endIfOver();
  }

  /** The way may be free again. */
  arm(): void {
    this.#toServer.arm();
    this.#toClient.arm();
  }

  #fromClient(sent: Uint8Array): void {
    if (!this.#isClientOpen) return;
    const bytes = Uint8Array.from(sent);
    const fate = this.#config.observe(readFrame(this, "client", bytes, this.#clientFrames++ === 0));
    if (fate === "lost") return this.cut();
    if (fate === "stuck") this.#toServer.jam();
    else this.#toServer.send(bytes.length, () => this.#owner?.received(bytes), undefined, fate?.delayMs);
  }

  #fromServer(sent: Uint8Array, taken: () => void): void {
    if (!this.#isServerOpen || this.#isServerClosing) return;
    const bytes = Uint8Array.from(sent);
    const frame = readFrame(this, "server", bytes, this.#serverFrames++ === 0);
    if (frame.kind === "messages" && frame.welcome !== undefined && "sessionId" in frame.welcome)
      this.session = frame.welcome.sessionId;
    const fate = this.#config.observe(frame);
    if (fate === "lost") return this.cut();
    if (fate === "stuck") this.#toClient.jam();
    else this.#toClient.send(bytes.length, () => this.wire.onmessage?.(bytes), taken, fate?.delayMs);
  }

  #closedByClient(): void {
    if (!this.#isClientOpen) return;
    this.#isClientOpen = false;
    this.#toClient.close();
    // After what was sent before.
    this.#toServer.send(0, () => this.#serverHears(), undefined);
    this.#endIfOver();
  }

  #closedByServer(code: number, reason: string): void {
    if (!this.#isServerOpen || this.#isServerClosing) return;
    this.#isServerClosing = true;
    this.#toClient.send(
      0,
      () => {
        this.#clientHears(code, reason);
        this.#toServer.send(0, () => this.#serverHears(), undefined);
      },
      undefined,
    );
    this.#config.serverProcess.after(CLOSE_TIMEOUT_MS, "timer", () => this.#serverHears());
  }

  #clientHears(code: number, reason: string): void {
    if (!this.#isClientOpen) return;
    this.#isClientOpen = false;
    this.#toClient.close();
    this.wire.onclose?.(code, reason);
    this.#endIfOver();
  }

  #serverHears(): void {
    if (!this.#isServerOpen) return;
    this.#isServerOpen = false;
    this.#toServer.close();
    this.#owner?.closed();
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (!this.#isClientOpen && !this.#isServerOpen) this.#config.ended(this);
  }

  /** Reset: both ends are told, what was on its way is lost. */
  cut(): void {
    const { clientProcess, serverProcess } = this.#config;
    this.#toServer.close();
    this.#toClient.close();
    clientProcess.after(0, "work", () => this.#clientHears(ABNORMAL, ""));
    serverProcess.after(0, "work", () => this.#serverHears());
  }

  /** The server's machine has taken the connection, its process never does. Before `accepted`. */
  hang(): void {
    this.#isServerOpen = false;
    this.#toServer.jam();
    this.#toClient.jam();
  }

  /** The client's end is reset, and the server is not told: half-open there. */
  resetClient(): void {
    if (!this.#isClientOpen) return;
    // Its process has not heard of it, and never will.
    if (this.#owner === undefined) this.#isServerOpen = false;
    this.#toServer.jam();
    this.#toClient.close();
    this.#config.clientProcess.after(0, "work", () => this.#clientHears(ABNORMAL, ""));
  }

  /** The server's process is gone, and its machine says so as soon as the client can hear it. */
  serverDied(): void {
    this.#isServerOpen = false;
    this.#toServer.close();
    this.#toClient.drop();
    if (this.#isClientOpen) this.#toClient.send(0, () => this.#clientHears(ABNORMAL, ""), undefined);
    else this.#endIfOver();
  }

  /** The client's process is gone. */
  clientDied(): void {
    this.#isClientOpen = false;
    this.#toClient.close();
    this.#toServer.send(0, () => this.#serverHears(), undefined);
    this.#endIfOver();
  }
}
