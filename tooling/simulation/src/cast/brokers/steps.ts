/** What a broker does at a step, beside leading and following: mostly it appends; now and then it moves, leaves for a while, or a disk of it fails. */
import { between, type Draw, oneOf } from "@corral/testing/world";
import type { BrokerAgent } from "@corral/broker-agent";
import type { ReplicaHost } from "./host.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** A broker in one of its lives, as far as steps have to do with it. */
export interface Stepping {
  readonly id: number;
  readonly around: Surroundings;
  readonly host: ReplicaHost;
  readonly agent: BrokerAgent | undefined;
  /** Where it says that it is to be found. */
  endpoint: Endpoint;
  after(ms: number, act: () => void): void;
  /** Something that may come to nothing, as the world is. */
  attempt(what: string, act: () => Promise<void>): Promise<void>;
  /** In order, or not; and back after a while. */
  leaveForAWhile(drain: boolean, awayMs: number): Promise<void>;
}

const TELL_AGAIN_MS = 500;

type Step = (life: Stepping, draw: Draw) => void;

const append: Step = ({ host }, draw) => host.append(between(draw, 1, 3));

const breakLink: Step = ({ id, around }, draw) => {
  const others = [...around.hosts.keys()].filter((other) => other !== id);
  if (others.length === 0) return;
  around.sometimes("a link between brokers was broken");
  around.wires.break(id, oneOf(draw, others), between(draw, 100, 3 * around.plan.lagTimeMs));
};

const leave: Step = (life, draw) => void life.leaveForAWhile(draw() < 0.8, between(draw, 0, 2_000));

const move: Step = (life, draw) => {
  const { agent } = life;
  if (agent === undefined) return;
  const to = { ...life.endpoint, port: between(draw, 10_000, 60_000) };
  void life.attempt("setEndpoints", async () => {
    await agent.setEndpoints([to]);
    life.endpoint = to;
  });
};

/** It cannot keep one of its replicas for a while; then it can, and has what it had. */
const failDisk: Step = (life, draw) => {
  const { agent, host, around } = life;
  const keys = [...host.followed.keys(), ...host.led.keys()];
  if (agent === undefined || keys.length === 0 || host.failed.size > 0) return;
  const key = oneOf(draw, keys);
  host.failed = new Set([key]);
  around.sometimes("a disk had failed for a while");
  void life.attempt("setFailedReplicas", () => agent.setFailedReplicas([key]));
  life.after(between(draw, 200, 3_000), () => mendDisk(life));
};

/** It says so until it is known. */
export function mendDisk(life: Stepping): void {
  const { agent, host } = life;
  host.failed = new Set();
  if (agent === undefined || agent.signal.aborted) return;
  let isTold = false;
  const tell = async (): Promise<void> => {
    await agent.setFailedReplicas([]);
    isTold = true;
  };
  void life.attempt("setFailedReplicas", tell).then(() => {
    if (!isTold) life.after(TELL_AGAIN_MS, () => mendDisk(life));
  });
}

const nothing: Step = () => {};

/** How often of a hundred. */
const STEPS: readonly (readonly [number, Step])[] = [
  [82, append],
  [6, breakLink],
  [2, leave],
  [2, move],
  [2, failDisk],
  [6, nothing],
];

export function stepOf(life: Stepping, draw: Draw): void {
  let left = draw() * 100;
  for (const [often, step] of STEPS) {
    left -= often;
    if (left < 0) return step(life, draw);
  }
}
