/**
 * The plainest thing that goes by a membership: claims what its target names, gives back what it does not, tries again until it has it.
 * Stands in for the consuming half in tests of the membership.
 */
import { type Client, isCorralError, op } from "@corral/client";
import { claimCodec } from "../src/records.ts";
import type { Membership, Target } from "../src/membership.ts";
import { PATHS } from "./membership.ts";

/** Between tries at what another has still, virtual milliseconds. */
const RETRY_MS = 50;

export class Claimer {
  readonly #client: Client;
  readonly #member: Membership;
  /** By path, the czxid. */
  readonly held = new Map<string, number>();
  /** Never gives anything back. */
  isStuck = false;
  #target: Target | undefined;
  #isBusy = false;
  #isDirty = false;

  constructor(client: Client, member: Membership) {
    this.#client = client;
    this.#member = member;
    member.onLifeLost(() => {
      this.held.clear();
      this.#target = undefined;
    });
    void this.#follow();
  }

  async #follow(): Promise<void> {
    for await (const target of this.#member.targets()) {
      this.#target = target;
      this.#act();
    }
  }

  #act(): void {
    this.#isDirty = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    void this.#work().finally(() => (this.#isBusy = false));
  }

  async #work(): Promise<void> {
    while (this.#isDirty && !this.#member.signal.aborted) {
      this.#isDirty = false;
      const [target, life] = [this.#target, this.#member.guard];
      if (target === undefined || life === undefined) continue;
      const wanted = new Set(
        [...target.partitions].flatMap(([topic, numbers]) => numbers.map((number) => PATHS.claim(topic, number))),
      );
      try {
        if (!this.isStuck) await this.#giveBack(wanted);
        await this.#take(wanted, [life, target.guard]);
        if (this.held.size === wanted.size && this.#target === target) await this.#member.reached(target.epoch);
      } catch (error) {
        if (!isCorralError(error)) throw error;
        this.#later();
      }
    }
  }

  async #giveBack(wanted: ReadonlySet<string>): Promise<void> {
    for (const [path, czxid] of this.held) {
      if (wanted.has(path)) continue;
      await this.#client
        .delete(path, { ifMatch: { czxid }, missing: "ok", timeoutMs: Infinity })
        .catch((error: unknown) => {
          if (!isCorralError(error, "GUARD_FAILED")) throw error;
        });
      if (this.held.get(path) === czxid) this.held.delete(path);
    }
  }

  async #take(wanted: ReadonlySet<string>, guard: NonNullable<Membership["guard"]>[]): Promise<void> {
    const missing = [...wanted].filter((path) => !this.held.has(path));
    if (missing.length === 0) return;
    const life = this.#member.guard;
    const { member } = this.#member;
    const made = await this.#client.multiEach(
      missing.map((path) => op.create(path, { member }, { codec: claimCodec, lifetime: "ephemeral", parents: true })),
      { guard, timeoutMs: Infinity },
    );
    if (this.#member.guard !== life) return;
    for (const [at, result] of made.entries()) {
      if (result.ok) this.held.set(missing[at]!, result.value.stat.czxid);
      else if (!isCorralError(result.error, "NODE_EXISTS")) throw result.error as Error;
      else this.#later();
    }
  }

  #later(): void {
    this.#client.clock.setTimeout(() => {
      if (!this.#member.signal.aborted) this.#act();
    }, RETRY_MS);
  }

  getUnstuck(): void {
    this.isStuck = false;
    this.#act();
  }
}
