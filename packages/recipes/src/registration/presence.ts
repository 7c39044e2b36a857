/** A registration as its owner sees it. */
import {
  type CallOptions,
  type Client,
  CorralError,
  type Deadline,
  type Guard,
  isCorralError,
  type StreamReader,
} from "@corral/client";
import type { Released } from "../hold/held.ts";
import { type LetGo, unseen } from "../hold/let-go.ts";
import { DISPOSE_TIMEOUT_MS } from "../hold/limits.ts";
import type { RegisterOptions, Registration, RegistrationState, RegistrationStatus } from "./api.ts";
import { closed } from "./endings.ts";
import { Keeping } from "./keeping.ts";
import { Standing } from "./standing.ts";
import { encoded, Value } from "./value.ts";

export class Presence<T> implements Registration<T> {
  readonly #client: Client;
  readonly #path: string;
  readonly #options: RegisterOptions<T>;
  readonly #value: Value;
  readonly #standing = new Standing();
  readonly #keeping: Keeping;
  readonly #running: Promise<LetGo>;
  /** Has somebody been told how it ended? */
  #isTold = false;

  constructor(client: Client, path: string, value: T, options: RegisterOptions<T>) {
    const { sequential = false, parents = false, acl, onConflict = "error", onDelete = "restore" } = options;
    const standing = this.#standing;
    this.#client = client;
    this.#path = path;
    this.#options = options;
    this.#value = new Value(encoded(options.codec, value, path, "register"));
    this.#keeping = new Keeping(client, {
      site: { path, lifetime: "ephemeral", sequential, parents, acl, onConflict },
      onDelete,
      value: this.#value,
      standing,
    });
    const stopListening = client.on("state", (state) => {
      if (state.name === "closed") standing.end("closed", closed(path, "the client is closed", state.cause));
    });
    standing.signal.addEventListener("abort", () => {
      stopListening();
      this.#value.end(standing.signal.reason as CorralError);
    });
    this.#running = this.#keeping.run();
    unseen(this.#running);
  }

  get path(): string {
    return this.#keeping.told?.path ?? this.#path;
  }

  get epoch(): number | undefined {
    return this.#keeping.present()?.czxid;
  }

  get guard(): Guard & { readonly czxid: number } {
    return { path: this.path, czxid: this.#keeping.told?.czxid ?? 0 };
  }

  get state(): RegistrationState {
    this.#keeping.present();
    return this.#standing.state;
  }

  get cause(): CorralError | undefined {
    this.#keeping.present();
    return this.#standing.cause;
  }

  get signal(): AbortSignal {
    return this.#standing.signal;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    return this.#keeping.present()?.session.validForMs ?? 0;
  }

  states(signal?: AbortSignal): StreamReader<RegistrationStatus> {
    return this.#standing.read(signal);
  }

  /** Resolves when it is registered for the first time. */
  begun(deadline: Deadline): Promise<void> {
    return this.#value.whenTaken(0, deadline);
  }

  async update(value: T, options?: CallOptions): Promise<void> {
    const op = "registration.update";
    const deadline = this.#client.deadline(op, options);
    deadline.check();
    const data = encoded(this.#options.codec, value, this.path, op);
    const life = this.#keeping.present();
    this.signal.throwIfAborted();
    const given = this.#value.give(data);
    if (life !== undefined) {
      // In the order of the calls, as no other step comes first.
      const came = await this.#value.write(this.#client, life, given, deadline);
      if (came === "taken") return;
      if (came === "deleted") this.#keeping.deleted(life);
      this.signal.throwIfAborted();
    }
    try {
      await this.#value.whenTaken(given.revision, deadline);
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT", "ABORTED")) throw error;
      const { cause } = this.#standing;
      throw new CorralError(error.code, { op, detail: { path: this.path }, outcome: "unknown", cause });
    }
  }

  async unregister(options?: CallOptions): Promise<Released> {
    this.abandon();
    const wasTold = this.#isTold;
    try {
      const outcome = await this.#client.deadline("unregister", options).race(this.#running);
      this.#isTold = true;
      return wasTold ? "was-gone" : outcome;
    } catch (error) {
      if (isCorralError(error, "TIMEOUT", "ABORTED")) return "will-be-released";
      throw error;
    }
  }

  /** As `unregister`, for whoever does not wait for it. */
  abandon(): void {
    this.#standing.end("closed", closed(this.path, "it was unregistered", undefined));
    this.#standing.givenUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unregister({ timeoutMs: DISPOSE_TIMEOUT_MS });
  }
}
