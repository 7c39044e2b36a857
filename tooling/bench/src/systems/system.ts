/**
 * What is measured: a server that can be started, killed and started again on the same data, and the generators that know
 * how to load it. Owns the contract; each system has a file of its own beside it.
 */

export interface GeneratorCommand {
  /** Variant of the client: `corral` has several, others one. */
  readonly name: string;
  /** Program and its arguments; the server's address is the last one. */
  readonly command: readonly string[];
  /** Processors that it can use at most: 1 for one thread of JavaScript. */
  readonly processorsMax: number;
}

export interface System {
  readonly name: "corral" | "zookeeper" | "etcd";
  /** What is missing on this machine and how to install it; undefined: it can run. */
  missing(): string | undefined;
  /** Builds what its generator needs (a Java class, a Go binary), once, outside of all measurements. */
  prepare(scratch: string): Promise<void>;
  /** Version of the server and of what it runs on, for the report. */
  version(): Promise<string>;
  generators(address: string): readonly GeneratorCommand[];
  /** Starts a server on a directory, empty or left by an earlier one. Resolves when its process runs, not when it serves. */
  start(options: StartOptions): Promise<RunningServer>;
}

export interface StartOptions {
  readonly directory: string;
  /** Address to serve at: 127.0.0.1 and this port. */
  readonly port: number;
  /** A snapshot after so many writes; undefined: the system's default. */
  readonly snapshotEntries?: number;
}

export interface RunningServer {
  readonly pid: number;
  readonly address: string;
  /** Command line, as the report shows it. */
  readonly commandLine: string;
  /** Kills it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
}
