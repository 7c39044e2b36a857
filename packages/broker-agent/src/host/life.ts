/**
 * One registration, from its beginning to its end: whatever a broker leads, it leads in one life only.
 *
 * Its epoch is the czxid of the broker's znode, so a write that is guarded by it happens while this life lasts and never after.
 */
import type { CorralError, Guard } from "@corral/client";
import type { Registration } from "@corral/recipes";
import type { BrokerRecord } from "../records.ts";

export class Life {
  readonly epoch: number;
  readonly guard: Guard & { readonly czxid: number };
  readonly #registration: Registration<BrokerRecord>;
  readonly #over = new AbortController();

  constructor(registration: Registration<BrokerRecord>, epoch: number) {
    this.#registration = registration;
    this.epoch = epoch;
    this.guard = { path: registration.path, czxid: epoch };
  }

  /** Does it certainly last, now? By the clocks of now: true to the moment also right after a stall. */
  get isValid(): boolean {
    return !this.signal.aborted && this.#registration.epoch === this.epoch;
  }

  /** For how long that is certain if nothing more is heard, milliseconds. */
  get validForMs(): number {
    return this.isValid ? this.#registration.validForMs : 0;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** For good. */
  end(why: CorralError): void {
    this.#over.abort(why);
  }
}
