/**
 * Many members of one group in one process, each with a client and a session of its own. What they consume is quiet: what is
 * measured is who is told of what.
 */
import { connect } from "@corral/client";
import { type Consumer, consume, type Source } from "@corral/consumer-group";
import { nowMs } from "./moment.ts";

export interface MembersOrder {
  readonly url: string;
  readonly group: string;
  readonly members: number;
  readonly partitions: number;
  readonly sessionTimeoutMs: number;
}

export type ToMembers =
  | { readonly ask: "look" }
  | { readonly ask: "one-leaves" }
  | { readonly ask: "one-joins" }
  | { readonly ask: "end" };

export interface Look {
  readonly members: number;
  /** Claimed, of each member. */
  readonly sizes: readonly number[];
  readonly stable: number;
  /** When the last partition was assigned or given back, milliseconds of the machine's monotonic clock. */
  readonly lastChangeAt: number;
  /** Members to which something happened since the look before. */
  readonly touched: number;
}

export type FromMembers =
  | { readonly told: "started" }
  | { readonly told: "look"; readonly look: Look }
  | { readonly told: "left"; readonly at: number }
  | { readonly told: "failed"; readonly why: string };

const quiet = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

function quietSource(partitions: number): Source<never> {
  return {
    async *topics(signal) {
      yield [{ name: "scale", partitions }];
      await quiet(signal);
    },
    // Nothing comes: it only has to end.
    async *fetch(_partition, _from, signal) {
      await quiet(signal);
      yield* [];
    },
    bounds: () => Promise.resolve({ earliest: 0, latest: 0 }),
  };
}

function tell(message: FromMembers): void {
  process.send!(message);
}

/** Members that join at once, at most: what a rolling start looks like. */
const JOINING_MAX = 50;

class Members {
  readonly #order: MembersOrder;
  readonly #consumers: Consumer[] = [];
  readonly #touched = new Set<number>();
  #joined = 0;
  #lastChangeAt = 0;

  constructor(order: MembersOrder) {
    this.#order = order;
  }

  async start(): Promise<void> {
    const { members } = this.#order;
    for (let at = 0; at < members; at += JOINING_MAX) {
      await Promise.all(Array.from({ length: Math.min(JOINING_MAX, members - at) }, () => this.join()));
    }
  }

  async join(): Promise<void> {
    const number = this.#joined++;
    const { url, group, partitions, sessionTimeoutMs } = this.#order;
    const client = await connect({ servers: [url], session: { timeoutMs: sessionTimeoutMs } });
    const changed = (): void => {
      this.#touched.add(number);
      this.#lastChangeAt = nowMs();
    };
    const consumer = await consume(client, {
      group,
      topics: ["scale"],
      source: quietSource(partitions),
      handle: () => undefined,
      groupMembersMax: 10_000,
      timeoutMs: 120_000,
      rebalance: { assigned: changed, revoked: changed, lost: changed },
      onError(error) {
        console.error(`member of ${process.pid}:`, error);
        return "retry";
      },
    });
    this.#consumers.push(consumer);
  }

  async leave(): Promise<void> {
    await this.#consumers.pop()!.close();
  }

  look(): Look {
    const statuses = this.#consumers.map(({ status }) => status);
    const look: Look = {
      members: statuses.length,
      sizes: statuses.map(({ partitions }) => partitions.filter(({ state }) => state === "claimed").length),
      stable: statuses.filter(({ state }) => state === "stable").length,
      lastChangeAt: this.#lastChangeAt,
      touched: this.#touched.size,
    };
    this.#touched.clear();
    return look;
  }
}

const members = new Members(JSON.parse(process.argv[2]!) as MembersOrder);
const failed = (error: unknown): void => tell({ told: "failed", why: String(error) });
process.on("disconnect", () => process.exit(0));
process.on("message", (message: ToMembers) => {
  if (message.ask === "look") tell({ told: "look", look: members.look() });
  else if (message.ask === "one-joins") members.join().catch(failed);
  else if (message.ask === "end") process.exit(0);
  else {
    const at = nowMs();
    members.leave().then(() => tell({ told: "left", at }), failed);
  }
});
members.start().then(() => tell({ told: "started" }), failed);
