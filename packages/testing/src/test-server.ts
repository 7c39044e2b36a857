/**
 * A real server and real clients in one process: memory for a wire and a disk, a clock that the test moves, and faults.
 *
 * Owns the putting together. Nothing in here imitates Corral: what is tested is what ships.
 */
import { type Client, type ConnectOptions, connect, type OpenOptions } from "@corral/client";
import type { FileLogLimits } from "@corral/log";
import type { ServerConfig } from "@corral/server";
import { NIL } from "@corral/state-machine";
import { type Faults, faultsOf } from "./faults.ts";
import { RequestLog, type RequestMatch, type SeenRequest } from "./requests.ts";
import { bytesOf, drawFrom } from "./world/draw.ts";
import { Host } from "./world/host.ts";
import { Network } from "./world/network.ts";
import { Process } from "./world/process.ts";
import { Timeline } from "./world/timeline.ts";

export interface TestServerOptions {
  /** Of everything that is left to chance. Default 1. */
  readonly seed?: number | undefined;
  /** `virtual` (default): timers wait for `clock.advance`. `real`: they wait for the world. */
  readonly clock?: "virtual" | "real" | undefined;
  /** `memory` (default), or the file log on a disk in memory that keeps only what a real one promises. */
  readonly log?: "memory" | "file" | undefined;
  /** Milliseconds that each message takes. Default 0. */
  readonly latencyMs?: number | undefined;
  /** Changes of the server's limits. */
  readonly limits?: ServerConfig["limits"];
  /** Changes of the replicated options: sizes, quotas, super identities. */
  readonly options?: ServerConfig["options"];
  /** How much of the past the server remembers for subscriptions and watches to be resumed. */
  readonly history?: ServerConfig["historyLimits"];
  /** Changes of the file log's limits; the defaults here are small. */
  readonly fileLimits?: Partial<FileLogLimits> | undefined;
  /** The server cannot go on (a failed write to the disk), and is dead. Default: thrown at whoever moves the clock. */
  readonly onFatal?: ((error: Error) => void) | undefined;
}

export interface TestClock {
  /** Milliseconds since the world began. */
  readonly now: number;
  /** Lets time pass; what is due within it happens, in order. Rejects with what went wrong in the server or a client's timer. */
  advance(ms: number): Promise<void>;
  /** Until nothing is on its way any more: no message, no write to the disk. Timers that are due later stay. */
  runUntilIdle(): Promise<void>;
}

/** One znode of `dump()`. */
export interface DumpedNode {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly version: number;
  readonly czxid: number;
  readonly mzxid: number;
  /** Session id of an ephemeral's owner; 0 for others. */
  readonly owner: number;
}

/** What is there and would not be if everybody had tidied up. */
export interface Leaks {
  /** Clients of this server that are not closed. */
  readonly clients: number;
  readonly connections: number;
  readonly sessions: number;
  readonly ephemerals: number;
  readonly watches: number;
  readonly subscriptions: number;
  /** Requests that clients wait for. */
  readonly waiting: number;
  /** Timers of clients. */
  readonly timers: number;
}

/** Options of a client; servers, transport, clock and randomness are this world's. */
export type TestConnectOptions = Omit<ConnectOptions, "servers" | "transport" | "clock" | "random">;

export interface TestServer extends AsyncDisposable {
  /** For the `servers` of a client; means nothing outside this world. */
  readonly url: string;
  readonly clock: TestClock;
  readonly faults: Faults;
  /** A client with a session. */
  connect(options?: TestConnectOptions): Promise<Client>;
  /** What a client needs to live in this world: for code that opens its clients itself. A process of its own each time. */
  clientOptions(): OpenOptions;
  /** Every request that clients have sent, once for each time, oldest first. */
  requests(match?: RequestMatch): readonly SeenRequest[];
  /** The whole tree, parents before children. */
  dump(): readonly DumpedNode[];
  leaks(): Leaks;
  /** Closes the clients of `connect` and ends the world. */
  close(): Promise<void>;
}

const URL = "ws://corral.test:2190";

interface Inhabitant {
  readonly name: string;
  readonly process: Process;
  timers: number;
}

