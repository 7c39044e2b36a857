/**
 * What can go wrong, at the test's word: on the wire, at the server, at a client, on the disk.
 *
 * Every fault that lasts returns a {@link Fault}; dispose of it, or let `using` do so, to end it.
 */
import type { Client } from "@corral/client";
import { type DiskOperation, diskError } from "@corral/log/testing";
import type { RequestLog, RequestMatch, SeenRequest } from "./requests.ts";
import { matches } from "./requests.ts";
import type { Fate, Frame } from "./world/frame.ts";
import type { Host } from "./world/host.ts";
import type { Direction } from "./world/link.ts";
import type { Network } from "./world/network.ts";
import type { Process } from "./world/process.ts";

/** A fault under way. */
export interface Fault extends Disposable {
  /** How often it has struck. */
  readonly hits: number;
  /** Harmless when repeated. */
  end(): void;
}

export interface NthMatch extends RequestMatch {
  /** Strikes once, at this match from now on; 1 by default. */
  readonly nth?: number | undefined;
}

export interface RestartOptions {
  /**
   * The server dies without a word, its connections are reset, and power fails: what the disk had not made durable is kept, lost
   * or torn, as the seed decides. Default: it is stopped in order.
   */
  readonly crash?: boolean | undefined;
  /** How long it stays away, milliseconds. Default 0. */
  readonly downMs?: number | undefined;
}

/** The disk below a server with `log: "file"`. */
export interface DiskFaults {
  /** The next write or sync of a file whose name begins so (all files by default) fails with EIO. */
  failNext(operation: DiskOperation, name?: string): Fault;
  /** So many bytes are left from now on; `Infinity` for no bound. */
  leave(bytes: number): void;
  /** Names of the files. */
  files(): readonly string[];
  /** Flips one bit at rest. */
  flip(name: string, offset: number): void;
}

export interface Faults {
  /** A black hole: nothing passes between this client and the server, and nobody is told. What was sent meanwhile arrives when it ends. */
  partition(client: Client | "all", options?: { readonly oneWay?: Direction | undefined }): Fault;
  /** The connection is reset; both sides are told. */
  cut(client: Client | "all"): void;
  /** The request is executed; its reply, and all that travels with it, is lost, and the connection with it. */
  dropReply(match?: NthMatch): Fault;
  /** The request is lost, and the connection with it. */
  dropRequest(match?: NthMatch): Fault;
  /** Each matching reply, and all that follows it, comes so much later. */
  delayReply(match: RequestMatch, ms: number): Fault;
  /** Does something of the test's own when a request has been sent: for faults at a certain step of what a client does. */
  at(match: NthMatch, act: () => void): Fault;
  /** The server ends the session, as if the client had been silent. Resolves when that is in the log. */
  expire(client: Client): Promise<void>;
  /** The server's process stands still: its timers are late, what arrives waits. */
  stall(ms: number): void;
  /** The same of a client's process. */
  stallClient(client: Client, ms: number): void;
  /** The client's machine sleeps: its monotonic clock stands still, its wall clock does not. */
  sleepClient(client: Client, ms: number): void;
  /** The client's wall clock is set forward, or back. */
  jumpClock(client: Client, ms: number): void;
  /** Stops the server and starts it again. Resolves when it serves; its clients come back by themselves. */
  restart(options?: RestartOptions): Promise<void>;
  /** The server forgets all past changes: nothing can be resumed from before. */
  forgetHistory(): void;
  readonly disk: DiskFaults;
}

export interface FaultWorld {
  readonly host: Host;
  readonly network: Network;
  readonly requests: RequestLog;
  readonly nameOf: (client: Client | "all") => string;
  readonly processOf: (client: Client) => Process;
  readonly runUntilIdle: () => Promise<void>;
  /** As soon as what happens now has happened. */
  readonly soon: (act: () => void) => void;
  readonly advance: (ms: number) => Promise<void>;
}

