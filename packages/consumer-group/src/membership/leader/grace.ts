/**
 * Static members that are away, and how long their targets wait, by the server's clock: so that a change of leaders neither shortens nor
 * lengthens it.
 */
import { type Client, op } from "@corral/client";
import type { Leadership } from "@corral/recipes";
import type { GroupPaths } from "../../layout.ts";
import { type GroupView, named } from "./view.ts";

/** Operations of one transaction. */
const CHUNK_MAX = 200;

export interface Away {
  /** Members whose targets wait. */
  readonly members: ReadonlySet<string>;
  /** When the first of them will have waited long enough, by the leader's monotonic clock. Infinity if there is none. */
  readonly nextDueMs: number;
  /** What is said of instances that are nobody any more: znodes with the versions that were seen. */
  readonly over: readonly { readonly path: string; readonly version: number }[];
}

export class Grace {
  readonly #client: Client;
  readonly #leadership: Leadership;
  /** Of the server's clock over this process's monotonic one, milliseconds. Learned once a term, when first needed. */
  #aheadMs: number | undefined;

  constructor(client: Client, leadership: Leadership) {
    this.#client = client;
    this.#leadership = leadership;
  }

  async look({ members, instances }: GroupView, paths: GroupPaths, signal: AbortSignal): Promise<Away> {
    const away = new Set<string>();
    const over: { path: string; version: number }[] = [];
    let nextDueMs = Infinity;
    for (const [instance, { path, value, stat }] of [...named(instances, paths.instances)]) {
      if (members.has(paths.member(instance))) continue;
      const dueMs = value.state === "away" ? stat.mtime + value.graceMs - (await this.#ahead(signal)) : 0;
      if (dueMs > this.#client.clock.monotonicMs()) {
        away.add(instance);
        nextDueMs = Math.min(nextDueMs, dueMs);
      } else over.push({ path, version: stat.version });
    }
    return { members: away, nextDueMs, over };
  }

  /** Once their targets are gone. One that has come back meanwhile has written another version. */
  async forget({ over }: Away, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < over.length; at += CHUNK_MAX) {
      const chunk = over
        .slice(at, at + CHUNK_MAX)
        .map(({ path, version }) => op.delete(path, { ifMatch: { version } }));
      await this.#client.multiEach(chunk, { guard: this.#leadership.guard, signal, timeoutMs: Infinity });
    }
  }

  /** The server tells its time with a write. */
  async #ahead(signal: AbortSignal): Promise<number> {
    if (this.#aheadMs === undefined) {
      const { mtime } = await this.#leadership.proclaim(new Uint8Array(), { signal, timeoutMs: Infinity });
      this.#aheadMs = mtime - this.#client.clock.monotonicMs();
    }
    return this.#aheadMs;
  }
}
