/**
 * The cast of brokers: three or four that keep replicated logs, and one who administers them.
 *
 * Owns the cluster's beginning, and what has to be true of it at rest: by the server's tree and by the disks, never by what an agent believes.
 */
import type { Client } from "@corral/client";
import { drawFrom } from "@corral/testing/world";
import { judgeBrokers } from "../../check/brokers/judge.ts";
import { transactionsOf } from "../../check/brokers/transactions.ts";
import type { History, Violation } from "../../history.ts";
import type { Cast, Program, Stage } from "../cast.ts";
import { Administrator } from "./administrator.ts";
import { makeCluster, PATHS } from "./beginning.ts";
import { Broker } from "./broker.ts";
import { unrestOf } from "./rest.ts";
import { mendDisk } from "./steps.ts";
import { Surroundings } from "./surroundings.ts";

export class Brokers implements Cast {
  readonly name = "brokers";
  readonly programs: readonly Program[];
  readonly #around: Surroundings;
  readonly #brokers: readonly Broker[];
  readonly #administrator: Administrator;

  constructor(stage: Stage) {
    const around = new Surroundings(stage);
    this.#around = around;
    this.#brokers = Array.from({ length: around.plan.brokers }, (_, i) => new Broker(i + 1, around));
    this.#administrator = new Administrator(around);
    this.programs = [...this.#brokers, this.#administrator];
  }

  async prepare(client: Client): Promise<void> {
    await makeCluster(client, this.#around.plan);
  }

  calm(): void {
    this.#around.isCalm = true;
    this.#around.wires.mendAll();
    for (const { life } of this.#brokers) if (life !== undefined) mendDisk(life);
  }

  unrest(): string | undefined {
    for (const { life, id } of this.#brokers) {
      if (life === undefined) return `broker ${id} never began`;
      const { client, agent, busy, name } = life;
      if (client.state.name !== "connected") return `${name} is ${JSON.stringify(client.state)}`;
      if (agent === undefined) return `${name} has not started`;
      if (agent.status !== "active" || !agent.isValid) return `${name} is ${agent.status}, valid: ${agent.isValid}`;
      if (busy > 0) return `${name} does ${busy} things`;
    }
    const { life } = this.#administrator;
    if (life === undefined || life.client.state.name !== "connected") return "the administrator is not connected";
    if (life.pending > 0) return `the administrator waits for ${life.pending} answers`;
    return unrestOf(this.#around.stage.state(), PATHS.cluster, this.#brokers, this.#around.hosts);
  }

  look(): void {
    const { notes } = this.#around;
    for (const { id, disk } of this.#brokers)
      for (const [key, { records }] of disk.logs) notes.push({ kind: "holds", key, broker: id, log: [...records] });
  }

  async leave(): Promise<void> {
    const draw = drawFrom(this.#around.stage.plan.seed, "brokers leave");
    const lives = this.#brokers.flatMap(({ life }) => life ?? []);
    await Promise.all([this.#administrator.life?.leave(), ...lives.map((life) => life.leave(draw() < 0.5))]);
  }

  judge({ entries }: History): readonly Violation[] {
    const { notes, stage } = this.#around;
    return judgeBrokers(transactionsOf(entries, PATHS.cluster), notes, stage.sometimes);
  }
}
