/** What a seed decides for its group: how messages count, how many members, how they are divided, and how patient everybody is. */
import { type Assignor, cooperativeSticky, range, roundRobin } from "@corral/consumer-group";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import type { Plant } from "../../plant.ts";
import type { Plan } from "../../world/plan.ts";

/**
 * - `together`: effects in the tree, in one transaction with the offset.
 * - `sink`: a store outside keeps the place, and checks tokens.
 * - `now and then`: what is handled is committed after a while, or when the handler says so.
 */
export type Mode = "together" | "sink" | "now and then";

export interface Scenario {
  readonly mode: Mode;
  /** Only what the handler commits is committed; of mode `now and then`. */
  readonly isManual: boolean;
  readonly members: readonly MemberPlan[];
  readonly partitions: number;
  readonly messages: number;
  /** Between two steps of a program, milliseconds at most. */
  readonly pauseMs: number;
  readonly concurrency: number;
  readonly commitIntervalMs: number;
  readonly commitEvery: number;
  readonly rebalanceTimeoutMs: number;
  readonly handlerTimeoutMs: number;
  readonly debounceMs: number;
  /** Of a handler, milliseconds at most, mostly and rarely. */
  readonly lingerMs: readonly [number, number];
}

export interface MemberPlan {
  readonly name: string;
  readonly instance: string | undefined;
  readonly onInstanceInUse: "error" | "take-over";
  readonly instanceGraceMs: number;
  readonly assignors: readonly Assignor[];
  readonly topics: readonly string[] | RegExp;
  /** Of another's instance: it does not come back when all is calm. */
  readonly isRival: boolean;
}

/** Which kind of world a planted mistake shows in. */
const MODE_OF: Readonly<Partial<Record<Plant, Mode>>> = {
  "effects-beside-offset": "together",
  "sink-ignores-tokens": "sink",
  "commits-before-handling": "now and then",
  "offsets-set-unseen": "now and then",
};

export function scenarioOf({ seed, sessionTimeoutMs }: Plan, plant: Plant | undefined): Scenario {
  const draw = drawFrom(seed, "groups");
  const drawn = oneOf(draw, ["together", "sink", "now and then"] as const);
  const mode = (plant === undefined ? undefined : MODE_OF[plant]) ?? drawn;
  const concurrency = oneOf(draw, [1, 1, 2, 3]);
  const isManual = draw() < 0.3;
  const count = between(draw, 3, 5);
  const sessionMs = Math.max(...sessionTimeoutMs);
  return {
    mode,
    isManual: mode === "now and then" && isManual,
    members: Array.from({ length: count }, (_, at) =>
      memberOf(drawFrom(seed, `groups member ${at + 1}`), at, count, plant),
    ),
    partitions: between(draw, 2, 5),
    messages: between(draw, 40, 120),
    pauseMs: oneOf(draw, [300, 800, 2_000]),
    // The sink is to see them in order.
    concurrency: mode === "sink" ? 1 : concurrency,
    commitIntervalMs: oneOf(draw, [50, 300, 2_000]),
    commitEvery: oneOf(draw, [1, 5, 10_000]),
    rebalanceTimeoutMs: oneOf(draw, [500, 2_000, 5_000]),
    handlerTimeoutMs: oneOf(draw, [2_000, 8_000, 60_000]),
    debounceMs: oneOf(draw, [0, 50, 300]),
    lingerMs: [oneOf(draw, [5, 50, 300]), oneOf(draw, [500, sessionMs, 2 * sessionMs])],
  };
}

function memberOf(draw: Draw, at: number, count: number, plant: Plant | undefined): MemberPlan {
  const isRival = at === count - 1 && draw() < 0.3;
  const isStatic = isRival || at === 0 || draw() < 0.4;
  const assignors = oneOf(draw, [
    [cooperativeSticky],
    [cooperativeSticky],
    [cooperativeSticky, range],
    [range, cooperativeSticky],
    [roundRobin, cooperativeSticky],
  ]);
  return {
    name: `g${at + 1}`,
    instance: isStatic ? `i${isRival ? 1 : at + 1}` : undefined,
    onInstanceInUse: oneOf(draw, ["error", "take-over", "take-over"] as const),
    instanceGraceMs: between(draw, 1_000, 20_000),
    assignors: plant === "restless-assignor" ? [restless] : assignors,
    topics: draw() < 0.5 ? ["t", "u"] : /^[tu]$/u,
    isRival,
  };
}

/** Even, and never as it was: whoever had a partition is the last to get it. */
const restless: Assignor = {
  name: cooperativeSticky.name,
  protocol: "cooperative",
  assign: (members, topics) => {
    const turned = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
    const given = new Map(turned.map(({ id }) => [id, new Map<string, number[]>()]));
    const all = topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, number) => [name, number] as const),
    );
    for (const [at, [name, number]] of all.entries()) {
      const { id } = turned[(at + all.length + turned.length) % turned.length]!;
      const own = given.get(id)!;
      own.set(name, [...(own.get(name) ?? []), number]);
    }
    return given;
  },
};
