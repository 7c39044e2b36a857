/** Two clients, one path to register at, and what can be seen of it: its znode, its value, its states. */
import { type Client, json } from "@corral/client";
import type { TestServer } from "@corral/testing";
import type { Registration, RegistrationState, RegistrationStatus } from "../src/registration.ts";
import { world as near } from "./soon.ts";

export interface Broker {
  readonly host: string;
}
export const codec = json<Broker>();
export const PATH = "/brokers/ids/1";
export const first: Broker = { host: "one" };
export const second: Broker = { host: "two" };

export async function world(timeoutMs = 6_000): Promise<{ server: TestServer; a: Client; b: Client }> {
  const { server, clients } = await near(2, timeoutMs);
  const [a, b] = clients as [Client, Client];
  return { server, a, b };
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
