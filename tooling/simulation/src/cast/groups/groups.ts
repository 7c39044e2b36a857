/**
 * The cast of a consumer group: members that are killed and come back, and an administrator who appends and meddles.
 *
 * Owns who lives. What must be true of them is in check/groups.
 */
import type { Client } from "@corral/client";
import { EFFECTS } from "../../check/groups/facts.ts";
import { judgeGroup } from "../../check/groups/judge.ts";
import type { History, Violation } from "../../history.ts";
import { CLOCKS_APART_MAX } from "../../world/plan.ts";
import type { Cast, Life, Program, Stage } from "../cast.ts";
import { Administrator } from "./administrator.ts";
import { Member } from "./member.ts";
import { groupUnrest } from "./rest.ts";
import type { MemberPlan } from "./scenario.ts";
import { Surroundings } from "./surroundings.ts";

const ADMINISTRATOR = "g0";

export class Groups implements Cast {
  readonly name = "groups";
  readonly programs: readonly Program[];
  readonly #around: Surroundings;
  /** Of each program, the present life's. */
  readonly #living = new Map<string, Member | Administrator>();
  /** Also the dead. */
  readonly #members: Member[] = [];
  /** How long the log was when everything had come to rest. */
  #restAt: number | undefined;

  constructor(stage: Stage) {
    this.#around = new Surroundings(stage);
    const members = this.#around.scenario.members.map((plan) => ({
      name: plan.name,
      begin: (life: Life) => this.#beginMember(plan, life),
    }));
    this.programs = [...members, { name: ADMINISTRATOR, begin: (life) => this.#beginAdministrator(life) }];
  }

  async prepare(client: Client): Promise<void> {
    await client.create(EFFECTS);
    this.#around.broker.grow("t", this.#around.scenario.partitions);
  }

  #beginMember(plan: MemberPlan, life: Life): void {
    const before = this.#living.get(plan.name);
    if (before instanceof Member) {
      if (before.isAtWork) this.#around.sometimes("group: a member was killed while it handled a message");
      if (before.consumer?.status.isLeader === true) this.#around.sometimes("group: the leader was killed");
    }
    const member = new Member(life, plan, this.#around);
    this.#living.set(plan.name, member);
    this.#members.push(member);
    member.begin();
  }

  #beginAdministrator(life: Life): void {
    const administrator = new Administrator(life, this.#around);
    this.#living.set(ADMINISTRATOR, administrator);
    administrator.begin();
  }

  calm(): void {
    this.#around.isCalm = true;
  }

  unrest(): string | undefined {
    for (const one of this.#living.values()) {
      const unrest = one.unrest();
      if (unrest !== undefined) return unrest;
    }
    const { scenario, notes, sink, stage } = this.#around;
    if (scenario.mode === "sink")
      for (const [key, end] of notes.ends)
        if (sink.next(key) !== end) return `the sink has ${sink.next(key)} of ${key}, which ends at ${end}`;
    return groupUnrest(stage.state(), notes.ends, scenario.mode !== "sink");
  }

  look(): void {
    this.#restAt = this.#around.at;
  }

  async leave(): Promise<void> {
    await Promise.all(Array.from(this.#living.values(), (one) => one.leave()));
  }

  judge({ entries }: History): readonly Violation[] {
    const { scenario, notes, told, stage } = this.#around;
    return judgeGroup(entries, {
      notes,
      told,
      mode: scenario.mode,
      concurrency: scenario.concurrency,
      // Neither machines that sleep, nor an operator who ends sessions, nor clocks that run further apart than clients allow for.
      clocksTell:
        !stage.plan.faults.some((kind) => kind === "sleep-client" || kind === "expire") &&
        2 * stage.plan.clocks.apart <= CLOCKS_APART_MAX,
      restAt: this.#restAt,
      absences: this.#members.map(({ absences }) => absences),
      deaths: new Set(this.#members.filter(({ life }) => life.process.isDead).map(({ life }) => life.name)),
      sometimes: (mark) => this.#around.sometimes(mark),
    });
  }
}
