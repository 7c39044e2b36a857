/**
 * The handling of one message, as users write it: it takes its time, throws now and then, and has an effect where the scenario wants one.
 *
 * Notes what it was given, and when its work was done. Decides nothing about offsets but what a handler may.
 */
import { type Client, isCorralError, op } from "@corral/client";
import type { HandlerContext, Message } from "@corral/consumer-group";
import { between, type Draw, drawFrom, oneOf, type Process } from "@corral/testing/world";
import { EFFECTS } from "../../check/groups/facts.ts";
import type { Handled } from "../../check/groups/notes.ts";
import { keyOf } from "./broker.ts";
import { TokenRefused } from "./sink.ts";
import type { Surroundings } from "./surroundings.ts";

/** Of a request to the sink, or its answer, milliseconds at most. */
const TRANSIT_MS = 20;
/** Of the messages, those that throw once or hang for long. */
const MOODS = 0.06;
const HANGS = 0.02;

/** Thrown by a handler for no reason. */
export class Mood extends Error {}

export class Handler {
  readonly #life: string;
  readonly #process: Process;
  readonly #client: Client;
  readonly #around: Surroundings;
  readonly #running = new Set<Handled>();
  /** Calls whose answers were not waited for. */
  readonly #givenUp = new Set<string>();
  #calls = 0;

  constructor(life: string, process: Process, client: Client, around: Surroundings) {
    this.#life = life;
    this.#process = process;
    this.#client = client;
    this.#around = around;
  }

  get isAtWork(): boolean {
    return this.#running.size > 0;
  }

  /** Of the consumer of this number. */
  handleFor(joined: number): (message: Message<string>, context: HandlerContext) => Promise<void> {
    return (message, context) => this.#handle(joined, message, context);
  }

  async #handle(joined: number, { offset }: Message<string>, context: HandlerContext): Promise<void> {
    const { stage, notes } = this.#around;
    const { token } = context;
    const key = keyOf(context.partition);
    const draw = drawFrom(stage.plan.seed, `group call ${this.#life} ${++this.#calls}`);
    const order = stage.nextEvent();
    const call: Handled = {
      life: this.#life,
      joined,
      key,
      token,
      offset,
      at: this.#around.at,
      order,
      worked: undefined,
      end: undefined,
    };
    notes.handled.push(call);
    this.#running.add(call);
    stage.note(`${this.#life} handles ${key}@${offset} by ${token}`);
    if (!context.isValid)
      this.#around.violation(`${this.#life} is handed ${key}@${offset} by ${token}, which is not valid`);
    let hasThrown = true;
    try {
      await this.#pause(this.#lingerMs(draw));
      if (draw() < MOODS) throw new Mood(`before ${key}@${offset}`);
      await this.#work(call, context, draw);
      if (draw() < MOODS) throw new Mood(`after ${key}@${offset}`);
      hasThrown = false;
    } finally {
      call.end = { order: stage.nextEvent(), hasThrown };
      this.#running.delete(call);
    }
  }

  #lingerMs(draw: Draw): number {
    const [mostly, rarely] = this.#around.scenario.lingerMs;
    const hangs = draw() < HANGS;
    const ms = draw() * (hangs && !this.#around.isCalm ? rarely : mostly);
    return draw() < 0.5 || hangs ? ms : 0;
  }

  async #work(call: Handled, context: HandlerContext, draw: Draw): Promise<void> {
    const { scenario } = this.#around;
    if (scenario.mode === "together") return this.#together(call, context, draw);
    if (scenario.mode === "sink") {
      await this.#pause(draw() * TRANSIT_MS);
      this.#apply(call);
      call.worked = this.#around.at;
      await this.#pause(draw() * TRANSIT_MS);
      return;
    }
    call.worked = this.#around.at;
    if (scenario.isManual ? draw() < 0.7 : draw() < 0.05) await context.commit();
  }

  /** With a call that may be given up before its answer comes: the next call of the handler finds it done, or does it. */
  async #together(call: Handled, context: HandlerContext, draw: Draw): Promise<void> {
    const { topic, partition } = context.partition;
    const effect = op.create(`${EFFECTS}/${topic}-${partition}@${call.offset}-`, null, { sequential: true });
    const options = oneOf(draw, [{}, {}, { timeoutMs: between(draw, 1, 50) }]);
    if (this.#around.stage.plant === "effects-beside-offset")
      await this.#client.multi([effect], { guard: context.guard });
    else await this.#commitWith(call, () => context.commitWith([effect], options));
  }

  async #commitWith({ key, token, offset }: Handled, commit: () => Promise<void>): Promise<void> {
    const name = `${key}@${offset} by ${token}`;
    try {
      await commit();
      if (this.#givenUp.has(name)) this.#around.sometimes("group: a commit was repeated after its answer was given up");
    } catch (error) {
      if (isCorralError(error, "TIMEOUT")) this.#givenUp.add(name);
      throw error;
    }
  }

  #apply({ key, token, offset }: Handled): void {
    try {
      this.#around.sink.apply(key, token, offset);
    } catch (error) {
      if (error instanceof TokenRefused) this.#around.sometimes("group: the sink refused a stale token");
      throw error;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#process.after(ms, "timer", resolve));
  }
}
