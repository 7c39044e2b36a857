/**
 * Bad things one after the other, many at once, as a seed decides; then everything heals and everybody comes back.
 *
 * Owns the faults and the passing of time. The work that goes on meanwhile, and what must be true of it, is the test's.
 */
import type { Client, SessionInfo } from "@corral/client";
import type { TestServer } from "./test-server.ts";
import { between, type Draw, drawFrom, oneOf } from "./world/draw.ts";

/** `drop request` and `drop reply` strike whoever asks next, of all clients of the server; the others only the clients given. */
export type ChaosFault =
  | "cut"
  | "cut all"
  | "partition"
  | "partition all"
  | "one-way partition"
  | "expire"
  | "stall"
  | "server stall"
  | "sleep"
  | "clock forward"
  | "clock back"
  | "drop request"
  | "drop reply"
  | "restart"
  | "crash";

const CHAOS_FAULTS: readonly ChaosFault[] = [
  "cut",
  "cut all",
  "partition",
  "partition all",
  "one-way partition",
  "expire",
  "stall",
  "server stall",
  "sleep",
  "clock forward",
  "clock back",
  "drop request",
  "drop reply",
  "restart",
  "crash",
];

/** Under these, who is `isValid` holds: nobody takes anything away on purpose. What is common is named twice. */
export const LEASE_FAULTS: readonly ChaosFault[] = [
  "cut",
  "cut",
  "cut all",
  "partition",
  "partition",
  "partition all",
  "one-way partition",
  "stall",
  "stall",
  "server stall",
  "sleep",
  "clock forward",
  "clock back",
  "drop request",
  "drop reply",
  "drop reply",
  "restart",
];

export interface ChaosOptions {
  /** For `crash` to lose anything, one with `log: "file"`. */
  readonly server: TestServer;
  /** Those that it may strike. */
  readonly clients: readonly Client[];
  readonly seed: number;
  /** In each something strikes, and then time passes: mostly some milliseconds, sometimes seconds. */
  readonly steps: number;
  /** Those it draws from, uniformly; one that is named twice is drawn twice as often. Default: all. */
  readonly faults?: readonly ChaosFault[] | undefined;
  /** The longest that anything lasts, milliseconds. Default 20,000. */
  readonly longMs?: number | undefined;
  /** After each step. Whatever it waits for must come without the clock being moved. */
  readonly between?: ((chaos: ChaosNow) => void | Promise<void>) | undefined;
  /** Every 20 ms of virtual time, also while everything heals: throws if something is not as it must always be. */
  readonly always?: ((chaos: ChaosNow) => void) | undefined;
}

/** What is going on. */
export interface ChaosNow {
  readonly step: number;
  /** Does this client's process stand still? Then nothing in it can look at anything, and what it held when it last ran tells nothing. */
  readonly isStalled: (client: Client) => boolean;
  /**
   * Was the server told to end this client's session early, and the client has not heard of it? That is an order, which no lease can know
   * of before it is told; what it guards is safe by the guard and the token only.
   */
  readonly isOverruled: (client: Client) => boolean;
  /** What has struck so far, with the times of it. */
  readonly struck: readonly string[];
}

/** `always` is called so often, milliseconds. */
const SLICE_MS = 20;
const LONG_MS = 20_000;
/** Virtual milliseconds until all clients must be back, once everything is healed. */
const BACK_WITHIN_MS = 120_000;
/** Faults shown with a failure. */
const SHOWN_MAX = 20;

/** Resolves when all is healed, and all clients are back that were not closed. Rejects with what went wrong, and with the seed. */
export async function chaos(options: ChaosOptions): Promise<ChaosNow> {
  const going = new Chaos(options);
  try {
    await going.run();
  } catch (error) {
    const shown = going.struck.slice(-SHOWN_MAX).join("; ");
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`chaos of seed ${options.seed}, in step ${going.step}, after ${shown}: ${message}`, {
      cause: error,
    });
  }
  return going;
}

