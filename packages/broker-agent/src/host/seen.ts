/**
 * Telling a broker that drains how far this one has seen: it may go when everybody knows where its leaderships went.
 *
 * Writes only while some other broker drains: at its beginning, and when leaderships of it have moved, at most once per SEEN_PAUSE_MS; once more
 * when nobody drains any more.
 */
import type { Client } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Delta } from "../image/views.ts";
import { SEEN_PAUSE_MS } from "./limits.ts";
import { pauseFor } from "./pause.ts";

export interface SeenWorld {
  readonly broker: number;
  readonly image: ClusterImage;
  readonly client: Client;
  /** Into this broker's record. Never rejects. */
  readonly publish: (zxid: number | null) => Promise<void>;
  /** Aborted when there is nobody any more who could have seen something. */
  readonly signal: AbortSignal;
}

export class Seen {
  readonly #world: SeenWorld;
  #draining: ReadonlySet<number> = new Set();
  #wanted: number | null = null;
  #published: number | null = null;
  #isRunning = false;

  constructor(world: SeenWorld) {
    this.#world = world;
    this.#look(world.image.zxid);
  }

  /** Called when everything of this transaction has been acted on. */
  apply({ brokers, partitions, zxid }: Delta): void {
    if (brokers.some(({ before, now }) => before?.status !== now?.status || before?.epoch !== now?.epoch)) {
      this.#look(zxid);
    }
    if (this.#draining.size === 0) return;
    const hasMoved = partitions.some(({ before, now }) => {
      const leader = before?.state.leader ?? null;
      return leader !== null && leader !== now?.state.leader && this.#draining.has(leader);
    });
    if (hasMoved) this.#want(zxid);
  }

  /** Who drains? */
  #look(zxid: number): void {
    const { image, broker } = this.#world;
    const draining = new Set<number>();
    for (const { id, status } of image.brokers()) if (status === "draining" && id !== broker) draining.add(id);
    const hasBegun = [...draining].some((id) => !this.#draining.has(id));
    this.#draining = draining;
    if (draining.size === 0) this.#want(null);
    else if (hasBegun) this.#want(zxid);
  }

  #want(zxid: number | null): void {
    this.#wanted = zxid;
    if (!this.#isRunning && this.#wanted !== this.#published) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const { publish, signal, client } = this.#world;
    while (this.#wanted !== this.#published && !signal.aborted) {
      const zxid = this.#wanted;
      await publish(zxid);
      this.#published = zxid;
      // Those that follow meanwhile go with the next one.
      await pauseFor(client.clock, SEEN_PAUSE_MS, signal);
    }
    this.#isRunning = false;
  }
}
