/**
 * Tells the states of a client: to listeners at once, to iterators through a short queue. A listener that throws changes
 * nothing but the log.
 */
import { Stream, type StreamReader } from "../stream.ts";
import { STATES_MAX } from "../limits.ts";
import type { ClientState } from "./state.ts";

export class StateStream {
  readonly #listeners = new Set<(state: ClientState) => void>();
  readonly #readers = new Set<Stream<ClientState>>();
  readonly #uncaught: (error: unknown) => void;

  constructor(uncaught: (error: unknown) => void) {
    this.#uncaught = uncaught;
  }

  publish(state: ClientState): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        this.#uncaught(error);
      }
    }
    for (const reader of this.#readers) {
      if (reader.size >= STATES_MAX) reader.dropOldest();
      reader.push(state);
      if (state.name !== "closed") continue;
      reader.end();
      this.#readers.delete(reader);
    }
  }

  on(listener: (state: ClientState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Begins with the present state; ends after `closed`. */
  read(present: ClientState): StreamReader<ClientState> {
    const stream = new Stream<ClientState>({ left: () => this.#readers.delete(stream) });
    stream.push(present);
    if (present.name === "closed") stream.end();
    else this.#readers.add(stream);
    return stream;
  }
}
