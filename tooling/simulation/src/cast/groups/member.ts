/**
 * A member's process, as a program: it joins, handles, leaves and comes back, seeks, commits and pauses, step by step.
 *
 * Owns one client and one consumer at a time. Whether what happens to it is right is judged elsewhere; only that nothing throws what it
 * should not is its own.
 */
import { type Client, isCorralError, open } from "@corral/client";
import { consume, type ConsumeOptions, type Consumer, type TopicPartition } from "@corral/consumer-group";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { GROUP } from "../../check/groups/facts.ts";
import type { Life } from "../cast.ts";
import { BrokerAway, type BrokerView, keyOf } from "./broker.ts";
import { Handler, Mood } from "./handler.ts";
import type { MemberPlan } from "./scenario.ts";
import { TokenRefused } from "./sink.ts";
import type { Surroundings } from "./surroundings.ts";

/** Of one life. */
const STEPS_MAX = 2_000;
/** Between two steps in the calm, milliseconds: nothing is begun but what has to be. */
const CALM_STEP_MS = 500;
/** Of a closing consumer's handlers, milliseconds at most. */
const CLOSING_MS = 3_000;
/** Of a pause of partitions, milliseconds at most. */
const PAUSED_MS = 3_000;

/** Of a process that stands still: as long as sessions last, and as others wait for what it is to give back. */
const STALL_MS = [1_000, 9_000] as const;

export class Member {
  readonly life: Life;
  readonly plan: MemberPlan;
  readonly client: Client;
  /** In which it was not connected: places in the log. */
  readonly absences: { readonly from: number; until: number }[] = [];
  readonly #around: Surroundings;
  readonly #handler: Handler;
  readonly #view: BrokerView;
  #consumer: Consumer | undefined;
  /** A joining or a leaving. */
  #changing: Promise<void> | undefined;
  #joins = 0;
  #hasLeft = false;

  constructor(life: Life, plan: MemberPlan, around: Surroundings) {
    this.life = life;
    this.plan = plan;
    this.#around = around;
    this.client = open(life.options);
    this.#handler = new Handler(life.name, life.process, this.client, around);
    this.#view = around.viewFor(life.name, life.process);
    this.client.on("state", ({ name }) => {
      around.stage.note(`member ${life.name} is ${name}`);
      const last = this.absences.at(-1);
      if (name === "connected" && last !== undefined) last.until = Math.min(last.until, around.at);
      if (name !== "connected" && (last === undefined || last.until < Infinity))
        this.absences.push({ from: around.at, until: Infinity });
    });
  }

  begin(): void {
    this.#step(1);
  }

  get isAtWork(): boolean {
    return this.#handler.isAtWork;
  }

  get consumer(): Consumer | undefined {
    return this.#consumer;
  }

  #step(n: number): void {
    const { stage, scenario } = this.#around;
    if (n > STEPS_MAX) return;
    const name = `${this.life.name} group ${n}`;
    const draw = drawFrom(stage.plan.seed, name);
    const pauseMs = this.#around.isCalm ? CALM_STEP_MS : 1 + draw() * scenario.pauseMs;
    this.life.process.after(pauseMs, "timer", () => {
      if (this.#hasLeft) return;
      if (this.#consumer?.signal.aborted === true) this.#ended();
      if (this.#around.isCalm) this.#settle();
      else if (stage.mayAct(name)) this.#act(draw);
      this.#step(n + 1);
    });
  }

  /** It has come to an end by itself, or as it was told. */
  #ended(): void {
    const why: unknown = this.#consumer?.signal.reason;
    if (isCorralError(why, "TIMEOUT")) this.#around.sometimes("group: a handler took longer than it may");
    else if (!isCorralError(why)) this.#around.violation(`${this.life.name} ended with ${String(why)}`);
    this.#consumer = undefined;
  }

  #act(draw: Draw): void {
    if (this.#changing !== undefined) return;
    const consumer = this.#consumer;
    if (consumer === undefined) {
      if (draw() < 0.7) this.#join(draw);
      return;
    }
    const what = draw();
    if (what < 0.05) this.#leave(consumer, { timeoutMs: oneOf(draw, [0, 300, CLOSING_MS]) });
    else if (what < 0.09) this.#leave(consumer, { temporarily: true, timeoutMs: oneOf(draw, [0, 300, CLOSING_MS]) });
    else if (what < 0.13) this.life.stall(between(draw, ...STALL_MS));
    else if (what < 0.18) this.#tried(consumer.commit({ timeoutMs: between(draw, 1, 2_000) }));
    else this.#touch(consumer, what, draw);
  }

  /** Something is done to a partition that it has. */
  #touch(consumer: Consumer, what: number, draw: Draw): void {
    const claimed = consumer.status.partitions.filter(({ state }) => state === "claimed");
    if (claimed.length === 0) return;
    const { partition, committed = 0 } = oneOf(draw, claimed);
    if (what < 0.24 && this.#around.scenario.mode === "now and then")
      this.#seek(consumer, partition, between(draw, 0, committed));
    else if (what < 0.3) {
      consumer.pause([partition]);
      this.life.process.after(draw() * PAUSED_MS, "timer", () => {
        // It may have lost it meanwhile.
        this.#tried((async () => consumer.resume([partition]))());
      });
    }
  }

  /** Back only, and not behind what is being handled: of what is left out on purpose nobody could tell whether it was lost. */
  #seek(consumer: Consumer, partition: TopicPartition, offset: number): void {
    const { at, notes } = this.#around;
    notes.sought.push({ life: this.life.name, key: keyOf(partition), offset, at });
    this.#around.sometimes("group: an offset was sought back");
    this.#tried(consumer.seek(partition, offset));
  }

