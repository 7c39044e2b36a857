/** Bad things, one after the other, as the seed decides; and the end of all of them. */
import { diskError } from "@corral/log/testing";
import {
  between,
  type Draw,
  drawFrom,
  type Host,
  isReply,
  type Network,
  oneOf,
  type Process,
} from "@corral/testing/world";
import type { Inhabitants } from "./inhabitants.ts";
import type { FaultKind, Plan } from "./plan.ts";

export interface ChaosWorld {
  readonly plan: Plan;
  readonly host: Host;
  readonly network: Network;
  readonly inhabitants: Inhabitants;
  /** A process that nothing happens to. */
  readonly fate: Process;
  readonly note: (what: string) => void;
  readonly sometimes: (mark: string) => void;
  /** Takes the server away and brings it back after a while. */
  readonly restart: (how: "power" | "process" | "stop", downMs: number) => void;
}

export class Chaos {
  readonly #world: ChaosWorld;
  #strikes = 0;
  readonly #ends = new Set<() => void>();
  #isOver = false;

  constructor(world: ChaosWorld) {
    this.#world = world;
  }

  begin(): void {
    const { fate, plan } = this.#world;
    // Each strike draws for itself: without one of them the others are the same.
    const name = `strike ${++this.#strikes}`;
    const draw = drawFrom(plan.seed, name);
    fate.after(draw() * plan.faultPauseMs, "timer", () => {
      if (this.#isOver) return;
      const kind = oneOf(draw, plan.faults);
      if (plan.mayAct(name) && plan.mayAct(kind)) {
        this.#world.note(`fault ${kind}`);
        this.#strike(kind, draw);
      }
      this.begin();
    });
  }

  /** Everything works again. */
  end(): void {
    this.#isOver = true;
    for (const end of this.#ends) end();
    this.#world.network.heal();
    this.#world.host.disk.capacity = Number.POSITIVE_INFINITY;
  }

  /** Ends after so long. */
  #lasting(ms: number, end: () => void): void {
    const once = (): void => {
      if (this.#ends.delete(once)) end();
    };
    this.#ends.add(once);
    this.#world.fate.after(ms, "timer", once);
  }

  #strike(kind: FaultKind, draw: Draw): void {
    const { host, network, inhabitants, fate, sometimes, restart } = this.#world;
    const inhabitant = oneOf(draw, inhabitants.all);
    const { name: client, process } = inhabitant;
    const short = between(draw, 10, 400);
    const long = between(draw, 100, 12_000);
    switch (kind) {
      case "cut":
      case "cut-all":
        for (const link of network.linksOf(kind === "cut" ? client : "all")) link.cut();
        return;
      case "partition":
      case "partition-all": {
        const who = kind === "partition" ? client : "all";
        const ways = oneOf(draw, [["to-server"], ["from-server"], ["to-server", "from-server"]] as const);
        for (const way of ways) this.#lasting(long, network.block(who, way));
        return;
      }
      case "drop-reply":
        return this.#lasting(
          long,
          network.observe((frame) =>
            frame.kind === "messages" && frame.messages.some(isReply) && draw() < 0.3 ? "lost" : undefined,
          ),
        );
      case "drop-request":
        return this.#lasting(
          short,
          network.observe((frame) => (frame.kind === "requests" && draw() < 0.3 ? "lost" : undefined)),
        );
      case "delay-reply":
        return this.#lasting(
          long,
          network.observe((frame) => (frame.from === "server" && draw() < 0.1 ? { delayMs: short } : undefined)),
        );
      case "stall-server":
        if (host.isRunning) host.process.stall(oneOf(draw, [short, short, between(draw, 400, 6_000)]));
        return;
      case "stall-client":
        return process.stall(oneOf(draw, [short, long]));
      case "kill-client":
        sometimes("a program was killed and came back");
        return inhabitants.kill(inhabitant, oneOf(draw, [0, short, long]), fate);
      case "sleep-client":
        return process.sleep(long);
      case "jump-client":
        return process.jumpWall(oneOf(draw, [-3_600_000, -long, short, long]));
      case "jump-server":
        if (host.isRunning) host.process.jumpWall(oneOf(draw, [-3_600_000, -long, short, 3_600_000]));
        return;
      case "expire": {
        const sessions = host.isRunning ? Array.from(host.server.state.sessions.values(), ({ id }) => id) : [];
        if (sessions.length > 0) host.server.expireSession(oneOf(draw, sessions));
        return;
      }
      case "power-failure":
        return restart("power", oneOf(draw, [0, short, long]));
      case "kill":
        return restart("process", oneOf(draw, [0, short, long]));
      case "restart":
        return restart("stop", oneOf(draw, [0, short]));
      case "disk-full": {
        const used = host.disk.names().reduce((sum, name) => sum + host.disk.contents(name).length, 0);
        host.disk.capacity = used + between(draw, 0, 60_000);
        return this.#lasting(long, () => {
          host.disk.capacity = Number.POSITIVE_INFINITY;
        });
      }
      case "disk-error": {
        const wanted = oneOf(draw, ["write", "sync", "syncDirectory", "create", "rename"] as const);
        const end = host.diskFault((operation, name) => {
          if (operation !== wanted) return;
          end();
          throw diskError("EIO", `${operation} ${name}`);
        });
        return this.#lasting(short, end);
      }
      case "forget-history":
        if (host.isRunning) host.server.state.history.forgetUpTo(host.server.state.zxid);
        return;
      case "checkpoint":
        if (host.isRunning) void host.server.checkpoint();
    }
  }
}
