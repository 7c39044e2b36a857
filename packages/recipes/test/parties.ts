/** The parties of a double barrier: how one comes to it, how many are there, and what has become of whom. */
import type { Client } from "@corral/client";
import type { TestServer } from "@corral/testing";
import { doubleBarrier } from "../src/double-barrier.ts";

/** Path of the barrier. */
export const D = "/barriers/d";

/** The barrier, as this client comes to it. */
export const here = (client: Client, parties: number, identity = "x") =>
  doubleBarrier(client, D, { parties, identity });

/** What has become of promises, by their names, in the order in which it became so. */
export function told(promises: Readonly<Record<string, Promise<unknown>>>): string[] {
  const came: string[] = [];
  for (const [name, promise] of Object.entries(promises))
    promise.then(
      () => came.push(name),
      (error: { code: string }) => came.push(`${name} ${error.code}`),
    );
  return came;
}

/** How many are in the round, or wait for it. */
export const partiesIn = (server: TestServer): number =>
  server.dump().filter(({ path }) => path.startsWith(`${D}/round/_c_`)).length;
