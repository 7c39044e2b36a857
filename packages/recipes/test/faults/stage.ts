/**
 * The world of one run: a server, the subject, a second client; what nobody has caught in it; and the passing of time.
 *
 * Owns the clients and their end. Knows nothing of faults.
 */
import type { Client } from "@corral/client";
import { startTestServer, type TestServer, type TestServerOptions } from "@corral/testing";
import type { Stage } from "./scenario.ts";

/** Milliseconds that a message takes: so that there is a time between what is sent, done, and answered. */
export const LATENCY_MS = 1;
/** Of the subject's session, milliseconds. */
export const SESSION_TIMEOUT_MS = 6_000;
/** Virtual time passes in steps of so many milliseconds, so a wait is at most so much longer than it has to be. */
export const STEP_MS = 100;
/** A promise that has not settled after so much virtual time hangs. */
export const HANGS_AFTER_MS = 120_000;
/** Nothing has happened for so many turns of the event loop: nothing will. */
const STILL_TURNS = 100;
/** Number of the subject on the wire: it is the first to come. */
export const SUBJECT = 1;

/** The present stage: its clients, also those that the scenario opened. */
export interface Setting extends Stage {
  readonly timeoutMs: number;
  readonly abort: AbortController;
  /** What no part of the program has caught: rejections and exceptions. */
  readonly uncaught: readonly unknown[];
  /** All clients of `server.connect`. */
  readonly clients: readonly Client[];
  /** The end of this world. */
  readonly end: () => Promise<void>;
  /** Clients that the scenario opened by itself, for which nobody here can speak. */
  readonly strangers: number;
}

export async function setStage(timeoutMs: number, options: TestServerOptions): Promise<Setting> {
  const uncaught: unknown[] = [];
  const release = catchAll((error) => uncaught.push(error));
  try {
    const world = await startTestServer({ latencyMs: LATENCY_MS, ...options });
    const clients: Client[] = [];
    let strangers = 0;
    const server = overlaid(world, {
      connect: async (how) => {
        const client = await world.connect(how);
        clients.push(client);
        return client;
      },
      clientOptions: () => {
        strangers++;
        return world.clientOptions();
      },
    });
    const subject = await server.connect({ session: { timeoutMs } });
    const other = await server.connect();
    const abort = new AbortController();
    return {
      timeoutMs,
      server,
      subject,
      other,
      abort,
      signal: abort.signal,
      uncaught,
      clients,
      get strangers() {
        return strangers;
      },
      eventually: (promise, withinMs) => eventually(world, promise, withinMs),
      async end() {
        try {
          await world.close();
          // What is rejected at the end is told one turn later.
          await new Promise((resolve) => void setImmediate(resolve));
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Lets time pass until it has settled. Rejects with what it rejects with, or because it hangs. */
export async function eventually<T>(
  { clock }: TestServer,
  promise: Promise<T>,
  withinMs: number = HANGS_AFTER_MS,
): Promise<T> {
  let isSettled = false;
  const settled = (): void => void (isSettled = true);
  promise.then(settled, settled);
  const until = clock.now + withinMs;
  for (await clock.runUntilIdle(); !isSettled; await clock.advance(STEP_MS)) {
    if (clock.now >= until) throw new Error(`not settled after ${withinMs} ms`);
  }
  return promise;
}

/** Gives what it comes to, as long as something happens, or somebody lets time pass. */
export async function withoutTime<T>({ clock }: TestServer, promise: Promise<T>, otherwise: string): Promise<T> {
  let isSettled = false;
  const settled = (): void => void (isSettled = true);
  promise.then(settled, settled);
  let [last, turns] = [clock.now, 0];
  while (!isSettled && turns < STILL_TURNS) {
    await clock.runUntilIdle();
    turns = clock.now === last ? turns + 1 : 0;
    last = clock.now;
  }
  if (!isSettled) throw new Error(otherwise);
  return promise;
}

/** The same server, some of its methods replaced. */
function overlaid(
  server: TestServer,
  { connect, clientOptions }: Pick<TestServer, "connect" | "clientOptions">,
): TestServer {
  return {
    url: server.url,
    clock: server.clock,
    faults: server.faults,
    connect,
    clientOptions,
    requests: (match) => server.requests(match),
    dump: () => server.dump(),
    leaks: () => server.leaks(),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** In place of whoever else listens for them, who would end the run. The function returned puts them back. */
function catchAll(caught: (error: unknown) => void): () => void {
  const kinds = ["unhandledRejection", "uncaughtException"] as const;
  const others = kinds.map((kind) => process.rawListeners(kind));
  for (const kind of kinds) {
    process.removeAllListeners(kind);
    process.on(kind, caught);
  }
  return () => {
    for (const [i, kind] of kinds.entries()) {
      process.removeAllListeners(kind);
      for (const other of others[i]!) process.on(kind, other as (error: unknown) => void);
    }
  };
}
