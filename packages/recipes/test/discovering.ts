/** A service that is provided and consumed: its instances, and which of them are picked. */
import { type Client, json } from "@corral/client";
import type { TestServer } from "@corral/testing";
import { type Consumer, discovery, type Instance } from "../src/discovery.ts";
import { soon, world } from "./soon.ts";

export interface Meta {
  readonly zone: string;
}
export const codec = json<Meta>();
export const meta: Meta = { zone: "a" };
export const BASE = "/services";
export const SERVICE = "billing";

/** The data of a znode, as text. */
export const textAt = (server: TestServer, path: string): string =>
  new TextDecoder().decode(server.dump().find((node) => node.path === path)?.data ?? undefined);
export const idsOf = (instances: readonly Instance<unknown>[]): string[] => instances.map(({ id }) => id);

/** Instances `a`, `b`, … of one provider, and their consumer. */
export async function served(
  ids: readonly string[],
  options: Parameters<ReturnType<typeof discovery<Meta>>["consume"]>[1] = {},
): Promise<{ server: TestServer; provider: Client; client: Client; consumer: Consumer<Meta> }> {
  const { server, clients } = await world();
  const [provider, client] = clients as [Client, Client];
  const from = discovery(provider, BASE, { codec });
  await soon(server, Promise.all(ids.map((id) => from.provide(SERVICE, { id, address: `${id}:1`, meta }))));
  const consumer = await soon(server, discovery(client, BASE, { codec }).consume(SERVICE, options));
  return { server, provider, client, consumer };
}

/** Ids of the instances that it picks, one after the other. */
export const picks = async (consumer: Consumer<Meta>, count: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await consumer.pick()).id);
  return ids;
};
