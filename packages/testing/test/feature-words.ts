/** Words that the tests of features speak. */
import { type Client, type CorralError, isCorralError, type SubscriptionEvent, text } from "@corral/client";
import { expect } from "vitest";

export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The error with which it rejects. */
export async function failure(promise: Promise<unknown>): Promise<CorralError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isCorralError(error)) throw new Error("it was not refused", { cause: error });
  return error;
}

/** Creates with this text as data; returns the path. */
export const put = async (client: Client, path: string, value: string): Promise<string> =>
  (await client.create(path, value, { codec: text })).path;

export const textAt = async (client: Client, path: string): Promise<string> =>
  (await client.get(path, { codec: text })).value;

/** So many items; the stream goes on. */
export async function take<T>(stream: AsyncIterator<T>, count: number): Promise<T[]> {
  const items: T[] = [];
  while (items.length < count) {
    const { done, value } = await stream.next();
    if (done === true) throw new Error(`the stream ended after ${items.length} items`);
    items.push(value);
  }
  return items;
}

/** `created /a=1`; `synced` without more. */
export const lineOf = (event: SubscriptionEvent<string>): string =>
  event.kind === "synced" || event.kind === "resync"
    ? event.kind
    : `${event.kind} ${event.path}${"value" in event && event.value !== "" ? `=${event.value}` : ""}`;

/** Reads a subscription to its next `synced`, that one included. */
export async function untilSynced(stream: AsyncIterator<SubscriptionEvent<string>>): Promise<string[]> {
  const lines: string[] = [];
  while (lines.at(-1) !== "synced") lines.push(...(await take(stream, 1)).map(lineOf));
  return lines;
}

export const hasPath = (dump: readonly { readonly path: string }[], path: string): boolean => {
  expect(dump.length).toBeGreaterThan(0);
  return dump.some((node) => node.path === path);
};