interface Lasting {
  readonly until: number;
  readonly end: () => void;
}

class Chaos implements ChaosNow {
  step = 0;
  readonly struck: string[] = [];
  readonly #options: ChaosOptions;
  readonly #draw: Draw;
  readonly #server: TestServer;
  #lasting: Lasting[] = [];
  readonly #stalledUntil = new Map<Client, number>();
  /** Sessions that the server was told to end. */
  readonly #overruled = new Set<SessionInfo>();
  /** Which clock of a client lies: with both of them, nobody could know how much time has passed. */
  readonly #liar = new Map<Client, "monotonic" | "wall">();
  #isDown = false;
  /** Why the server did not come back. */
  #broken: Error | undefined;

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#server = options.server;
    this.#draw = drawFrom(options.seed, "chaos of recipes");
  }

  readonly isStalled = (client: Client): boolean =>
    (this.#stalledUntil.get(client) ?? Number.NEGATIVE_INFINITY) > this.#server.clock.now;

  readonly isOverruled = ({ session }: Client): boolean =>
    session !== undefined && !session.signal.aborted && this.#overruled.has(session);

  async run(): Promise<void> {
    const { steps, faults = CHAOS_FAULTS, between: after } = this.#options;
    for (this.step = 1; this.step <= steps; this.step++) {
      this.#strike(oneOf(this.#draw, faults));
      await this.#pass(this.#pause());
      await after?.(this);
    }
    await this.#heal();
  }

  #pause(): number {
    const draw = this.#draw;
    return oneOf(draw, [0, between(draw, 1, 50), between(draw, 50, 500), between(draw, 500, 5_000)]);
  }

  async #pass(ms: number): Promise<void> {
    const { clock } = this.#server;
    for (let left = ms; ; left -= SLICE_MS) {
      await clock.advance(Math.max(0, Math.min(SLICE_MS, left)));
      if (this.#broken !== undefined) throw this.#broken;
      this.#options.always?.(this);
      this.#end(clock.now);
      if (left <= SLICE_MS) return;
    }
  }

  #end(now: number): void {
    const over = this.#lasting.filter(({ until }) => until <= now);
    this.#lasting = this.#lasting.filter(({ until }) => until > now);
    for (const { end } of over) end();
  }

  async #heal(): Promise<void> {
    const { server, clients } = this.#options;
    this.#end(Number.POSITIVE_INFINITY);
    const until = server.clock.now + BACK_WITHIN_MS;
    const areBack = (): boolean =>
      !this.#isDown &&
      clients.every((client) => ["connected", "closed"].includes(client.state.name) && !this.isStalled(client));
    while (!areBack()) {
      if (server.clock.now > until)
        throw new Error(`clients that do not come back: ${clients.map(({ state }) => state.name).join(", ")}`);
      await this.#pass(100);
    }
  }

  #strike(fault: ChaosFault): void {
    const { server, clients, longMs = LONG_MS } = this.#options;
    const { faults } = server;
    const draw = this.#draw;
    const who = Math.floor(draw() * clients.length);
    const client = clients[who]!;
    const ms = oneOf(draw, [between(draw, 1, 100), between(draw, 100, 2_000), between(draw, 1, longMs)]);
    // Drawn in any case, so that what is left out does not change what follows.
    const nth = between(draw, 1, 6);
    const way = oneOf(draw, ["to-server", "from-server"] as const);
    const isDown = this.#isDown;
    const note = (what: string): number => this.struck.push(`${fault} ${what}at ${server.clock.now}`);
    const noteClient = (forMs?: number): number =>
      note(`of client ${who} ${forMs === undefined ? "" : `for ${forMs} ms `}`);
    const lasts = (end: () => void): void => void this.#lasting.push({ until: server.clock.now + ms, end });
    switch (fault) {
      case "cut":
        noteClient();
        return faults.cut(client);
      case "cut all":
        note("");
        return faults.cut("all");
      case "partition":
      case "one-way partition": {
        noteClient(ms);
        const partition = faults.partition(client, fault === "partition" ? {} : { oneWay: way });
        return lasts(() => partition.end());
      }
      case "partition all": {
        note(`for ${ms} ms `);
        const partition = faults.partition("all");
        return lasts(() => partition.end());
      }
      case "expire":
        if (isDown || client.session === undefined) return;
        noteClient();
        this.#overruled.add(client.session);
        // Its session may have ended at the server already.
        faults.expire(client).catch(() => note("in vain "));
        return;
      case "stall":
        noteClient(ms);
        this.#standsStill(client, ms);
        return faults.stallClient(client, ms);
      case "sleep":
        if (this.#liar.get(client) === "wall") return;
        this.#liar.set(client, "monotonic");
        noteClient(ms);
        this.#standsStill(client, ms);
        return faults.sleepClient(client, ms);
      case "clock forward":
        noteClient(ms);
        return faults.jumpClock(client, ms);
      case "clock back":
        if (this.#liar.get(client) === "monotonic") return;
        this.#liar.set(client, "wall");
        noteClient(ms);
        return faults.jumpClock(client, -ms);
      case "server stall":
        if (isDown) return;
        note(`for ${ms} ms `);
        return faults.stall(ms);
      case "drop request":
      case "drop reply": {
        note(`number ${nth} `);
        const drop = fault === "drop reply" ? faults.dropReply({ nth }) : faults.dropRequest({ nth });
        return lasts(() => drop.end());
      }
      case "restart":
      case "crash":
        if (isDown) return;
        note(`for ${ms} ms `);
        return this.#restart(fault === "crash", ms);
    }
  }

  #standsStill(client: Client, ms: number): void {
    const { now } = this.#server.clock;
    this.#stalledUntil.set(client, Math.max(this.#stalledUntil.get(client) ?? 0, now + ms));
  }

  #restart(crash: boolean, downMs: number): void {
    this.#isDown = true;
    this.#server.faults.restart({ crash, downMs }).then(
      () => (this.#isDown = false),
      (error: Error) => (this.#broken = error),
    );
  }
}

