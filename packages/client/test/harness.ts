/** A client on a fake server, and a check at the end that nothing was left behind. */
import { Op, type Request } from "@corral/protocol";
import type { Client } from "../src/api/client.ts";
import { openWith, type ConnectOptions } from "../src/open.ts";
import type { LogRecord } from "../src/world.ts";
import type { WatchEvent } from "../src/watch/event.ts";
import { FakeServer, statFields, type Answer } from "./fake-server.ts";
import { settled, VirtualClock } from "./virtual-clock.ts";

export interface Harness {
  readonly clock: VirtualClock;
  readonly server: FakeServer;
  readonly client: Client;
  readonly log: LogRecord[];
}

/** Bytes that differ from call to call, the same in each run. */
function countingRandom(): (bytes: number) => Uint8Array {
  let state = 1;
  return (bytes) =>
    Uint8Array.from({ length: bytes }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return state & 0xff;
    });
}

/** Accepts everything, without a tree behind it. */
export function agreeable(request: Request): Answer {
  switch (request.op) {
    case Op.create:
      return [request.path, statFields(request.xid)];
    case Op.set:
    case Op.setAcl:
    case Op.exists:
      return [statFields(request.xid)];
    case Op.get:
      return [new Uint8Array([request.xid]), statFields(request.xid)];
    case Op.children:
      return [[], statFields(request.xid), null];
    case Op.setWatches:
      return [[]];
    case Op.deleteTree:
    case Op.countDescendants:
      return [1];
    default:
      return [];
  }
}

export function openHarness(
  options: Partial<ConnectOptions> = {},
  server = new FakeServer(),
  clock = new VirtualClock(),
): Harness {
  const log: LogRecord[] = [];
  const client = openWith(server.transport, {
    servers: ["ws://a"],
    clock,
    random: countingRandom(),
    log: (record) => {
      log.push(record);
    },
    ...options,
  });
  return { clock, server, client, log };
}

export async function connectHarness(
  options: Partial<ConnectOptions> = {},
  server = new FakeServer(),
): Promise<Harness> {
  const harness = openHarness(options, server);
  await harness.client.ready();
  return harness;
}

/** How a promise stands, without waiting for it. */
export async function standing(
  promise: Promise<unknown>,
): Promise<"pending" | { readonly value: unknown } | { readonly error: unknown }> {
  let result: "pending" | { value: unknown } | { error: unknown } = "pending";
  promise.then(
    (value) => {
      result = { value };
    },
    (error: unknown) => {
      result = { error };
    },
  );
  await settled();
  return result;
}

/** The error a promise rejects with. */
export async function errorOf(
  promise: Promise<unknown>,
): Promise<{ readonly code: string; readonly outcome: string; readonly [key: string]: unknown }> {
  const now = await standing(promise);
  if (now === "pending" || !("error" in now)) throw new Error(`no error: ${JSON.stringify(now)}`);
  return now.error as never;
}

/** What it will reject with; undefined if it resolves. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** What a watch tells, gathered while the test does other things. */
export function gather(watch: AsyncIterable<WatchEvent>): string[] {
  const seen: string[] = [];
  void (async () => {
    try {
      for await (const { kind, path } of watch) seen.push(`${kind} ${path}`);
      seen.push("end");
    } catch (error) {
      seen.push((error as { code: string }).code);
    }
  })();
  return seen;
}
