/** The cast of those that do this and that with a client, at random: every operation in every order. */
import type { Client } from "@corral/client";
import { Real } from "@corral/state-machine";
import { drawFrom } from "@corral/testing/world";
import { looks } from "../../check/rest.ts";
import type { Cast, Life, Program, Stage } from "../cast.ts";
import { Actor } from "./actor.ts";
import { doSomething } from "./acts/index.ts";
import { ROOTS } from "./acts/paths.ts";
import { Stranger, STRANGER } from "./stranger.ts";

/** The parent whose sequential names may begin near their end. */
const COUNTED = "/w";
/** Of seeds that have a stranger. */
const STRANGERS_SHARE = 0.3;

export class Actors implements Cast {
  readonly name = "actors";
  readonly programs: readonly Program[];
  readonly #stage: Stage;
  /** Of each program, the present life's. */
  readonly #living = new Map<string, Actor>();
  #stranger: Stranger | undefined;
  #isCalm = false;

  constructor(stage: Stage) {
    this.#stage = stage;
    const actors = Array.from({ length: stage.plan.clients }, (_, i) => {
      const name = String(i + 1);
      return { name, begin: (life: Life) => this.#begin(name, life) };
    });
    const hasStranger = drawFrom(stage.plan.seed, STRANGER)() < STRANGERS_SHARE;
    const stranger = { name: STRANGER, begin: (life: Life) => this.#beginStranger(life) };
    this.programs = hasStranger ? [...actors, stranger] : actors;
  }

  async prepare(client: Client): Promise<void> {
    await Promise.all(ROOTS.map((root) => client.create(root)));
    const { sequencesFrom } = this.#stage.plan;
    if (sequencesFrom !== undefined) await this.#putForward(COUNTED, sequencesFrom);
  }

  /** No client could create so many: the counter is set in the state, and a snapshot keeps it. */
  async #putForward(path: string, creates: number): Promise<void> {
    const { tree, zxid } = this.#stage.state();
    tree.rows.setReal(tree.find(path), Real.creates, creates);
    this.#stage.history.counters.push({ zxid, path, creates });
    await this.#stage.checkpoint();
  }

  #begin(name: string, life: Life): void {
    const actor = new Actor(life, this.#stage);
    this.#living.set(name, actor);
    if (this.#isCalm) actor.isStopped = true;
    else actor.begin(doSomething);
  }

  #beginStranger(life: Life): void {
    this.#stranger = new Stranger(life, this.#stage);
    if (this.#isCalm) this.#stranger.isStopped = true;
    else this.#stranger.begin();
  }

  calm(): void {
    this.#isCalm = true;
    if (this.#stranger !== undefined) this.#stranger.isStopped = true;
    for (const actor of this.#living.values()) actor.isStopped = true;
  }

  unrest(): string | undefined {
    for (const { name, client, pending } of this.#living.values()) {
      const now = client.state;
      if (now.name !== "connected")
        return `client ${name} is ${now.name}${"cause" in now ? `: ${String(now.cause)}` : ""}`;
      if (pending > 0) return `client ${name} waits for ${pending} calls`;
    }
    return undefined;
  }

  look(): void {
    for (const actor of this.#living.values()) actor.checkWaiting((path) => looks(this.#stage.state(), path));
  }

  async leave(): Promise<void> {
    await Promise.all(Array.from(this.#living.values(), ({ client }) => client.close()));
  }

  judge(): readonly [] {
    return [];
  }
}
