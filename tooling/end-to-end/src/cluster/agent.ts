/** A broker as a process of its own, seen from the test that started it. Owns the process: `endAgents` leaves none behind. */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { AgentEvent, AgentOrder, ToAgent } from "./words.ts";

const WAIT_MS_MAX = 60_000;
/** As built, also when this file is not. */
const MAIN = path.join(import.meta.dirname, "../../dist/cluster/agent-process.js");

const running = new Set<ChildProcess>();

export type Told<K extends AgentEvent["told"]> = Extract<AgentEvent, { readonly told: K }>;

export class Agent {
  readonly id: number;
  readonly events: AgentEvent[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #looking = new Set<() => void>();
  #serial = 0;

  constructor(order: Partial<AgentOrder> & Pick<AgentOrder, "url" | "cluster" | "id">) {
    this.id = order.id;
    const whole: AgentOrder = {
      sessionTimeoutMs: 1_000,
      canBeController: false,
      startAs: "active",
      areFollowersComplete: false,
      dieAtWrite: 0,
      dieWhen: "before",
      ...order,
    };
    this.#child = fork(MAIN, [JSON.stringify(whole)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    running.add(this.#child);
    this.#child.on("message", (event) => {
      this.events.push(event as AgentEvent);
      for (const look of [...this.#looking]) look();
    });
    this.ended = new Promise((resolve) => {
      this.#child.once("close", () => {
        running.delete(this.#child);
        resolve();
      });
    });
  }

  of<K extends AgentEvent["told"]>(kind: K): Told<K>[] {
    return this.events.filter((event): event is Told<K> => event.told === kind);
  }

  /** The first event of this kind that passes, of those told and those to come. */
  until<K extends AgentEvent["told"]>(kind: K, passes: (event: Told<K>) => boolean = () => true): Promise<Told<K>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#looking.delete(look);
        const last = JSON.stringify(this.events.slice(-5));
        reject(new Error(`broker ${this.id} was told no such '${kind}' within ${WAIT_MS_MAX} ms; last: ${last}`));
      }, WAIT_MS_MAX);
      const look = (): void => {
        const found = this.of(kind).find(passes);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#looking.delete(look);
        resolve(found);
      };
      this.#looking.add(look);
      look();
    });
  }

  tell(message: ToAgent): void {
    // It may have been killed meanwhile: then nobody is there to be told.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  async state(): Promise<Told<"state">> {
    const serial = ++this.#serial;
    this.tell({ ask: "state", serial });
    return this.until("state", (event) => event.serial === serial);
  }

  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/** For afterEach: whatever a failed test left. */
export async function endAgents(): Promise<void> {
  await Promise.all(
    [...running].map((child) => {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      return closed;
    }),
  );
}
