/** How a registration stands: what is told of it, to whom, and whether it is over. */
import type { CorralError, StreamReader } from "@corral/client";
import { Newest } from "../wait/newest.ts";
import type { RegistrationState, RegistrationStatus } from "./api.ts";

export class Standing {
  readonly #over = new AbortController();
  readonly #statuses = new Newest<RegistrationStatus>();
  #status: RegistrationStatus = { state: "missing", epoch: undefined, cause: undefined };

  get state(): RegistrationState {
    return this.#status.state;
  }

  get cause(): CorralError | undefined {
    return this.#status.cause;
  }

  /** Aborted when it is over for good. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** A method, for loops that ask again after a while. */
  isOver(): boolean {
    return this.signal.aborted;
  }

  read(signal: AbortSignal | undefined): StreamReader<RegistrationStatus> {
    return this.#statuses.read(signal);
  }

  registered(epoch: number): void {
    this.#tell({ state: "registered", epoch, cause: undefined });
  }

  not(state: "missing" | "conflict", cause: CorralError): void {
    this.#tell({ state, epoch: undefined, cause });
  }

  /** For good. */
  end(state: "conflict" | "closed", cause: CorralError): void {
    if (this.isOver()) return;
    this.#tell({ state, epoch: undefined, cause });
    this.#statuses.end();
    this.#over.abort(cause);
  }

  /** Also one that was over before is given up now. */
  givenUp(): void {
    this.#status = { ...this.#status, state: "closed" };
  }

  #tell(status: RegistrationStatus): void {
    this.#status = status;
    this.#statuses.tell(status);
  }
}
