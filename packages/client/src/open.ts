/** Puts a client together from its options and a transport. */
import type { Client } from "./api/client.ts";
import { View } from "./api/view.ts";
import { clientOf } from "./api/view-client.ts";
import { settle, type OpenOptions } from "./options.ts";
import { Driver } from "./session/driver.ts";
import { SubscriptionRegistry } from "./subscription/registry.ts";
import { WatchRegistry } from "./watch/registry.ts";
import type { Transport } from "./world.ts";
import type { CallOptions } from "./calls/requester.ts";

/** A client that begins to connect; its calls wait for the session. Throws `BAD_ARGUMENTS`. */
export function openWith(transport: Transport, options: OpenOptions): Client {
  const settings = settle(options, transport);
  const driver = new Driver(settings);
  const watches = new WatchRegistry(driver.requester);
  const subscriptions = new SubscriptionRegistry(driver.requester, (id, credits) => {
    driver.sender.credit(id, credits);
  });
  driver.start(watches, subscriptions);
  return clientOf(new View(driver, watches, subscriptions, settings.chroot));
}

/** The same, when the session stands. Closes the client and rejects if that fails, is aborted, or takes longer than `timeoutMs`. */
export async function connectWith(transport: Transport, options: ConnectOptions): Promise<Client> {
  const client = openWith(transport, options);
  try {
    await client.ready({ signal: options.signal, timeoutMs: options.timeoutMs });
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

export interface ConnectOptions extends OpenOptions {
  /** Ends the attempt to connect; not the client once it is connected. */
  readonly signal?: CallOptions["signal"];
}
