/**
 * Members of one group as processes, and the sink that they write to. The sink keeps, of each partition, the greatest token and the offset
 * that comes next: what it applies is what has happened to the world outside.
 */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { FromMember, MemberOrder, ToMember, Verdict } from "./words.ts";

const MAIN = path.join(import.meta.dirname, "../../dist/groups/member-process.js");
const WAIT_MS_MAX = 60_000;
const running = new Set<ChildProcess>();

export class Sink {
  readonly #partitions = new Map<number, { token: number; next: number }>();
  /** Effects that would have happened a second time, or out of order, but for the offset; and those of stale tokens. */
  known = 0;
  fenced = 0;
  /** Without the look at the token: what a sink that trusts everybody would do. */
  readonly #trusts: boolean;
  readonly applied: Map<string, number> = new Map();
  gaps = 0;

  constructor(trusts = false) {
    this.#trusts = trusts;
  }

  take(partition: number, offset: number, token: number): Verdict {
    const kept = this.#partitions.get(partition) ?? { token: 0, next: 0 };
    this.#partitions.set(partition, kept);
    if (!this.#trusts) {
      if (token < kept.token) {
        this.fenced++;
        return "fenced";
      }
      if (offset < kept.next) {
        kept.token = token;
        this.known++;
        return "known";
      }
    }
    if (offset > kept.next) this.gaps++;
    kept.token = Math.max(kept.token, token);
    kept.next = Math.max(kept.next, offset + 1);
    const name = `${partition}-${offset}`;
    this.applied.set(name, (this.applied.get(name) ?? 0) + 1);
    return "applied";
  }

  get doubles(): number {
    return [...this.applied.values()].filter((times) => times > 1).length;
  }
}

export class Member {
  readonly events: FromMember[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #looking = new Set<() => void>();
  #serial = 0;

  constructor(order: MemberOrder, sink: Sink) {
    this.#child = fork(MAIN, [JSON.stringify(order)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    running.add(this.#child);
    this.#child.on("message", (message) => {
      const event = message as FromMember;
      if (event.told === "effect") {
        const verdict = sink.take(event.partition, event.offset, event.token);
        this.#tell({ answer: event.serial, verdict });
        return;
      }
      this.events.push(event);
      for (const look of [...this.#looking]) look();
    });
    this.ended = new Promise((resolve) => {
      this.#child.once("close", () => {
        running.delete(this.#child);
        resolve();
      });
    });
  }

  #tell(message: ToMember): void {
    // It may have been killed meanwhile: then nobody waits for it.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #until<K extends FromMember["told"]>(
    kind: K,
    passes: (event: Extract<FromMember, { readonly told: K }>) => boolean,
  ): Promise<Extract<FromMember, { readonly told: K }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new Error(
            `a member did not say '${kind}' within ${WAIT_MS_MAX} ms; last: ${JSON.stringify(this.events.slice(-3))}`,
          ),
        );
      }, WAIT_MS_MAX);
      const look = (): void => {
        const found = this.events.find(
          (event): event is Extract<FromMember, { readonly told: K }> =>
            event.told === kind && passes(event as Extract<FromMember, { readonly told: K }>),
        );
        if (found === undefined) return;
        clearTimeout(timer);
        this.#looking.delete(look);
        resolve(found);
      };
      this.#looking.add(look);
      look();
    });
  }

  async started(): Promise<string> {
    return (await this.#until("started", () => true)).member;
  }

  async size(): Promise<{ readonly claimed: number; readonly state: string }> {
    const serial = ++this.#serial;
    this.#tell({ ask: "sizes", serial });
    return this.#until("sizes", (event) => event.serial === serial);
  }

  async close(temporarily = false): Promise<void> {
    this.#tell({ ask: "close", temporarily });
    await this.ended;
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/** For afterEach: whatever a failed test left. */
export async function endMembers(): Promise<void> {
  await Promise.all(
    [...running].map((child) => {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      return closed;
    }),
  );
}
