/** A semaphore of three permits: who has come to hold one, and what the server has of it. */
import type { TestServer } from "@corral/testing";
import type { Held } from "../src/hold/held.ts";
import type { SemaphoreOptions } from "../src/semaphore.ts";

/** Of the semaphore. */
export const PATH = "/semaphores/a";
export const three: SemaphoreOptions = { permits: 3 };

/** Paths below a part of the semaphore. */
export const below = (server: TestServer, part: "queue" | "leases"): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${PATH}/${part}/`));

/** What those have come to that have come to something. */
export function counted(promises: readonly Promise<Held>[]): { readonly held: Held[] } {
  const held: Held[] = [];
  for (const promise of promises) void promise.then((one) => held.push(one));
  return { held };
}
