/** Those who read and write under one lock: who stands in its queue, and what each has come to. */
import type { TestServer } from "@corral/testing";
import type { Held } from "../src/hold/held.ts";

/** Of the lock. */
export const PATH = "/locks/a";

/** What it comes to, or is doing. */
export function observed(promise: Promise<Held>): { held: Held | undefined; error: unknown } {
  const seen: { held: Held | undefined; error: unknown } = { held: undefined, error: undefined };
  promise.then(
    (held) => (seen.held = held),
    (error: unknown) => (seen.error = error),
  );
  return seen;
}

/** Paths of all who stand in the queue. */
export const inQueue = (server: TestServer, path = PATH): string[] =>
  server
    .dump()
    .map((node) => node.path)
    .filter((at) => at.startsWith(`${path}/`));
