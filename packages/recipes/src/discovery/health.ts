/**
 * Which instances have failed too often of late, as one consumer has seen it. Curator's DownInstancePolicy.
 *
 * Knows only instances that are there, so it is no bigger than their list; a new life of an instance begins with a clean record.
 */
import type { Clock } from "@corral/client";
import type { Instance } from "./instance.ts";

export interface HealthOptions {
  readonly downAfterErrors: number;
  readonly downForMs: number;
}

interface Trouble {
  readonly epoch: number;
  /** Monotonic: then all is forgotten. */
  readonly untilMs: number;
  readonly errors: number;
}

export class Health {
  readonly #clock: Clock;
  readonly #options: HealthOptions;
  /** By id. */
  readonly #troubles = new Map<string, Trouble>();

  constructor(clock: Clock, options: HealthOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Only those are there. */
  retain(instances: ReadonlyMap<string, unknown>): void {
    for (const id of this.#troubles.keys()) if (!instances.has(id)) this.#troubles.delete(id);
  }

  isDown({ id, epoch }: Pick<Instance<unknown>, "id" | "epoch">): boolean {
    return (this.#trouble(id, epoch)?.errors ?? 0) >= this.#options.downAfterErrors;
  }

  /** Those that are not down; all of them, if that would be none. */
  among<T>(instances: readonly Instance<T>[]): readonly Instance<T>[] {
    if (this.#troubles.size === 0) return instances;
    const up = instances.filter((instance) => !this.isDown(instance));
    return up.length === 0 ? instances : up;
  }

  /** Errors count together within `downForMs`, from the first; the one that is too much begins the time of being down. */
  failed({ id, epoch }: Instance<unknown>): void {
    const { downAfterErrors, downForMs } = this.#options;
    const before = this.#trouble(id, epoch);
    const errors = (before?.errors ?? 0) + 1;
    if (before !== undefined && errors > downAfterErrors) return;
    const untilMs =
      before === undefined || errors === downAfterErrors ? this.#clock.monotonicMs() + downForMs : before.untilMs;
    this.#troubles.set(id, { epoch, errors, untilMs });
  }

  worked({ id, epoch }: Instance<unknown>): void {
    if (this.#troubles.get(id)?.epoch === epoch) this.#troubles.delete(id);
  }

  #trouble(id: string, epoch: number): Trouble | undefined {
    const trouble = this.#troubles.get(id);
    if (trouble === undefined || trouble.epoch !== epoch) return undefined;
    if (this.#clock.monotonicMs() < trouble.untilMs) return trouble;
    this.#troubles.delete(id);
    return undefined;
  }
}
