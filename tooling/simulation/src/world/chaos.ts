/** Bad things, one after the other, as the seed decides; and the end of all of them. What each does: `strikes/`. */
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { type FaultKind, weighted } from "./faults.ts";
import { DISKS, LIES } from "./strikes/disks.ts";
import { NETWORK } from "./strikes/network.ts";
import { CLOCKS, ORDERS, PROCESSES } from "./strikes/processes.ts";
import type { Strikes, StrikeWorld } from "./strikes/strike.ts";

const STRIKES: Strikes<FaultKind> = { ...NETWORK, ...PROCESSES, ...CLOCKS, ...ORDERS, ...DISKS, ...LIES };

export class Chaos {
  readonly #world: StrikeWorld;
  readonly #struck: (kind: FaultKind) => void;
  #strikes = 0;
  readonly #ends = new Set<() => void>();
  #isOver = false;

  /** `struck`: told before each strike. */
  constructor(world: StrikeWorld, struck: (kind: FaultKind) => void) {
    this.#world = world;
    this.#struck = struck;
  }

  begin(): void {
    this.#beginLie();
    this.#next();
  }

  #next(): void {
    const { fate, plan } = this.#world;
    // Each strike draws for itself: without one of them the others are the same.
    const name = `strike ${++this.#strikes}`;
    const draw = drawFrom(plan.seed, name);
    fate.after(draw() * plan.faultPauseMs, "timer", () => {
      if (this.#isOver) return;
      this.#strike(name, oneOf(draw, weighted(plan.faults)));
      this.#next();
    });
  }

  /** The one of this seed, if it has one. */
  #beginLie(): void {
    const { fate, plan } = this.#world;
    const { lie } = plan;
    if (lie === undefined) return;
    fate.after(lie.at * plan.chaosMs, "timer", () => {
      if (!this.#isOver) this.#strike("lie", lie.kind);
    });
  }

  #strike(name: string, kind: FaultKind): void {
    const { plan, inhabitants } = this.#world;
    if (!plan.mayAct(name) || !plan.mayAct(kind)) return;
    this.#struck(kind);
    const draw = drawFrom(plan.seed, `${name} strikes`);
    STRIKES[kind]({
      ...this.#world,
      draw,
      inhabitant: oneOf(draw, inhabitants.all),
      short: between(draw, 10, 400),
      long: between(draw, 100, 12_000),
      lasting: (ms, end) => this.#lasting(ms, end),
    });
  }

  /** Everything works again. */
  end(): void {
    this.#isOver = true;
    for (const end of this.#ends) end();
    this.#world.network.heal();
    this.#world.host.disk.capacity = Number.POSITIVE_INFINITY;
  }

  /** Ends after so long, or with everything. */
  #lasting(ms: number, end: () => void): void {
    const once = (): void => {
      if (this.#ends.delete(once)) end();
    };
    this.#ends.add(once);
    this.#world.fate.after(ms, "timer", once);
  }
}