  /** All is calm: who belongs here is here, and says how far it is. */
  #settle(): void {
    if (this.#changing !== undefined) return;
    if (this.#consumer === undefined) {
      if (!this.plan.isRival) this.#join(drawFrom(this.#around.stage.plan.seed, `group calm ${this.life.name}`));
    } else if (this.plan.isRival) this.#leave(this.#consumer, { timeoutMs: CLOSING_MS });
    else if (this.#around.scenario.isManual) this.#tried(this.#consumer.commit({ timeoutMs: CALM_STEP_MS }));
  }

  #join(draw: Draw): void {
    const { name } = this.life;
    this.#change(async () => {
      const consumer = await consume(this.client, this.#options(draw));
      this.#around.stage.note(`${name} joined as ${consumer.member}`);
      this.#consumer = consumer;
    });
  }

  #leave(consumer: Consumer, how: { readonly temporarily?: boolean; readonly timeoutMs: number }): void {
    this.#around.stage.note(`${this.life.name} leaves ${how.temporarily === true ? "for a while" : ""}`);
    this.#change(async () => {
      await consumer.close(how);
      this.#consumer = undefined;
    });
  }

  /** One after the other. */
  #change(run: () => Promise<void>): void {
    const changing = run();
    this.#tried(changing);
    this.#changing = changing.then(
      () => void (this.#changing = undefined),
      () => void (this.#changing = undefined),
    );
  }

  #options(draw: Draw): ConsumeOptions<string> {
    const { scenario, stage, told, sink } = this.#around;
    const { instance, instanceGraceMs, onInstanceInUse, assignors, topics } = this.plan;
    const {
      mode,
      isManual,
      concurrency,
      commitIntervalMs,
      commitEvery,
      rebalanceTimeoutMs,
      handlerTimeoutMs,
      debounceMs,
    } = scenario;
    const kinds = {
      together: "at-least-once",
      sink: "external",
      "now and then": isManual ? "manual" : "at-least-once",
    } as const;
    return {
      group: GROUP,
      topics,
      source: this.#view,
      handle: this.#handler.handleFor(++this.#joins),
      mode: stage.plant === "commits-before-handling" ? "at-most-once" : kinds[mode],
      ...(mode === "sink" ? { start: async ({ partition, token }) => sink.begin(keyOf(partition), token) } : {}),
      onError: (error) => {
        if (!isCorralError(error) && !isOurs(error))
          this.#around.violation(`${this.life.name} is told ${String(error)}`);
        return "retry";
      },
      onLeaderError: (error) => {
        if (!isCorralError(error) && !isOurs(error))
          this.#around.violation(`${this.life.name} led, and is told ${String(error)}`);
      },
      // Each life is one process: names of static members are not unique among those.
      trace: (event) => void told.push({ ...event, member: `${event.member} in ${this.life.name}` }),
      instance,
      ...(instance === undefined ? {} : { onInstanceInUse, instanceGraceMs }),
      assignors,
      concurrency,
      commitIntervalMs,
      commitEvery,
      rebalanceTimeoutMs,
      handlerTimeoutMs,
      debounceMs,
      timeoutMs: between(draw, 2_000, 15_000),
    };
  }

  /** Refusals are as good as anything: what must hold is looked at in the end. */
  #tried(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => {
      if (!isCorralError(error))
        this.#around.violation(`${this.life.name}: ${String((error as Error)?.stack ?? error)}`);
      else this.#around.stage.note(`${this.life.name}: ${error.code}`);
    });
  }

  /** What it waits for; undefined if it is at rest. */
  unrest(): string | undefined {
    const { name } = this.life;
    const { state } = this.client;
    if (state.name !== "connected") return `${name} is ${state.name}`;
    if (this.#changing !== undefined) return `${name} comes or goes`;
    if (this.plan.isRival) return this.#consumer === undefined ? undefined : `${name} is still there`;
    if (this.#consumer === undefined) return `${name} has not joined`;
    const { status } = this.#consumer;
    return status.state === "stable" ? undefined : `${name} is ${status.state}`;
  }

  async leave(): Promise<void> {
    this.#hasLeft = true;
    if (this.life.draw() < 0.5) await this.#consumer?.close({ timeoutMs: CLOSING_MS });
    await this.client.close();
  }
}

const isOurs = (error: unknown): boolean =>
  error instanceof Mood || error instanceof TokenRefused || error instanceof BrokerAway;
