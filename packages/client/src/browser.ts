/** The entry for browsers, and for every platform that has a WebSocket of its own. */
import type { Client } from "./api/client.ts";
import { connectWith, openWith, type ConnectOptions } from "./open.ts";
import type { OpenOptions } from "./options.ts";
import { webSocketTransport } from "./web-socket-transport.ts";

export * from "./core.ts";

/** A client with a session. Rejects if there is none within `timeoutMs` (15 s), or never can be. */
export const connect = (options: ConnectOptions): Promise<Client> => connectWith(webSocketTransport, options);
/** A client that begins to connect; its calls wait for the session. */
export const open = (options: OpenOptions): Client => openWith(webSocketTransport, options);
