/**
 * The network between clients and servers of this world: who can reach whom, how long it takes, and what is lost.
 *
 * Owns the connections and what blocks them. Never looks at what a message means; its observers do.
 */
import type { DialOptions, Transport, Wire } from "@corral/client";
import type { Listener, Socket, SocketOwner } from "@corral/server";
import type { Fate, Frame, FrameObserver } from "./frame.ts";
import { type Direction, Link } from "./link.ts";
import type { Process } from "./process.ts";
import type { Timeline } from "./timeline.ts";

export interface NetworkConfig {
  /** Milliseconds that a message takes, drawn for each. Default 0. */
  readonly latencyMs?: (() => number) | undefined;
  /** Bytes that a machine takes from its process before they have arrived. Default 64 KiB. */
  readonly windowBytes?: number | undefined;
}

interface Listening {
  readonly process: Process;
  readonly accept: (socket: Socket) => SocketOwner;
}

const WINDOW_BYTES = 64 * 1024;

export class Network {
  readonly #timeline: Timeline;
  readonly #config: NetworkConfig;
  readonly #listening = new Map<string, Listening>();
  readonly #links = new Set<Link>();
  readonly #dials = new Set<() => void>();
  readonly #observers = new Set<FrameObserver>();
  readonly #blocks = new Set<{ readonly client: string; readonly direction: Direction }>();
  /** What becomes of attempts to connect, and how fast the ways are; by client, or "all". */
  readonly #doors = new Set<{ readonly client: string; readonly answer: "refused" | "hung" }>();
  readonly #speeds = new Set<{ readonly client: string; readonly bytesPerMs: number }>();
  #lastLink = 0;

  constructor(timeline: Timeline, config: NetworkConfig = {}) {
    this.#timeline = timeline;
    this.#config = config;
  }

  /** Open connections. */
  get links(): readonly Link[] {
    return [...this.#links];
  }

  /** Of this client, or of "all". */
  linksOf(client: string): readonly Link[] {
    return this.links.filter((link) => client === "all" || link.client === client);
  }

  /** Sees every frame from now on. The function returned ends that. */
  observe(observer: FrameObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** Nothing passes, and nobody is told, until the function returned is called. What was sent meanwhile arrives then. `client` may be "all". */
  block(client: string, direction: Direction): () => void {
    const block = { client, direction };
    this.#blocks.add(block);
    return () => {
      this.#blocks.delete(block);
      this.#look();
    };
  }

  /** Who connects is refused, or let in by a machine whose process never hears of it. The function returned ends that; who hangs then hangs on. */
  shut(client: string, answer: "refused" | "hung"): () => void {
    const door = { client, answer };
    this.#doors.add(door);
    return () => void this.#doors.delete(door);
  }

  /** So many bytes a millisecond, each way of each connection, until the function returned is called. */
  slow(client: string, bytesPerMs: number): () => void {
    const speed = { client, bytesPerMs };
    this.#speeds.add(speed);
    return () => void this.#speeds.delete(speed);
  }

  heal(): void {
    this.#blocks.clear();
    this.#doors.clear();
    this.#speeds.clear();
    this.#look();
  }

  #look(): void {
    for (const link of this.#links) link.arm();
    for (const dial of this.#dials) dial();
  }

  #isBlocked(client: string, direction: Direction): boolean {
    for (const block of this.#blocks) {
      if (block.direction === direction && (block.client === "all" || block.client === client)) return true;
    }
    return false;
  }

  #doorOf(client: string): "refused" | "hung" | undefined {
    for (const door of this.#doors) if (door.client === "all" || door.client === client) return door.answer;
    return undefined;
  }

  #bandwidthOf(client: string): number {
    let least = Number.POSITIVE_INFINITY;
    for (const speed of this.#speeds)
      if (speed.client === "all" || speed.client === client) least = Math.min(least, speed.bytesPerMs);
    return least;
  }

  /** The place where a server's process listens. */
  listener(process: Process, url: string): Listener {
    return {
      url,
      listen: async (accept) => {
        this.#listening.set(url, { process, accept });
      },
      close: async () => {
        if (this.#listening.get(url)?.process === process) this.#listening.delete(url);
        await this.#closed(process);
      },
    };
  }

  async #closed(process: Process): Promise<void> {
    while ([...this.#links].some((link) => link.serverProcess === process)) {
      await new Promise<void>((resolve) => void process.after(1, "work", resolve));
    }
  }

  /** The process is dead: nobody listens, and its connections are reset. */
  serverDied(process: Process): void {
    for (const [url, listening] of this.#listening) if (listening.process === process) this.#listening.delete(url);
    for (const link of this.#links) if (link.serverProcess === process) link.serverDied();
  }

  clientDied(client: string): void {
    for (const link of this.linksOf(client)) link.clientDied();
  }

  transport(process: Process, client: string): Transport {
    return { connect: (url, options) => this.#connect(process, client, url, options) };
  }

  #connect(process: Process, client: string, url: string, { signal }: DialOptions): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const latency = this.#config.latencyMs ?? (() => 0);
      const over = (): void => {
        this.#dials.delete(dial);
        signal.removeEventListener("abort", giveUp);
      };
      const giveUp = (): void => {
        over();
        reject(signal.reason as Error);
      };
      let isUnderWay = false;
      const isBlocked = (): boolean => this.#isBlocked(client, "to-server") || this.#isBlocked(client, "from-server");
      const dial = (): void => {
        if (isUnderWay || isBlocked()) return;
        isUnderWay = true;
        process.after(latency(), "work", () => {
          isUnderWay = false;
          if (signal.aborted || isBlocked()) return;
          const listening = this.#listening.get(url);
          over();
          const door = this.#doorOf(client);
          if (listening === undefined || door === "refused") reject(new Error(`nobody listens at ${url}`));
          else resolve(this.#link(process, client, listening, door === "hung").wire);
        });
      };
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp);
      this.#dials.add(dial);
      dial();
    });
  }

  #link(clientProcess: Process, client: string, { process, accept }: Listening, hangs: boolean): Link {
    const link = new Link(
      {
        id: ++this.#lastLink,
        client,
        clientProcess,
        serverProcess: process,
        latencyMs: this.#config.latencyMs ?? (() => 0),
        windowBytes: this.#config.windowBytes ?? WINDOW_BYTES,
        bandwidth: () => this.#bandwidthOf(client),
        now: () => this.#timeline.now,
        isBlocked: (direction) => this.#isBlocked(client, direction),
        observe: (frame) => this.#observed(frame),
        ended: (over) => void this.#links.delete(over),
      },
      "127.0.0.1",
    );
    this.#links.add(link);
    if (hangs) link.hang();
    process.after(0, "work", () => {
      if (link.isOpen) link.accepted(accept(link.socket));
      else link.tooLate();
    });
    return link;
  }

  #observed(frame: Frame): Fate {
    let fate: Fate;
    for (const observer of this.#observers) {
      const wanted = observer(frame);
      fate ??= wanted;
    }
    return fate;
  }
}
