/** A client with watches, and what they were told. */
import { Op, type RegisteredWatch } from "@corral/protocol";
import { expect } from "vitest";
import type { WatchEvent } from "../src/watch/event.ts";
import type { FakeConnection, FakeServer } from "./fake-server.ts";
import { agreeable, connectHarness, type Harness } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

export interface Watching extends Harness {
  /** The server's zxid in the beginning. */
  readonly base: number;
  /** The name of each watch, the kind of event, and how far its zxid is above `base`. */
  readonly told: string[];
  readonly listener: (name: string) => (event: WatchEvent) => void;
}

export async function start(): Promise<Watching> {
  const harness = await connectHarness();
  harness.server.answer = agreeable;
  const base = harness.server.zxid;
  const told: string[] = [];
  const listener = (name: string) => (event: WatchEvent) => {
    told.push(`${name} ${event.kind} ${event.zxid - base}`);
  };
  return { ...harness, base, told, listener };
}

export async function follow(harness: Watching, name: string, path: string, recursive = false): Promise<void> {
  const watch = await harness.client.addWatch(path, { recursive });
  void (async () => {
    try {
      for await (const event of watch) harness.listener(name)(event);
    } catch (error) {
      harness.told.push(`${name} ${(error as { code: string }).code}`);
    }
  })();
}

/** The watches of each setWatches on this connection. */
export const restored = (connection: FakeConnection): (readonly RegisteredWatch[])[] =>
  connection.requests.flatMap((request) => (request.op === Op.setWatches ? [request.watches] : []));
export const setWatchesXids = (connection: FakeConnection): number[] =>
  connection.requests.filter(({ op }) => op === Op.setWatches).map(({ xid }) => xid);

/** Answers everything but setWatches, which the test answers. */
export function holdSetWatches(server: FakeServer): void {
  server.answer = (request) => (request.op === Op.setWatches ? undefined : agreeable(request));
}
/** A read that is under way when the connection breaks, and sets a watch on the next. */
export async function askAndCut(
  { client, server }: Harness,
  ...reads: readonly (() => Promise<unknown>)[]
): Promise<Promise<unknown>[]> {
  server.answer = () => undefined;
  const asked = reads.map((read) => read());
  await settled();
  expect(client.state.name).toBe("connected");
  server.last.cut();
  return asked;
}
