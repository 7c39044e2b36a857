/** What a command is: its place in the help, and what it does with a session. One file a command, in commands/. */
import type { Client } from "@corral/client";
import type { Flag } from "./flags.ts";
import type { Output } from "./output.ts";

export interface Command {
  readonly name: string;
  /** Its arguments, as the help shows them: `[]` marks those that may be left out. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: Readonly<Record<string, Flag>>;
  readonly run: (call: Call) => Promise<void>;
}

/** One call of a command. */
export interface Call {
  /** Opens the session. Before it, a command looks at what it was given: a mistake there needs no server. */
  readonly connect: () => Promise<Client>;
  /** As many as the usage asks for at least, and no more than it allows. */
  readonly args: readonly string[];
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly output: Output;
  /**
   * From now on SIGINT and SIGTERM abort this signal, once, instead of ending the process: for commands that go on until then.
   */
  readonly untilInterrupted: () => AbortSignal;
}
