/**
 * Who must know when a signal aborts. One listener a signal, however many calls share it: a signal that lives as long as
 * the program must not gather listeners.
 */
export class AbortRegistry {
  readonly #signals = new Map<AbortSignal, { readonly waiters: Set<() => void>; readonly listener: () => void }>();

  /** Calls `onAbort` once if the signal aborts, unless the function returned is called before. */
  add(signal: AbortSignal, onAbort: () => void): () => void {
    let entry = this.#signals.get(signal);
    if (entry === undefined) {
      const waiters = new Set<() => void>();
      const listener = (): void => {
        this.#signals.delete(signal);
        for (const waiter of waiters) waiter();
      };
      entry = { waiters, listener };
      this.#signals.set(signal, entry);
      signal.addEventListener("abort", listener, { once: true });
    }
    const { waiters, listener } = entry;
    waiters.add(onAbort);
    return () => {
      waiters.delete(onAbort);
      if (waiters.size === 0 && this.#signals.get(signal)?.waiters === waiters) {
        this.#signals.delete(signal);
        signal.removeEventListener("abort", listener);
      }
    };
  }
}
