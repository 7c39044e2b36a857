/** Since when what a subscription has told is certain to be the present. */
import type { Client } from "@corral/client";

interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export class Liveness {
  readonly #client: Client;
  readonly stop: () => void;
  /** Has the server said, on the present connection, that nothing is missing? */
  #isCaughtUp = false;
  #provenAt: Instant;

  constructor(client: Client) {
    this.#client = client;
    this.#provenAt = this.#instant();
    this.stop = client.on("state", ({ name }) => {
      if (name !== "connected") this.fellBehind();
    });
  }

  caughtUp(): void {
    this.#isCaughtUp = true;
  }

  fellBehind(): void {
    this.prove();
    this.#isCaughtUp = false;
  }

  /** Computed from the clocks at each look. */
  get isLive(): boolean {
    const { state, session } = this.#client;
    return this.#isCaughtUp && state.name === "connected" && session?.isValid === true;
  }

  /** Milliseconds since it was last proven, by whichever clock says more: the monotonic one may stand still while the machine sleeps. */
  get unprovenMs(): number {
    const { monotonicMs, wallMs } = this.#instant();
    return Math.max(monotonicMs - this.#provenAt.monotonicMs, wallMs - this.#provenAt.wallMs);
  }

  /** As long as the session certainly lives, its connection stood when the last answered message was sent: what it had to tell has come. */
  prove(): void {
    const { session } = this.#client;
    if (!this.#isCaughtUp || session === undefined || !session.isValid) return;
    const silentMs = session.timeoutMs - session.validForMs;
    const { monotonicMs, wallMs } = this.#instant();
    this.#provenAt = { monotonicMs: monotonicMs - silentMs, wallMs: wallMs - silentMs };
  }

  #instant(): Instant {
    const { clock } = this.#client;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }
}
