/** Clients whose sessions are short, so that what comes of a loss is soon seen. */
import type { Client } from "@corral/client";
import type { TestServer } from "@corral/testing";

export const connected = (server: TestServer, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => server.connect({ session: { timeoutMs: 6_000 } })));
