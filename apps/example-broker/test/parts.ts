/** Parts handed out by hand, for tests that need epochs and failures that a cluster would not give them. */
import type { Following, Leading, PartitionState } from "@corral/broker-agent";

const ID = { topic: "t", topicId: "id", partition: 0 };

const stateOf = (leader: number, leaderEpoch: number): PartitionState => ({
  replicas: [1, 2],
  adding: [],
  removing: [],
  leader,
  leaderEpoch,
  isr: [1, 2],
  recovering: false,
});

/** Leads, with all other replicas in sync; the high watermark is what they have asked for. */
export class HandLeading implements Leading {
  readonly id = ID;
  readonly leaderEpoch: number;
  readonly state: PartitionState;
  readonly guards = [];
  readonly over = new AbortController();
  isValid = true;
  canAppend: Leading["canAppend"] = true;
  highWatermark = 0;
  #end = 0;
  readonly #followers = new Map<number, number>();
  readonly #listeners = new Set<(offset: number) => void>();

  constructor(leaderEpoch: number, broker = 1) {
    this.leaderEpoch = leaderEpoch;
    this.state = stateOf(broker, leaderEpoch);
    for (const id of this.state.isr) if (id !== broker) this.#followers.set(id, 0);
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }
  get token() {
    return { leaderEpoch: this.leaderEpoch, version: 0 };
  }
  appended(endOffset: number): void {
    if (endOffset < this.#end) throw new RangeError(`the end falls from ${this.#end} to ${endOffset}`);
    this.#end = endOffset;
    this.#advance();
  }
  fetched(follower: number, offset: number): void {
    if (offset > this.#end) return;
    this.#followers.set(follower, offset);
    this.#advance();
  }
  onHighWatermark(listener: (offset: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  committed(offset: number, signal?: AbortSignal): ReturnType<Leading["committed"]> {
    return new Promise((resolve, reject) => {
      if (this.signal.aborted) resolve("NOT_LEADER");
      const look = (): void => {
        if (this.highWatermark >= offset) resolve("committed");
      };
      this.onHighWatermark(look);
      look();
      this.signal.addEventListener("abort", () => {
        resolve("NOT_LEADER");
      });
      signal?.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
  }
  recovered(): Promise<void> {
    return Promise.resolve();
  }
  #advance(): void {
    const now = Math.min(this.#end, ...this.#followers.values());
    if (now <= this.highWatermark) return;
    this.highWatermark = now;
    for (const listener of this.#listeners) listener(now);
  }
}

export function following(leaderEpoch: number, at: { readonly host: string; readonly port: number }) {
  const over = new AbortController();
  const part: Following = {
    id: ID,
    leader: 1,
    leaderEpoch,
    endpoints: [{ name: "clients", ...at }],
    state: stateOf(1, leaderEpoch),
    signal: over.signal,
  };
  return { part, over };
}
