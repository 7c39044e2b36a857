/** A process that is no member: it appends to what is consumed, lets topics grow, looks at the group, and resets its offsets where it may. */
import { type Client, isCorralError, op, open } from "@corral/client";
import { groupAdmin, pathsOf } from "@corral/consumer-group";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { GROUP } from "../../check/groups/facts.ts";
import type { Life } from "../cast.ts";
import type { BrokerView } from "./broker.ts";
import type { Surroundings } from "./surroundings.ts";

const STEPS_MAX = 2_000;
/** Messages appended in one step. */
const APPENDED_MAX = 6;
const PARTITIONS_MAX = 8;

export class Administrator {
  readonly life: Life;
  readonly client: Client;
  readonly #around: Surroundings;
  readonly #view: BrokerView;
  #pending = 0;
  /** Nothing more comes from it. */
  #hasConcluded = false;
  #hasLeft = false;

  constructor(life: Life, around: Surroundings) {
    this.life = life;
    this.#around = around;
    this.client = open(life.options);
    this.#view = around.viewFor(life.name, life.process);
  }

  begin(): void {
    this.#step(1);
  }

  #step(n: number): void {
    const { stage, scenario } = this.#around;
    if (n > STEPS_MAX) return;
    const name = `${this.life.name} group ${n}`;
    const draw = drawFrom(stage.plan.seed, name);
    this.life.process.after(1 + draw() * scenario.pauseMs, "timer", () => {
      if (this.#hasLeft) return;
      if (this.#around.isCalm) {
        if (this.#pending === 0) return this.#conclude();
      } else if (stage.mayAct(name)) this.#act(draw);
      this.#step(n + 1);
    });
  }

  #act(draw: Draw): void {
    const { broker, notes, scenario } = this.#around;
    const what = draw();
    const keys = [...notes.ends.keys()];
    const sent = [...notes.ends.values()].reduce((sum, end) => sum + end, 0);
    if (what < 0.6)
      broker.append(oneOf(draw, keys), Math.min(between(draw, 1, APPENDED_MAX), scenario.messages - sent));
    else if (what < 0.66) this.#grow(draw);
    else if (what < 0.86) void this.#reset(oneOf(draw, keys), draw);
    else if (what < 0.9) void this.#look(draw);
    else if (what < 0.94 && scenario.mode !== "sink") void this.#tried(this.#takeAway(oneOf(draw, keys)));
  }

  /** All go on from here: also those who have not heard yet that what they had was taken away by hand. */
  #conclude(): void {
    const { broker, notes } = this.#around;
    for (const key of notes.ends.keys()) broker.append(key, 1);
    this.#hasConcluded = true;
  }

  #grow(draw: Draw): void {
    const { broker, notes, stage } = this.#around;
    if (notes.ends.size >= PARTITIONS_MAX) return;
    const topic = oneOf(draw, ["t", "t", "u"]);
    const now = [...notes.ends.keys()].filter((key) => key.startsWith(topic)).length;
    broker.grow(topic, now + between(draw, 1, 2));
    stage.note(`${topic} grows`);
    this.#around.sometimes("group: a topic grew");
  }

  /** Back, or not at all. Refused where somebody has the partition, which is as good. */
  async #reset(key: string, draw: Draw): Promise<void> {
    const [topic, number] = key.split("/") as [string, string];
    const partitions = [{ topic, partition: Number(number) }];
    const to = oneOf(draw, ["earliest", { shift: -between(draw, 0, 4) }] as const);
    const timeoutMs = between(draw, 200, 4_000);
    const admin = groupAdmin(this.client);
    if (this.#around.stage.plant === "offsets-set-unseen") return this.#tried(this.#setUnseen(topic, number));
    if (draw() < 0.15) return this.#tried(admin.deleteOffsets(GROUP, { partitions }, { timeoutMs }));
    return this.#tried(admin.resetOffsets(GROUP, { to, partitions, source: this.#view, timeoutMs }));
  }

  async #setUnseen(topic: string, number: string): Promise<void> {
    const record = { offset: 0, metadata: "", leaderEpoch: null, claim: 0, member: "administrator", atMs: 0 };
    const data = new TextEncoder().encode(JSON.stringify(record));
    await this.client.multi([op.set(pathsOf(GROUP).offset(topic, Number(number)), data)]);
  }

  /** By hand: whoever has it learns of that at the next commit, and a sink would never tell. */
  async #takeAway(key: string): Promise<void> {
    const [topic, number] = key.split("/") as [string, string];
    const isGone = await this.client.delete(pathsOf(GROUP).claim(topic, Number(number)), { missing: "ok" });
    this.#around.stage.note(`${this.life.name} takes ${key} away: ${String(isGone)}`);
  }

  async #look(draw: Draw): Promise<void> {
    const admin = groupAdmin(this.client);
    const timeoutMs = between(draw, 200, 4_000);
    await this.#tried(
      draw() < 0.5 ? admin.describe(GROUP, { timeoutMs }) : admin.lag(GROUP, this.#view, { timeoutMs }),
    );
  }

  async #tried(promise: Promise<unknown>): Promise<void> {
    this.#pending++;
    try {
      await promise;
    } catch (error) {
      if (!isCorralError(error))
        this.#around.violation(`${this.life.name}: ${String((error as Error)?.stack ?? error)}`);
    } finally {
      this.#pending--;
    }
  }

  unrest(): string | undefined {
    const { state } = this.client;
    if (state.name !== "connected") return `${this.life.name} is ${state.name}`;
    return this.#hasConcluded ? undefined : `${this.life.name} waits for ${this.#pending} calls`;
  }

  async leave(): Promise<void> {
    this.#hasLeft = true;
    await this.client.close();
  }
}
