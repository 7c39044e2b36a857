/**
 * Gets connections: rounds over the servers, one attempt at a time, until one is accepted or it is told to stop.
 *
 * Owns the attempt under way. What a connection is accepted for is its owner's business.
 */
import type { Credential } from "@corral/protocol";
import { CorralError } from "../error.ts";
import type { Clock, Random, Transport, Wire } from "../world.ts";
import { pauseMs, roundOf, type Servers } from "./rounds.ts";

export interface DialerWorld {
  readonly servers: Servers;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** The longest message to receive, bytes. */
  readonly frameBytes: number;
  /** Asked anew for each attempt: credentials expire. */
  readonly credentials: () => Promise<readonly Credential[]>;
}

export interface DialerOwner {
  /** Time for one attempt, to Welcome. */
  attemptTimeoutMs(): number;
  /** For a pause between rounds. */
  pauseMaxMs(): number;
  /** A wire stands. `done` is to be called once: accepted, or why not. The function returned gives the attempt up. */
  dialled(url: string, wire: Wire, credentials: readonly Credential[], done: (fault?: CorralError) => void): () => void;
  attemptFailed(url: string, cause: CorralError): void;
  /** Every server has been tried; for each why not. */
  roundFailed(causes: readonly CorralError[]): void;
}

export class Dialer {
  readonly #world: DialerWorld;
  readonly #owner: DialerOwner;
  /** The run under way; aborted to stop it. */
  #run: AbortController | undefined;

  constructor(world: DialerWorld, owner: DialerOwner) {
    this.#world = world;
    this.#owner = owner;
  }

  /** Dials until accepted or stopped. `failures`: how many there were just before, for the length of the first pause. */
  start(failures: number): void {
    this.stop();
    const run = new AbortController();
    this.#run = run;
    void this.#dial(run.signal, failures);
  }

  stop(): void {
    this.#run?.abort();
    this.#run = undefined;
  }

  async #dial(stopped: AbortSignal, failures: number): Promise<void> {
    const { clock, random, servers } = this.#world;
    for (let failed = failures; ; failed++) {
      if (failed > 0) await pause(clock, pauseMs(failed - 1, random, this.#owner.pauseMaxMs()), stopped);
      if (stopped.aborted) return;
      const causes: CorralError[] = [];
      let urls: string[] = [];
      try {
        urls = await roundOf(servers, random);
        if (urls.length === 0) causes.push(unreachable("no servers are known"));
      } catch (error) {
        causes.push(unreachable("the list of servers could not be had", error));
      }
      for (const url of urls) {
        if (stopped.aborted) return;
        const fault = await this.#attempt(url, stopped);
        if (stopped.aborted || fault === undefined) return;
        causes.push(fault);
        this.#owner.attemptFailed(url, fault);
      }
      if (stopped.aborted) return;
      if (urls.length === 0) this.#owner.attemptFailed("", causes[0]!);
      this.#owner.roundFailed(causes);
    }
  }

  /** Resolves with undefined when accepted, else with the reason. Never rejects. */
  #attempt(url: string, stopped: AbortSignal): Promise<CorralError | undefined> {
    const { clock, credentials, frameBytes, transport } = this.#world;
    return new Promise((resolve) => {
      const attempt = new AbortController();
      let over = false;
      let giveUp: (() => void) | undefined;
      const end = (fault?: CorralError): void => {
        if (over) return;
        over = true;
        cancelTimer();
        stopped.removeEventListener("abort", onStop);
        if (fault !== undefined) {
          attempt.abort();
          giveUp?.();
        }
        resolve(fault);
      };
      const onStop = (): void => {
        end(unreachable("given up"));
      };
      const cancelTimer = clock.setTimeout(() => {
        end(unreachable(`${url} did not answer in time`));
      }, this.#owner.attemptTimeoutMs());
      stopped.addEventListener("abort", onStop);
      const dial = async (): Promise<void> => {
        const known = await credentials();
        if (over) return;
        const wire = await transport.connect(url, { signal: attempt.signal, frameBytes });
        if (over) wire.close(1000, "too late");
        else {
          const stop = this.#owner.dialled(url, wire, known, end);
          if (over) return;
          giveUp = stop;
        }
      };
      dial().catch((error: unknown) => {
        end(unreachable(`${url} cannot be reached`, error));
      });
    });
  }
}

function pause(clock: Clock, ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      stopped.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.setTimeout(end, ms);
    stopped.addEventListener("abort", end);
  });
}

function unreachable(means: string, cause?: unknown): CorralError {
  return new CorralError("SUSPENDED", { means, cause, outcome: "no" });
}
