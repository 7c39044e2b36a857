/**
 * A member under one name, from its registration to the end of that: it lives once in each session, and it is over when its znode is deleted or
 * is another's.
 *
 * Owns the registration, the subscription to its own target, and the candidacy. A life is told of when everything about it is settled, and nothing
 * of it is told after its loss.
 */
import { type Client, CorralError, type Deadline, type Guard, isCorralError } from "@corral/client";
import { type Cache, cache, register, type Registration, type RegistrationStatus } from "@corral/recipes";
import { pause, unseen } from "@corral/recipes/authoring";
import { type MemberRecord, memberCodec, targetCodec, type TargetRecord } from "../records.ts";
import type { Target } from "./api.ts";
import { Candidacy } from "./candidacy.ts";
import { checkRoom, leaveForAWhile, releaseForeign, tellIn } from "./entering.ts";
import type { Settings } from "./options.ts";
import { targetOf } from "./target.ts";

export interface Hooks {
  /** A life has begun. */
  began(): void;
  /** It is over. Never twice for one life. */
  lost(why: CorralError): void;
  target(target: Target): void;
}

type LifeGuard = Guard & { readonly czxid: number };

export class Incarnation {
  readonly member: string;
  readonly #client: Client;
  readonly #settings: Settings;
  readonly #hooks: Hooks;
  readonly #path: string;
  readonly #base: MemberRecord;
  /** Aborted when nothing is to be begun any more. */
  readonly #over = new AbortController();
  readonly #deadline: Deadline;
  /** Of the process before, which may not know yet that it is over. */
  #mustClear: boolean;
  #registration: Registration<MemberRecord> | undefined;
  #targets: Cache<TargetRecord> | undefined;
  #candidacy: Candidacy | undefined;
  #life: LifeGuard | undefined;
  /** What was told in this life. */
  #told: Target | undefined;
  #isLeaving = false;