class Striking implements Fault {
  hits = 0;
  readonly #end: () => void;

  constructor(begin: (strike: () => void) => () => void) {
    this.#end = begin(() => {
      this.hits++;
    });
  }

  end(): void {
    this.#end();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

export function faultsOf(world: FaultWorld): Faults {
  const { host, network, nameOf, processOf, requests } = world;
  return {
    partition(client, options = {}) {
      const directions: readonly Direction[] =
        options.oneWay === undefined ? ["to-server", "from-server"] : [options.oneWay];
      const ends = directions.map((direction) => network.block(nameOf(client), direction));
      return new Striking(() => () => {
        for (const end of ends) end();
      });
    },
    cut(client) {
      for (const link of network.linksOf(nameOf(client))) link.cut();
    },
    dropReply: (match = {}) => once(network, match, (frame) => repliesIn(frame, requests), "lost"),
    dropRequest: (match = {}) =>
      once(network, match, (frame) => (frame.kind === "requests" ? requests.requestsOf(frame) : []), "lost"),
    delayReply: (match, ms) =>
      new Striking((strike) =>
        network.observe((frame) => {
          const hits = repliesIn(frame, requests).filter((request) => matches(match, request)).length;
          for (let i = 0; i < hits; i++) strike();
          return hits > 0 ? { delayMs: ms } : undefined;
        }),
      ),
    at: (match, act) =>
      once(
        network,
        match,
        (frame) => (frame.kind === "requests" ? requests.requestsOf(frame) : []),
        undefined,
        () => {
          world.soon(act);
        },
      ),
    async expire(client) {
      const id = client.session?.id;
      if (id === undefined || !host.server.expireSession(id))
        throw new Error("the client has no session that the server knows");
      await world.runUntilIdle();
    },
    stall: (ms) => host.process.stall(ms),
    stallClient: (client, ms) => processOf(client).stall(ms),
    sleepClient: (client, ms) => processOf(client).sleep(ms),
    jumpClock: (client, ms) => processOf(client).jumpWall(ms),
    async restart({ crash = false, downMs = 0 } = {}) {
      if (crash) host.crash("power");
      else await host.stop();
      if (downMs > 0) await world.advance(downMs);
      await host.start();
    },
    forgetHistory() {
      const { state } = host.server;
      state.history.forgetUpTo(state.zxid);
    },
    disk: diskFaults(host),
  };
}

function repliesIn(frame: Frame, requests: RequestLog): SeenRequest[] {
  if (frame.kind !== "messages") return [];
  return frame.messages.flatMap((message) => {
    const request = message.kind === "reply" ? requests.asked(frame.link.session, message.xid) : undefined;
    return request === undefined ? [] : [request];
  });
}

function once(
  network: Network,
  match: NthMatch,
  requestsIn: (frame: Frame) => readonly SeenRequest[],
  fate: Fate,
  struck?: () => void,
): Fault {
  let left = match.nth ?? 1;
  return new Striking((strike) => {
    const end = network.observe((frame) => {
      for (const request of requestsIn(frame)) {
        if (!matches(match, request) || --left > 0) continue;
        end();
        strike();
        struck?.();
        return fate;
      }
      return undefined;
    });
    return end;
  });
}

function diskFaults(host: Host): DiskFaults {
  const { disk } = host;
  return {
    failNext: (operation, name = "") =>
      new Striking((strike) => {
        const end = host.diskFault((at, file) => {
          if (at !== operation || !file.startsWith(name)) return;
          end();
          strike();
          throw diskError("EIO", `${at} ${file}`);
        });
        return end;
      }),
    leave(bytes) {
      const used = disk.names().reduce((sum, name) => sum + disk.contents(name).length, 0);
      disk.capacity = used + bytes;
    },
    files: () => disk.names(),
    flip: (name, offset) => disk.flip(name, offset),
  };
}