/** Starts a server. Rejects with a RangeError for a limit out of its range. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const server = new World(options);
  await server.start();
  return server;
}

class World implements TestServer {
  readonly url: string = URL;
  readonly clock: TestClock;
  readonly faults: Faults;
  readonly #seed: number;
  readonly #timeline: Timeline;
  readonly #network: Network;
  readonly #host: Host;
  readonly #requests: RequestLog;
  readonly #inhabitants: Inhabitant[] = [];
  readonly #clients = new Map<Client, Inhabitant>();

  constructor(options: TestServerOptions) {
    const {
      seed = 1,
      clock = "virtual",
      log = "memory",
      latencyMs = 0,
      limits,
      options: replicated,
      history,
      fileLimits,
      onFatal,
    } = options;
    this.#seed = seed;
    const timeline = new Timeline(clock === "virtual");
    this.#timeline = timeline;
    this.#network = new Network(timeline, { latencyMs: () => latencyMs });
    this.#requests = new RequestLog(() => timeline.now);
    this.#network.observe(this.#requests.observe);
    this.#host = new Host(timeline, this.#network, {
      url: URL,
      seed,
      log,
      limits,
      options: replicated,
      historyLimits: history,
      fileLimits,
      fatal:
        onFatal ??
        ((error) =>
          void timeline.at(timeline.now, "work", () => {
            throw error;
          })),
    });
    this.clock = {
      get now() {
        return timeline.now;
      },
      advance: (ms) => timeline.advance(ms),
      runUntilIdle: () => timeline.runUntilIdle(),
    };
    this.faults = faultsOf({
      host: this.#host,
      network: this.#network,
      requests: this.#requests,
      nameOf: (client) => (client === "all" ? "all" : this.#inhabitant(client).name),
      processOf: (client) => this.#inhabitant(client).process,
      runUntilIdle: () => timeline.runUntilIdle(),
      soon: (act) => void timeline.at(timeline.now, "work", act),
      advance: (ms) => timeline.advance(ms),
    });
  }

  async start(): Promise<void> {
    await this.#host.start();
  }

  /** A view of a client by `chroot` is of the same session. */
  #inhabitant(client: Client): Inhabitant {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    for (const [other, inhabitant] of this.#clients)
      if (client.session !== undefined && other.session === client.session) return inhabitant;
    throw new Error("the client is not of this server's connect()");
  }

  #settle(): { readonly inhabitant: Inhabitant; readonly options: OpenOptions } {
    const name = String(this.#inhabitants.length + 1);
    const process = new Process(`client ${name}`, this.#timeline, drawFrom(this.#seed, `process ${name}`));
    const inhabitant: Inhabitant = { name, process, timers: 0 };
    this.#inhabitants.push(inhabitant);
    const draw = drawFrom(this.#seed, `client ${name}`);
    const options: OpenOptions = {
      servers: [URL],
      transport: this.#network.transport(process, name),
      clock: {
        monotonicMs: process.monotonicMs,
        wallMs: process.wallMs,
        setTimeout: (call, ms) => timer(inhabitant, call, ms),
      },
      random: (bytes) => bytesOf(draw, bytes),
    };
    return { inhabitant, options };
  }

  clientOptions(): OpenOptions {
    return this.#settle().options;
  }

  async connect(options: TestConnectOptions = {}): Promise<Client> {
    const { inhabitant, options: own } = this.#settle();
    const client = await connect({ ...options, ...own });
    this.#clients.set(client, inhabitant);
    return client;
  }

  requests(match: RequestMatch = {}): readonly SeenRequest[] {
    return this.#requests.list(match);
  }

  dump(): readonly DumpedNode[] {
    const { tree } = this.#host.server.state;
    const nodes: DumpedNode[] = [];
    const visit = (slot: number): void => {
      const data = tree.data(slot);
      nodes.push({
        path: tree.path(slot),
        data: data === null ? null : Uint8Array.from(data),
        version: tree.version(slot),
        czxid: tree.czxid(slot),
        mzxid: tree.mzxid(slot),
        owner: tree.owner(slot),
      });
      for (let child = tree.firstChild(slot); child !== NIL; child = tree.next(child)) visit(child);
    };
    visit(tree.find("/"));
    return nodes;
  }

  leaks(): Leaks {
    const { figures } = this.#host.server;
    const open = [...this.#clients.keys()].filter(({ state }) => state.name !== "closed");
    return {
      clients: open.length,
      connections: this.#network.links.length,
      sessions: figures.sessions,
      ephemerals: figures.ephemerals,
      watches: figures.watches,
      subscriptions: figures.subscriptions,
      waiting: open.reduce((sum, client) => sum + client.stats().inFlight + client.stats().queued, 0),
      timers: this.#inhabitants.reduce((sum, { timers }) => sum + timers, 0),
    };
  }

  async close(): Promise<void> {
    this.#network.heal();
    const closing = Promise.all([...this.#clients.keys()].map((client) => client.close()));
    let areClosed = false;
    void closing.then(() => (areClosed = true));
    // A client that cannot reach its server gives up after a while.
    for (let i = 0; !areClosed && i < CLOSE_STEPS; i++) await this.#timeline.advance(CLOSE_STEP_MS);
    this.#host.crash("process");
    this.#timeline.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const CLOSE_STEP_MS = 100;
const CLOSE_STEPS = 100;

function timer(inhabitant: Inhabitant, call: () => void, ms: number): () => void {
  let isPending = true;
  const over = (): void => {
    if (isPending) inhabitant.timers--;
    isPending = false;
  };
  inhabitant.timers++;
  const cancel = inhabitant.process.after(ms, "timer", () => {
    over();
    call();
  });
  return () => {
    over();
    cancel();
  };
}
