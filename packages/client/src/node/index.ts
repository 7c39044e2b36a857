/** The entry for Node. */
import type { Client } from "../api/client.ts";
import { connectWith, openWith, type ConnectOptions } from "../open.ts";
import type { OpenOptions } from "../options.ts";
import { wsTransport } from "./ws-transport.ts";

export * from "../core.ts";
export { wsTransport } from "./ws-transport.ts";

/** A client with a session. Rejects if there is none within `timeoutMs` (15 s), or never can be. */
export const connect = (options: ConnectOptions): Promise<Client> => connectWith(wsTransport, options);
/** A client that begins to connect; its calls wait for the session. */
export const open = (options: OpenOptions): Client => openWith(wsTransport, options);
