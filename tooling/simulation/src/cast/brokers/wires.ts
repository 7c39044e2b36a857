/** What brokers tell each other: it takes a while, and is lost while a link is broken. */
import { type Draw, drawFrom, type Process } from "@corral/testing/world";

/** From one broker to another, milliseconds at most. */
const TAKES_MS = 20;

export class Wires {
  readonly #seed: number;
  readonly #now: () => number;
  /** By link, until when it is broken. */
  readonly #broken = new Map<string, number>();
  readonly #draws = new Map<string, Draw>();

  constructor(seed: number, now: () => number) {
    this.#seed = seed;
    this.#now = now;
  }

  /** Both ways, for so long. */
  break(a: number, b: number, ms: number): void {
    const link = linkOf(a, b);
    this.#broken.set(link, Math.max(this.#broken.get(link) ?? 0, this.#now() + ms));
  }

  mendAll(): void {
    this.#broken.clear();
  }

  #isBroken(a: number, b: number): boolean {
    return this.#now() < (this.#broken.get(linkOf(a, b)) ?? 0);
  }

  /** Happens in the process of who hears it: not while that stands still, and never when it is dead. */
  send(from: number, to: { readonly broker: number; readonly process: Process }, hear: () => void): void {
    if (this.#isBroken(from, to.broker)) return;
    const way = `${from} to ${to.broker}`;
    const draw = this.#draws.get(way) ?? drawFrom(this.#seed, `brokers ${way}`);
    this.#draws.set(way, draw);
    to.process.after(1 + Math.floor(draw() * TAKES_MS), "work", () => {
      if (!this.#isBroken(from, to.broker)) hear();
    });
  }
}

const linkOf = (a: number, b: number): string => `${Math.min(a, b)} ${Math.max(a, b)}`;
