/** A server in this Node process, on WebSocket: the usual way to embed one. */
import type { Log } from "@corral/log";
import type { HistoryLimits, Options } from "@corral/state-machine";
import { type ServerLimits, serverLimits } from "../engine/limits.ts";
import { Server } from "../server.ts";
import { nodeAuthenticator, nodeClock, nodeScheduler, randomDaemonId } from "./node-world.ts";
import { WebSocketListener } from "./websocket-listener.ts";

export interface StartOptions {
  readonly log: Log;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 2190; 0 for any free one. */
  readonly port?: number;
  readonly limits?: Partial<ServerLimits>;
  readonly options?: Partial<Options>;
  readonly historyLimits?: HistoryLimits;
  /** The server cannot go on. Default: throws, which ends the process. */
  readonly onFatal?: (error: Error) => void;
  readonly onSnapshotFailed?: (error: Error) => void;
}

/** The port that corrald listens on unless told otherwise. */
export const DEFAULT_PORT = 2190;

export function startServer(options: StartOptions): Promise<Server> {
  const { log, host = "127.0.0.1", port = DEFAULT_PORT, limits = {}, onFatal, onSnapshotFailed } = options;
  const { frameBytes } = serverLimits(limits);
  return Server.start({
    log,
    listeners: [new WebSocketListener({ host, port, frameBytes })],
    limits,
    ...(options.options === undefined ? {} : { options: options.options }),
    ...(options.historyLimits === undefined ? {} : { historyLimits: options.historyLimits }),
    clock: nodeClock,
    scheduler: nodeScheduler,
    authenticator: nodeAuthenticator,
    daemonId: randomDaemonId(),
    events: {
      fatal(error) {
        if (onFatal === undefined) throw error;
        onFatal(error);
      },
      snapshotFailed: (error) => onSnapshotFailed?.(error),
    },
  });
}