/** What can be held, as far as this is concerned. */
interface Valid {
  readonly isValid: boolean;
  readonly token: number;
}

/** Who believes to hold. At no time may more than `limit` be right in that. */
export interface ValidHolders {
  /** To be called with everything that any client comes to hold. With a limit of one, tokens must grow. */
  readonly add: (client: Client, held: Valid) => void;
  /** For `always`: throws if too many hold. */
  readonly check: (chaos: Pick<ChaosNow, "isStalled"> & Partial<Pick<ChaosNow, "isOverruled">>) => void;
  /** How many have held. A test in which nobody did proves nothing. */
  readonly count: number;
  /** The most that held at a time. */
  readonly most: number;
}

export function validHolders(limit: number): ValidHolders {
  let held: { readonly client: Client; readonly held: Valid }[] = [];
  let [count, most, lastToken] = [0, 0, 0];
  return {
    add(client, one) {
      if (limit === 1 && one.token <= lastToken) throw new Error(`token ${one.token} after ${lastToken}`);
      lastToken = Math.max(lastToken, one.token);
      count++;
      held.push({ client, held: one });
    },
    check({ isStalled, isOverruled = () => false }) {
      // Once it is not valid, it never is again; of one that stands still nobody can say.
      held = held.filter(({ client, held: one }) => isStalled(client) || one.isValid);
      const valid = held.filter(({ client }) => !isStalled(client) && !isOverruled(client));
      most = Math.max(most, valid.length);
      if (valid.length <= limit) return;
      throw new Error(
        `${valid.length} hold, at most ${limit} may: ${valid.map(({ held: { token } }) => token).join(", ")}`,
      );
    },
    get count() {
      return count;
    },
    get most() {
      return most;
    },
  };
}
