/**
 * How sure a broker can be of its session: `doubt` when two thirds of its timeout have passed without a word from the server, and either
 * `confirmed` or the end follow.
 *
 * Owns the telling only. Whether something may be done now is asked of the clocks, at the moment of doing it: a timer may be late.
 */
import type { Client } from "@corral/client";
import type { HostCalls } from "./host-calls.ts";
import type { Life } from "./life.ts";

/** Less of the timeout left is doubt. */
const DOUBT_SHARE = 1 / 3;
/** In doubt it is looked at so many times within a timeout. */
const LOOKS = 30;

export class Lease {
  readonly #client: Client;
  readonly #calls: HostCalls;
  readonly #life: Life;
  #isDoubtful = false;
  #cancel = (): void => {};
  readonly #stopListening: () => void;

  /** Looks until the life is over. */
  constructor(client: Client, calls: HostCalls, life: Life) {
    this.#client = client;
    this.#calls = calls;
    this.#life = life;
    this.#stopListening = client.on("state", () => {
      this.look();
    });
    life.signal.addEventListener("abort", () => {
      this.#cancel();
      this.#stopListening();
    });
    this.look();
  }

  /** Tells what has become of it, and looks again when that may change. */
  look(): void {
    const { session, clock } = this.#client;
    if (this.#life.signal.aborted || session === undefined) return;
    const doubtMs = session.timeoutMs * DOUBT_SHARE;
    const left = this.#life.validForMs;
    this.#cancel();
    // The end is told by the registration.
    if (left === 0) return;
    const again = left < doubtMs ? session.timeoutMs / LOOKS : left - doubtMs;
    this.#cancel = clock.setTimeout(
      () => {
        this.look();
      },
      Math.max(1, Math.ceil(again)),
    );
    this.#tell(left < doubtMs);
  }

  #tell(isDoubtful: boolean): void {
    if (isDoubtful === this.#isDoubtful) return;
    this.#isDoubtful = isDoubtful;
    if (isDoubtful) this.#calls.call("doubt", (host) => host.doubt?.());
    else this.#calls.call("confirmed", (host) => host.confirmed?.());
  }
}
