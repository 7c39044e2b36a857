/**
 * Clients at work: the simulation's actors, on real time, with real connections, recording the same history.
 *
 * Owns the clients and what they noted. Never touches corrald, and never decides whether what happened was right: proof.ts does.
 */
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect, type ExpiredBy, type OpenOptions } from "@corral/client";
import {
  Actor,
  doSomething,
  type History,
  newHistory,
  PATHS,
  planOf,
  ROOTS,
  type Stage,
  type Violation,
} from "@corral/simulation";
import { drawFrom, oneOf, Process, Timeline } from "@corral/testing/world";
import { recordingTransport } from "./recording.ts";

export interface LoadOptions {
  readonly seed: number;
  readonly clients: number;
  /** Asked before each attempt to connect. */
  readonly servers: () => Promise<readonly string[]>;
  /** Wished; milliseconds. */
  readonly sessionTimeoutMs?: number;
  /** Of each call; milliseconds. */
  readonly callTimeoutMs?: number;
}

/** Long enough that restarts in a row end no session. */
const SESSION_TIMEOUT_MS = 15_000;
const CALL_TIMEOUT_MS = 20_000;
/** An actor tires after so many acts, which takes it longer than this. */
const RELIEVED_MS = 6_000;
/** Between two looks whether everybody has come to rest. */
const LOOK_MS = 100;
/** For a client that leaves, when nobody answers. */
const LEAVE_MS = 2_000;
/** What the watches of the last moments may take to arrive. */
const SETTLE_MS = 500;
/** Of one client: a row's load goes on as long as the row. */
const ACTS_MAX = 20_000;
/** Parents of the paths that actors write below, and the paths themselves. */
const WATCHED: readonly string[] = [...new Set([...PATHS, "/w"])];

