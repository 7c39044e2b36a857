/** A lock that is wanted: who stands in its queue, and what those are told who do not get it. */
import type { Client, CorralError } from "@corral/client";
import type { TestServer } from "@corral/testing";

/** Of the lock. */
export const PATH = "/locks/a";
/** Of a short session, milliseconds. */
export const TIMEOUT_MS = 6_000;
export const short = { session: { timeoutMs: TIMEOUT_MS } };

/** Paths of the contenders that are there. */
export const standing = (server: TestServer): string[] =>
  server
    .dump()
    .filter(({ path }) => path.startsWith(`${PATH}/`))
    .map(({ path }) => path);

/** What it rejects with. Looked at from now on, so that nobody need hurry. */
export const errorOf = (promise: Promise<unknown>): Promise<CorralError> =>
  promise.then(
    () => {
      throw new Error("it did not reject");
    },
    (error: unknown) => error as CorralError,
  );

export const clientsOf = (server: TestServer, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => server.connect()));
