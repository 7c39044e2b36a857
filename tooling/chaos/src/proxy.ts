/**
 * A TCP proxy that is a bad network: it holds bytes back, one way or both, slows them, or ends connections in the middle of a frame.
 *
 * Owns its sockets. What it holds back it delivers later and in order, as TCP does after a partition; it never changes a byte.
 */
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** `hole`: nothing passes, and nobody is told. `throttle`: so many bytes in ten milliseconds. `drip`: byte by byte. */
export type Mode = "open" | "hole" | "hole-to-server" | "hole-from-server" | "delay" | "throttle" | "drip";
type Way = "to-server" | "from-server";

const DELAY_MS = 150;
const THROTTLE = { bytes: 400, ms: 10 };
/** At most so many bytes of a frame one by one: a message of a megabyte would take for ever. */
const DRIP = { bytes: 64, ms: 2 };
/** Held back in one direction; beyond, the sender's socket fills. */
const HELD_BYTES_MAX = 1 << 20;

export class BadNetwork {
  readonly #server: net.Server;
  readonly #target: () => string;
  readonly #pipes = new Set<Pipe>();
  #mode: Mode = "open";
  /** Connections so far. */
  accepted = 0;

  private constructor(target: () => string) {
    this.#target = target;
    this.#server = net.createServer((client) => this.#join(client));
  }

  static async open(target: () => string): Promise<BadNetwork> {
    const network = new BadNetwork(target);
    await new Promise<void>((resolve) => network.#server.listen(0, "127.0.0.1", resolve));
    return network;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  set mode(mode: Mode) {
    this.#mode = mode;
    for (const pipe of this.#pipes) pipe.flow();
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#pipes.size / 2;
  }

  /** RST to both sides, now. */
  reset(): void {
    for (const pipe of this.#pipes) pipe.reset();
  }

  /** Of what comes next in each direction one half arrives, and then the connection ends. */
  cutInFrame(): void {
    for (const pipe of this.#pipes) pipe.cutsNext = true;
  }

  close(): void {
    this.#server.close();
    for (const pipe of this.#pipes) pipe.reset();
  }

  #join(client: net.Socket): void {
    this.accepted++;
    const { hostname, port } = new URL(this.#target());
    const server = net.connect(Number(port), hostname);
    const end = (): void => {
      client.destroy();
      server.destroy();
      for (const pipe of pipes) this.#pipes.delete(pipe);
    };
    const pipes = [
      new Pipe(client, server, "to-server", () => this.#mode, end),
      new Pipe(server, client, "from-server", () => this.#mode, end),
    ];
    for (const pipe of pipes) this.#pipes.add(pipe);
  }
}

class Pipe {
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #way: Way;
  readonly #mode: () => Mode;
  readonly #end: () => void;
  #held: Buffer[] = [];
  #bytes = 0;
  #isOver = false;
  #isFlowing = false;
  cutsNext = false;

  constructor(from: net.Socket, to: net.Socket, way: Way, mode: () => Mode, end: () => void) {
    this.#from = from;
    this.#to = to;
    this.#way = way;
    this.#mode = mode;
    this.#end = end;
    from.setNoDelay(true);
    from.on("data", (bytes: Buffer) => {
      this.#held.push(bytes);
      this.#bytes += bytes.length;
      if (this.#bytes > HELD_BYTES_MAX) from.pause();
      this.flow();
    });
    // A connection that breaks is what this is for; the other side hears of it behind what is held back.
    from.on("error", () => {});
    from.on("close", () => {
      this.#isOver = true;
      this.flow();
    });
  }

  get #isBlocked(): boolean {
    const mode = this.#mode();
    return mode === "hole" || mode === `hole-${this.#way}`;
  }

  /** The way may be free. */
  flow(): void {
    if (!this.#isFlowing) void this.#pass();
  }

  async #pass(): Promise<void> {
    this.#isFlowing = true;
    while (!this.#isBlocked && this.#held.length > 0) {
      const mode = this.#mode();
      if (this.cutsNext) return this.#cut();
      if (mode === "delay") await wait(DELAY_MS);
      if (this.#isBlocked) break;
      const size = mode === "drip" ? 1 : mode === "throttle" ? THROTTLE.bytes : Number.POSITIVE_INFINITY;
      const first = this.#held.shift()!;
      const part = first.subarray(0, size);
      if (part.length < first.length) this.#held.unshift(first.subarray(part.length));
      this.#bytes -= part.length;
      if (!this.#to.destroyed) this.#to.write(part);
      if (mode === "drip") await wait(this.#bytes % DRIP.bytes === 0 ? DRIP.ms : 0);
      if (mode === "throttle") await wait(THROTTLE.ms);
      if (this.#bytes < HELD_BYTES_MAX) this.#from.resume();
    }
    this.#isFlowing = false;
    if (this.#isOver && this.#held.length === 0 && !this.#isBlocked) this.#end();
  }

  #cut(): void {
    const first = this.#held[0]!;
    this.#to.write(first.subarray(0, first.length >> 1), () => this.#end());
  }

  reset(): void {
    this.#held = [];
    this.#from.resetAndDestroy();
    this.#to.resetAndDestroy();
    this.#end();
  }
}
