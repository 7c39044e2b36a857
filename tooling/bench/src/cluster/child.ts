/** A process that is spoken with by messages: one question at a time, answered by the next message of the kind asked for. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const ANSWER_MS_MAX = 180_000;

interface Told {
  readonly told: string;
}

export class Child<To extends object, From extends Told> {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #waiting: {
    readonly kind: string;
    readonly resolve: (message: From) => void;
    readonly reject: (error: Error) => void;
  }[] = [];

  /** `order`: its one argument. */
  constructor(name: string, module: string, order: object) {
    this.name = name;
    this.#process = fork(fileURLToPath(new URL(module, import.meta.url)), [JSON.stringify(order)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#process.on("message", (message) => {
      const from = message as From;
      if (from.told === "failed") return this.#fail(new Error(`${name}: ${(from as { readonly why?: string }).why}`));
      const at = this.#waiting.findIndex(({ kind }) => kind === from.told);
      if (at >= 0) this.#waiting.splice(at, 1)[0]!.resolve(from);
    });
    this.#process.once("exit", (code, signal) => this.#fail(new Error(`${name} ended with ${code ?? signal}`)));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** The next message of this kind. */
  told<K extends From["told"]>(kind: K): Promise<Extract<From, { readonly told: K }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.name} did not say '${kind}' for ${ANSWER_MS_MAX} ms`)),
        ANSWER_MS_MAX,
      );
      this.#waiting.push({
        kind,
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message as Extract<From, { readonly told: K }>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  ask<K extends From["told"]>(message: To, kind: K): Promise<Extract<From, { readonly told: K }>> {
    const answer = this.told(kind);
    this.#process.send(message);
    return answer;
  }

  tell(message: To): void {
    this.#process.send(message);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }
}
