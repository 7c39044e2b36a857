/** What all programs of one cluster share: its name and what the seed decides of it, the links between brokers, and what is noted. */
import type { Leading } from "@corral/broker-agent";
import { between, drawFrom, type Process } from "@corral/testing/world";
import type { Note } from "../../check/brokers/notes.ts";
import type { Plant } from "../../plant.ts";
import type { Stage } from "../cast.ts";
import type { BrokerMark } from "./marks.ts";
import type { Fetch, FetchAnswer } from "./replication.ts";
import { Wires } from "./wires.ts";

export const CLUSTER = "simulated";

/** What a seed decides of its cluster. */
export interface ClusterPlan {
  readonly brokers: number;
  /** A death loses what was not synced. */
  readonly isLossy: boolean;
  /** Unclean elections are allowed for all topics. */
  readonly isUnclean: boolean;
  readonly minInSync: number;
  readonly lagTimeMs: number;
  /** Do replicas move by themselves? */
  readonly rebalances: boolean;
  readonly topics: number;
}

function clusterPlanOf(seed: number): ClusterPlan {
  const draw = drawFrom(seed, "brokers");
  return {
    brokers: between(draw, 3, 4),
    isLossy: draw() < 0.4,
    isUnclean: draw() < 0.25,
    minInSync: between(draw, 1, 2),
    lagTimeMs: between(draw, 600, 2_000),
    rebalances: draw() < 0.2,
    topics: between(draw, 1, 2),
  };
}

/** A broker as others see it. */
export interface Peer {
  readonly broker: number;
  readonly name: string;
  readonly process: Process;
  readonly led: ReadonlyMap<string, Leading>;
  /** What it was told last of each entity's settings. */
  readonly settings: ReadonlyMap<string, string>;
  /** As leader. Undefined: it is not, in that epoch. */
  answer(fetch: Fetch): FetchAnswer | undefined;
}

export class Surroundings {
  readonly stage: Stage;
  readonly plan: ClusterPlan;
  readonly wires: Wires;
  readonly notes: Note[] = [];
  /** Of each broker the present one. */
  readonly hosts: Map<number, Peer> = new Map();
  isCalm = false;
  #values = 0;

  constructor(stage: Stage) {
    this.stage = stage;
    this.plan = clusterPlanOf(stage.plan.seed);
    this.wires = new Wires(stage.plan.seed, stage.now);
  }

  get mistake(): Plant | undefined {
    return this.stage.plant;
  }

  readonly sometimes = (mark: BrokerMark): void => {
    this.stage.sometimes(mark);
  };

  /** Of a record: no two have the same. */
  nextValue(): number {
    return ++this.#values;
  }
}
