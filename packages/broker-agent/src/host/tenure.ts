/**
 * What a broker does during one of its lives: it keeps an eye on its lease, writes the in-sync replicas of what it leads, and looks for
 * followers that lag. All of it ends with the life.
 */
import type { Client, CorralError, Guard } from "@corral/client";
import { isSameStanding } from "../controller/standing.ts";
import { settingOf } from "../config/settings.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Delta } from "../image/views.ts";
import { partitionKey } from "../layout.ts";
import type { PartitionId } from "./api.ts";
import type { HostCalls } from "./host-calls.ts";
import { IsrChanges } from "./isr-changes.ts";
import { LagWatch } from "./lag-watch.ts";
import type { LeaderWorld } from "./leader-world.ts";
import type { Leader } from "./leading.ts";
import { Lease } from "./lease.ts";
import type { Life } from "./life.ts";
import type { Standings } from "./standings.ts";

export interface TenureWorld {
  readonly broker: number;
  readonly client: Client;
  readonly image: ClusterImage;
  readonly calls: HostCalls;
  readonly standings: Standings;
  /** What it leads. */
  readonly led: () => Iterable<Leader>;
  /** The server says that the life is over. */
  readonly over: (life: Life, why: CorralError) => void;
}

export class Tenure {
  readonly life: Life;
  readonly #world: TenureWorld;
  readonly #changes: IsrChanges;
  readonly #lag: LagWatch;

  constructor(world: TenureWorld, life: Life) {
    const { client, calls, led } = world;
    this.#world = world;
    this.life = life;
    this.#changes = new IsrChanges(client, life, {
      over: (why) => {
        world.over(life, why);
      },
      failed: (error) => {
        calls.failed(error, "writing in-sync replicas");
      },
    });
    this.#lag = new LagWatch(
      client.clock,
      () => this.#lagTimeMs(),
      () => {
        for (const leader of led()) leader.checkLag();
      },
    );
    new Lease(client, calls, life);
  }

  /** What a leader of this life needs. */
  leaderWorld(id: PartitionId): LeaderWorld {
    const { topic, topicId, partition } = id;
    const { broker, client, image, calls, standings } = this.#world;
    return {
      broker,
      life: this.life,
      path: image.paths.partition(topicId, partition),
      nowMs: () => client.clock.monotonicMs(),
      lagTimeMs: () => this.#lagTimeMs(),
      minInSync: () => Number(settingOf(image, "min.insync.replicas", { topic })),
      standings: () => standings.of(partitionKey(id)),
      unchanged: (id) => this.#unchanged(id),
      sameLife: (id, zxid) => this.#sameLife(id, zxid),
      write: (change) => {
        this.#changes.add(change);
      },
      failed: (error, where) => {
        calls.failed(error, where);
      },
    };
  }

  /** Settings or brokers may have changed what is committed. */
  apply({ configs, brokers }: Delta): void {
    if (configs.length > 0) this.#lag.look();
    const isOther = brokers.some(
      ({ before, now }) => before === undefined || now === undefined || !isSameStanding(before, now),
    );
    if (configs.length > 0 || isOther) for (const leader of this.#world.led()) leader.look();
  }

  end(why: CorralError): void {
    this.#lag.stop();
    this.life.end(why);
  }

  #lagTimeMs(): number {
    return Number(settingOf(this.#world.image, "replica.lag.time.max.ms"));
  }

  #unchanged(id: number): Guard | undefined {
    const { image } = this.#world;
    const mzxid = image.broker(id)?.mzxid;
    return mzxid === undefined ? undefined : { path: image.paths.broker(id), mzxid };
  }

  #sameLife(id: number, zxid: number): Guard | undefined {
    const { image } = this.#world;
    const czxid = image.broker(id)?.epoch;
    return czxid === undefined || czxid > zxid ? undefined : { path: image.paths.broker(id), czxid };
  }
}
