/**
 * One broker of the scale run, a process of its own: it keeps no data, and notes when it was told of its parts.
 *
 * Speaks with its parent by messages; times are those of the machine's monotonic clock, which all processes share.
 */
import { type BrokerAgent, type BrokerHost, startBroker } from "@corral/broker-agent";
import { connect } from "@corral/client";
import { nowMs } from "./moment.ts";

export interface BrokerOrder {
  readonly url: string;
  readonly cluster: string;
  readonly id: number;
  readonly canBeController: boolean;
  /** Registered, and never given a replica. */
  readonly isBare: boolean;
  readonly sessionTimeoutMs: number;
}

export type ToBroker = { readonly ask: "counts" } | { readonly ask: "shutdown" } | { readonly ask: "end" };

export interface Counts {
  readonly leading: number;
  readonly following: number;
  /** When it was last told to lead something, milliseconds. */
  readonly lastLeadAt: number;
  /** When the last change of a configuration came. */
  readonly lastConfigAt: number;
  readonly rssBytes: number;
}

export type FromBroker =
  | { readonly told: "started" }
  | { readonly told: "counts"; readonly counts: Counts }
  | { readonly told: "shut-down"; readonly tookMs: number; readonly stillLed: number }
  | { readonly told: "failed"; readonly why: string };

class CountingHost implements BrokerHost {
  readonly #leading = new Set<string>();
  readonly #following = new Set<string>();
  #lastLeadAt = 0;
  #lastConfigAt = 0;

  lead({ id: { topicId, partition } }: Parameters<BrokerHost["lead"]>[0]): void {
    this.#leading.add(`${topicId}/${partition}`);
    this.#following.delete(`${topicId}/${partition}`);
    this.#lastLeadAt = nowMs();
  }

  follow({ id: { topicId, partition } }: Parameters<BrokerHost["follow"]>[0]): void {
    this.#following.add(`${topicId}/${partition}`);
    this.#leading.delete(`${topicId}/${partition}`);
  }

  stop({ topicId, partition }: Parameters<BrokerHost["stop"]>[0]): void {
    this.#leading.delete(`${topicId}/${partition}`);
    this.#following.delete(`${topicId}/${partition}`);
  }

  configChanged(): void {
    this.#lastConfigAt = nowMs();
  }

  onError(error: unknown, where: string): void {
    console.error(`broker ${process.pid}: ${where}:`, error);
  }

  counts(): Counts {
    return {
      leading: this.#leading.size,
      following: this.#following.size,
      lastLeadAt: this.#lastLeadAt,
      lastConfigAt: this.#lastConfigAt,
      rssBytes: process.memoryUsage.rss(),
    };
  }
}

function tell(message: FromBroker): void {
  process.send!(message);
}

async function run(order: BrokerOrder): Promise<void> {
  const client = await connect({ servers: [order.url], session: { timeoutMs: order.sessionTimeoutMs } });
  const host = new CountingHost();
  const agent: BrokerAgent = await startBroker(client, {
    cluster: order.cluster,
    id: order.id,
    endpoints: [{ name: "clients", host: "127.0.0.1", port: 10_000 + order.id }],
    host,
    canBeController: order.canBeController,
    startAs: order.isBare ? "fenced" : "active",
    timeoutMs: 120_000,
  });
  process.on("message", (message: ToBroker) => {
    if (message.ask === "counts") tell({ told: "counts", counts: host.counts() });
    else if (message.ask === "end") process.exit(0);
    else {
      const from = nowMs();
      agent.shutdown({ drain: true, timeoutMs: 60_000 }).then(
        ({ stillLed }) => tell({ told: "shut-down", tookMs: nowMs() - from, stillLed }),
        (error: unknown) => tell({ told: "failed", why: String(error) }),
      );
    }
  });
  tell({ told: "started" });
}

process.on("disconnect", () => process.exit(0));
run(JSON.parse(process.argv[2]!) as BrokerOrder).catch((error: unknown) => {
  tell({ told: "failed", why: String(error) });
});