  /** `mayTakeOver`: only when it joins; who is taken over does not fight back. */
  constructor(client: Client, settings: Settings, member: string, mayTakeOver: boolean, hooks: Hooks) {
    this.member = member;
    this.#client = client;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#path = settings.paths.member(member);
    this.#mustClear = mayTakeOver && settings.takesOver;
    this.#deadline = client.deadline("group member", { signal: this.#over.signal, timeoutMs: Infinity });
    const { subscription, assignors, rack, instance, clientId, rebalanceTimeoutMs } = settings;
    this.#base = {
      subscription,
      assignors: assignors.map(({ name }) => name),
      rack,
      instance: instance ?? null,
      clientId,
      rebalanceTimeoutMs,
      memberEpoch: 0,
      sinceMs: client.clock.wallMs(),
    };
  }

  /** Of its present life. */
  get guard(): Guard | undefined {
    return this.#life;
  }

  get validForMs(): number {
    const [life, registration] = [this.#life, this.#registration];
    // It looks at the clocks first, and may find that the life is over.
    const validForMs = registration?.validForMs ?? 0;
    return life !== undefined && registration?.epoch === life.czxid ? validForMs : 0;
  }

  get isLeader(): boolean {
    return this.#candidacy?.isLeader ?? false;
  }

  /** Resolves with why it is over. Rejects when it cannot be a member at all; then it leaves nothing behind. */
  async run(): Promise<CorralError> {
    const registration = await register(this.#client, this.#path, this.#base, {
      codec: memberCodec,
      onConflict: this.#mustClear ? "take-over" : "error",
      onDelete: "conflict",
      parents: true,
      signal: this.#over.signal,
      timeoutMs: Infinity,
    });
    this.#registration = registration;
    try {
      for await (const status of registration.states()) await this.#take(status);
    } catch (error) {
      await registration.unregister({ timeoutMs: Infinity });
      throw error;
    } finally {
      this.#lose(registration.cause);
      // One that leaves has something to conclude first.
      if (!this.#isLeaving) this.#stop();
    }
    return registration.signal.reason as CorralError;
  }

  async #take({ epoch, cause }: RegistrationStatus): Promise<void> {
    if (this.#life !== undefined && this.#life.czxid !== epoch) this.#lose(cause);
    if (epoch === undefined || this.#life !== undefined || this.#over.signal.aborted) return;
    const life = { path: this.#path, czxid: epoch };
    if ((await this.#settle(life)) && this.#registration?.epoch === epoch) this.#live(life);
  }

  /** False if the life is over before; the next status tells of that. */
  async #settle(life: LifeGuard): Promise<boolean> {
    const [client, settings, deadline] = [this.#client, this.#settings, this.#deadline];
    const { instance } = settings;
    for (let tries = 1; ; tries++) {
      try {
        await checkRoom(client, settings, this.#path, deadline);
        if (instance !== undefined) await tellIn(client, settings, instance, life, deadline);
        if (instance !== undefined && this.#mustClear) await releaseForeign(client, settings, instance, life, deadline);
        this.#mustClear = false;
        this.#targets ??= await this.#openTargets();
        return true;
      } catch (error) {
        if (this.#over.signal.aborted) return false;
        const isLifeOver = isCorralError(error, "GUARD_FAILED") && error.path === life.path;
        if (isLifeOver || isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "CLOSED")) return false;
        if (!isCorralError(error) || !error.retryable) throw error;
      }
      await pause(client, deadline, tries).catch(() => undefined);
    }
  }

  async #openTargets(): Promise<Cache<TargetRecord>> {
    const targets = await cache(this.#client, this.#settings.paths.target(this.member), {
      scope: "node",
      codec: targetCodec,
      signal: this.#over.signal,
      timeoutMs: Infinity,
    });
    targets.on(() => this.#tellTarget());
    return targets;
  }

  #live(life: LifeGuard): void {
    this.#life = life;
    this.#hooks.began();
    this.#tellTarget();
    if (this.#candidacy !== undefined) return;
    this.#candidacy = new Candidacy(this.#client, this.#settings, this.member);
    this.#candidacy.running.catch(this.#settings.onLeaderError);
  }

  #lose(cause: CorralError | undefined): void {
    if (this.#life === undefined) return;
    this.#life = undefined;
    this.#told = undefined;
    // The next life begins as one that has reached nothing; unless there is none.
    if (this.#registration?.state === "missing") unseen(this.#registration.update(this.#base, { timeoutMs: Infinity }));
    this.#hooks.lost(cause ?? left(this.#path));
  }

  /** In a life, what the target is then and whatever it becomes; nothing before there is one. */
  #tellTarget(): void {
    if (this.#life === undefined || this.#targets === undefined || this.#over.signal.aborted) return;
    const path = this.#settings.paths.target(this.member);
    const target = targetOf(path, this.#targets.get(path), this.#told);
    if (target === undefined) return;
    this.#told = target;
    this.#hooks.target(target);
  }

  /** Says how far it has come. Whether that is heard before the life is over does not matter. */
  async reached(memberEpoch: number): Promise<void> {
    if (this.#life === undefined || this.#registration === undefined) return;
    try {
      await this.#registration.update(
        { ...this.#base, memberEpoch },
        { timeoutMs: Infinity, signal: this.#over.signal },
      );
    } catch (error) {
      if (!this.#over.signal.aborted && !this.#registration.signal.aborted) throw error;
    }
  }

  /** Here at once, and then on the server. Rejects with `TIMEOUT`, and what is left is done as soon as the server can be reached. */
  async leave(temporarily: boolean, deadline: Deadline): Promise<void> {
    const { instance } = this.#settings;
    const [life, registration] = [this.#life, this.#registration];
    this.#isLeaving = true;
    this.#over.abort();
    this.#lose(left(this.#path));
    try {
      if (registration !== undefined) {
        if (temporarily && instance !== undefined && life !== undefined)
          await this.#leaveForAWhile(instance, life, deadline);
        await deadline.race(registration.unregister(deadline.rest()));
        if (!temporarily && instance !== undefined)
          await this.#client.delete(this.#settings.paths.instance(instance), { ...deadline.rest(), missing: "ok" });
      }
      if (this.#candidacy !== undefined) await deadline.race(this.#candidacy.conclude());
    } finally {
      if (registration !== undefined) unseen(registration.unregister());
      this.#stop();
    }
    if (this.#candidacy !== undefined) await deadline.race(this.#candidacy.stop());
  }

  async #leaveForAWhile(instance: string, life: LifeGuard, deadline: Deadline): Promise<void> {
    try {
      await leaveForAWhile(this.#client, this.#settings, instance, life, deadline);
    } catch (error) {
      // The life was over before, and with it what there was to keep.
      if (!isCorralError(error, "GUARD_FAILED", "NO_NODE", "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "CLOSED")) throw error;
    }
  }

  #stop(): void {
    this.#over.abort();
    if (this.#targets !== undefined) unseen(this.#targets.close());
    if (this.#candidacy !== undefined) unseen(this.#candidacy.stop());
  }
}

function left(path: string): CorralError {
  return new CorralError("CLOSED", {
    op: "group member",
    detail: { path },
    outcome: "no",
    means: "it has left the group",
  });
}