export class Load {
  readonly history: History = newHistory();
  readonly violations: Violation[] = [];
  readonly #options: LoadOptions;
  readonly #timeline = new Timeline(false);
  readonly #stage: Stage;
  readonly #living = new Map<string, Actor>();
  readonly #lives = new Map<string, number>();
  /** Closed, or about to be. */
  readonly #left: Promise<unknown>[] = [];
  #relief: NodeJS.Timeout | undefined;
  #events = 0;
  #links = 0;
  #isCalm = false;
  #isPaused = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { seed, clients } = options;
    const draw = drawFrom(seed, "load");
    // Many small turns: what is to be struck is always under way.
    const plan = {
      ...planOf(seed),
      clients,
      actsMax: ACTS_MAX,
      thinkMs: oneOf(draw, [40, 80, 150]),
      pipeline: oneOf(draw, [1, 3, 6]),
    };
    this.#stage = {
      plan,
      history: this.history,
      now: () => this.#timeline.now,
      nextEvent: () => ++this.#events,
      note: () => {},
      violate: (check, what) => void this.violations.push({ check, what }),
      sometimes: () => {},
      mayAct: () => !this.#isPaused,
      plant: undefined,
      checkpoint: () => Promise.reject(new Error("a real server takes its snapshots by itself")),
      state: () => {
        throw new Error("the state of a real server cannot be looked at from outside");
      },
    };
  }

  /** Calls so far that were answered with a result. */
  get answered(): number {
    return this.history.calls.reduce((sum, { outcome }) => sum + (outcome.kind === "ok" ? 1 : 0), 0);
  }

  /** Sessions that ended against their clients' will: said so by the server, or given up by a client that heard nothing. */
  readonly lost: Record<ExpiredBy, number> = { server: 0, "local-deadline": 0 };

  get clients(): readonly Client[] {
    return Array.from(this.#living.values(), ({ client }) => client);
  }

  /** What the actors need is made, before anything goes wrong. */
  async prepare(): Promise<void> {
    const client = await connect(this.#optionsOf("prepare"));
    for (const root of ROOTS) await client.create(root);
    await client.close();
  }

  /** Everybody begins to act. */
  begin(): void {
    for (let i = 1; i <= this.#options.clients; i++) this.#live(String(i));
    this.#relief = setInterval(() => this.#relieve(), RELIEVED_MS);
  }

  /** Everybody begins anew, with another session. */
  #relieve(): void {
    if (this.#isPaused) return;
    for (const [name, actor] of this.#living) {
      actor.isStopped = true;
      this.#left.push(actor.client.close({ timeoutMs: LEAVE_MS }));
      this.#live(name);
    }
  }

  #live(name: string): void {
    const number = (this.#lives.get(name) ?? 0) + 1;
    this.#lives.set(name, number);
    const life = number === 1 ? name : `${name}'${number}`;
    const draw = drawFrom(this.#options.seed, `life ${life}`);
    const process = new Process(life, this.#timeline, draw);
    const actor = new Actor(
      { name: life, number, process, options: this.#optionsOf(life), draw, stall: () => {} },
      this.#stage,
    );
    this.#living.set(name, actor);
    actor.client.on("state", (state) => {
      if (state.name === "expired") this.lost[state.by]++;
    });
    if (this.#isCalm) actor.isStopped = true;
    else actor.begin(doSomething);
  }

  #optionsOf(name: string): OpenOptions {
    return {
      servers: this.#options.servers,
      transport: recordingTransport(name, { frames: this.history.frames, nextLink: () => ++this.#links }),
      timeoutMs: this.#options.callTimeoutMs ?? CALL_TIMEOUT_MS,
      session: { timeoutMs: this.#options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS },
    };
  }

  /** Nothing is under way, and nothing new is begun, until `resume`. Rejects if that takes too long. */
  async pause(withinMs: number): Promise<void> {
    this.#isPaused = true;
    await Promise.allSettled(this.#left);
    const unrest = await this.#rests(withinMs);
    if (unrest !== undefined) throw new Error(`${unrest}, ${withinMs} ms after it was to pause`);
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** Nothing new is begun. */
  calm(): void {
    this.#isCalm = true;
    clearInterval(this.#relief);
    for (const actor of this.#living.values()) actor.isStopped = true;
  }

  /** Everybody is connected and answered within this, or it is a violation. Then what watches owe is looked at. */
  async demandRest(withinMs: number): Promise<void> {
    this.calm();
    const unrest = await this.#rests(withinMs);
    if (unrest !== undefined)
      this.violations.push({ check: "rest", what: `${unrest}, ${withinMs} ms after the last fault` });
    else await this.#look();
  }

  /** What there still is of unrest after so long; undefined as soon as there is none. */
  async #rests(withinMs: number): Promise<string | undefined> {
    const until = performance.now() + withinMs;
    let unrest = this.#unrest();
    for (; unrest !== undefined && performance.now() < until; unrest = this.#unrest()) await wait(LOOK_MS);
    return unrest;
  }

  #unrest(): string | undefined {
    for (const { name, client, pending } of this.#living.values()) {
      const { state } = client;
      if (state.name !== "connected")
        return `client ${name} is ${state.name}${"cause" in state ? `: ${String(state.cause)}` : ""}`;
      if (pending > 0) return `client ${name} waits for ${pending} calls`;
    }
    return undefined;
  }

  /** A watch that has not fired has nothing to tell: of what was there at a moment that all have come past since. */
  async #look(): Promise<void> {
    const client = await connect(this.#optionsOf("look"));
    const seen = new Map<string, { readonly mzxid: number; readonly names: string }>();
    for (const path of WATCHED) {
      const stat = await client.stat(path);
      if (stat !== undefined) seen.set(path, { mzxid: stat.mzxid, names: (await childrenOf(client, path)).join() });
    }
    await Promise.all(this.clients.map((each) => each.sync()));
    await wait(SETTLE_MS);
    for (const actor of this.#living.values()) actor.checkWaiting((path) => seen.get(path));
    await client.close();
  }

  /** Everybody leaves; what has not been answered stays so. */
  async leave(): Promise<void> {
    this.calm();
    for (const { client } of this.#living.values()) this.#left.push(client.close({ timeoutMs: LEAVE_MS }));
    await Promise.allSettled(this.#left);
    this.#timeline.end();
  }
}

/** It may be gone since it was seen. */
async function childrenOf(client: Client, path: string): Promise<readonly string[]> {
  try {
    return await client.children(path);
  } catch {
    return [];
  }
}
