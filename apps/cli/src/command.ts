/** What a command is: its place in the help, and what it does with a session. One file a command, in commands/ and cluster/. */
import type { Client } from "@corral/client";
import type { Flag } from "./flags.ts";
import type { Output } from "./output.ts";

export interface Command {
  readonly name: string;
  /** Its arguments, as the help shows them: `[]` marks those that may be left out, `...` at the end one that may be repeated. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: Readonly<Record<string, Flag>>;
  readonly run: (call: Call) => Promise<void>;
}

/** What is loaded only when it is called: a command, or several that begin with the same word. */
export interface Family {
  readonly name: string;
  /** What follows the name, for the help: verbs, or the arguments of the one command. */
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<Command | readonly Command[]>;
}

/** One call of a command. */
export interface Call {
  /** Opens the session. Before it, a command looks at what it was given: a mistake there needs no server. */
  readonly connect: () => Promise<Client>;
  /** As many as the usage asks for at least, and no more than it allows. */
  readonly args: readonly string[];
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
  /**
   * From now on SIGINT and SIGTERM abort this signal, once, instead of ending the process: for commands that go on until then. To be called
   * once connected: it also tells of lost connections.
   */
  readonly untilInterrupted: () => AbortSignal;
}
