/** Those who stand for an election: their sessions, their names, their work, and what is left of them. */
import { type Client, type CorralError, isCorralError } from "@corral/client";
import type { TestServer } from "@corral/testing";
import { expect } from "vitest";
import { election } from "../src/election.ts";

/** Of the election. */
export const PATH = "/election";
/** Of the sessions, milliseconds. */
export const TIMEOUT_MS = 6_000;
export const utf8 = new TextEncoder();

export const connect = (server: TestServer): Promise<Client> => server.connect({ session: { timeoutMs: TIMEOUT_MS } });
/** The election, as a candidate of that name. */
export const named = (client: Client, identity: string) => election(client, PATH, { identity });
/** What it rejects with: an error of Corral. Looked at from now on, so that nobody need hurry. */
export const fails = (promise: Promise<unknown>): Promise<CorralError> =>
  promise.then(
    () => expect.unreachable("it must reject"),
    (error: unknown) => (isCorralError(error) ? error : expect.unreachable(String(error))),
  );
/** By the clock of that client. */
export const sleep = (client: Client, ms: number): Promise<void> =>
  new Promise((resolve) => void client.clock.setTimeout(resolve, ms));
/** As work that ends when it is told to. */
export const until = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
/** Paths of the candidates that are there. */
export const candidatesLeft = (server: TestServer): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${PATH}/`));
