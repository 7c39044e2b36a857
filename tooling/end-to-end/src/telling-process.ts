/**
 * A process that tells its parent what happens to it, by messages with a `told`: they are kept in their order, and can be waited for, those
 * of before too. Owns the process: `endTellers` leaves none behind.
 */
import { type ChildProcess, fork } from "node:child_process";

const WAIT_MS_MAX = 60_000;
/** Of those told, in the error when what is waited for does not come. */
const LAST_SHOWN = 5;

interface Told {
  readonly told: string;
}

const running = new Set<ChildProcess>();

export class TellingProcess<To extends object, From extends Told> {
  readonly events: From[] = [];
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #looking = new Set<() => void>();

  /** `order`: its one argument. `answers`: takes what is not to be kept; true for what it took. */
  constructor(name: string, main: string, order: object, answers: (event: From) => boolean = () => false) {
    this.#name = name;
    this.#child = fork(main, [JSON.stringify(order)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    running.add(this.#child);
    this.#child.on("message", (message) => {
      if (answers(message as From)) return;
      this.events.push(message as From);
      for (const look of [...this.#looking]) look();
    });
    this.ended = new Promise((resolve) => {
      this.#child.once("close", () => {
        running.delete(this.#child);
        resolve();
      });
    });
  }

  of<K extends From["told"]>(kind: K): Extract<From, { readonly told: K }>[] {
    return this.events.filter((event): event is Extract<From, { readonly told: K }> => event.told === kind);
  }

  /** The first event of this kind that passes, of those told and those to come. */
  until<K extends From["told"]>(
    kind: K,
    passes: (event: Extract<From, { readonly told: K }>) => boolean = () => true,
  ): Promise<Extract<From, { readonly told: K }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#looking.delete(look);
        const last = JSON.stringify(this.events.slice(-LAST_SHOWN));
        reject(new Error(`${this.#name} told of no such '${kind}' within ${WAIT_MS_MAX} ms; last: ${last}`));
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

  tell(message: To): void {
    // It may have been killed meanwhile: then nobody is there to be told.
    if (this.#child.connected) this.#child.send(message, () => {});
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
export async function endTellers(): Promise<void> {
  await Promise.all(
    [...running].map((child) => {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      return closed;
    }),
  );
}
