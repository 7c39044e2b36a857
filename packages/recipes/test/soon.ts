/** Clients that are near their server: what they ask for comes as soon as a little virtual time passes. */
import { type Client, type ErrorName, isCorralError } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";

/** A server that is a millisecond away, and clients of it. */
export async function world(count = 2, timeoutMs = 6_000): Promise<{ server: TestServer; clients: Client[] }> {
  const server = await startTestServer({ latencyMs: 1 });
  const opening = Array.from({ length: count }, () => server.connect({ session: { timeoutMs } }));
  return { server, clients: await soon(server, Promise.all(opening)) };
}

/** What it comes to, once so much time has passed. */
export async function soon<T>(server: TestServer, promise: Promise<T>, ms = 100): Promise<T> {
  promise.catch(() => undefined);
  await server.clock.advance(ms);
  return promise;
}

/** The error it rejects with, once so much time has passed. */
export async function refusal(server: TestServer, promise: Promise<unknown>, ms = 100): Promise<ErrorName | "none"> {
  try {
    await soon(server, promise, ms);
    return "none";
  } catch (error) {
    if (!isCorralError(error)) throw error;
    return error.code;
  }
}
