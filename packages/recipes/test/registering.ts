/** Two clients, one path to register at, and what can be seen of it: its znode, its value, its states. */
import { type Client, type ErrorName, isCorralError, json } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import type { Registration, RegistrationState, RegistrationStatus } from "../src/registration.ts";

export interface Broker {
  readonly host: string;
}
export const codec = json<Broker>();
export const PATH = "/brokers/ids/1";
export const first: Broker = { host: "one" };
export const second: Broker = { host: "two" };

export async function world(timeoutMs = 6_000): Promise<{ server: TestServer; a: Client; b: Client }> {
  const server = await startTestServer({ latencyMs: 1 });
  const opening = Promise.all([server.connect({ session: { timeoutMs } }), server.connect({ session: { timeoutMs } })]);
  const [a, b] = await soon(server, opening);
  return { server, a, b };
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

export const ofPath = (server: TestServer, path = PATH) => server.dump().find((node) => node.path === path);
export const valueOf = (server: TestServer, path = PATH): unknown => {
  const data = ofPath(server, path)?.data;
  return data == null ? undefined : JSON.parse(new TextDecoder().decode(data));
};

export function follow<T>(registration: Registration<T>): RegistrationStatus[] {
  const seen: RegistrationStatus[] = [];
  void (async () => {
    for await (const status of registration.states()) seen.push(status);
  })();
  return seen;
}
export const namesOf = (statuses: readonly RegistrationStatus[]): RegistrationState[] =>
  statuses.map(({ state }) => state);
