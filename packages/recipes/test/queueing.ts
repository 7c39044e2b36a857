/** A queue of mail: how one gets at it, and what the server has of it. */
import { type Client, text } from "@corral/client";
import type { TestServer } from "@corral/testing";
import { expect } from "vitest";
import { type Queue, queue } from "../src/queue.ts";
import type { QueueOptions } from "../src/queue/setup.ts";

/** Of the queue. */
export const PATH = "/queues/mail";

/** The queue, as this client sees it. */
export const mail = (client: Client, options: Partial<QueueOptions<string>> = {}): Queue<string> =>
  queue(client, PATH, { codec: text, depthMax: 10_000, ...options });

/** Children of a part of the queue, by name. */
export const left = (server: TestServer, part: string): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${PATH}/${part}/`))
    .map((path) => path.slice(PATH.length + part.length + 2))
    .filter((name) => part !== "items" || name.includes("/"));

/** What it rejects with; undefined if it does not. */
export const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** All that comes, to the end. */
export const gather = async <T>(from: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const one of from) all.push(one);
  return all;
};

/** Waits for a job until it comes, or the test is over. */
export const waitFor = <T>(taking: Promise<T>, then: (job: T) => void = () => {}): void => {
  taking.then(then, ({ code }: { code: string }) => expect(["SESSION_EXPIRED", "CLOSED"]).toContain(code));
};

/** What `rest` is when nobody waits, works or has work. */
export const nothingLeft = { items: [], claims: [], line: [] };
/** What there is of jobs, of claims to them, and of those who wait in line. */
export const rest = (server: TestServer): Record<string, string[]> => ({
  items: left(server, "items"),
  claims: left(server, "claims"),
  line: left(server, "line"),
});
