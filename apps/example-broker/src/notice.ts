/** Wakes those who wait for something to change. It says only that something has: whoever is woken looks again. */
export class Notice {
  readonly #waiting = new Set<() => void>();

  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves at the next `wake`, after so many milliseconds, or when one of the signals is aborted. */
  wait(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
    if (signals.some((signal) => signal.aborted)) return Promise.resolve();
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(over);
        for (const signal of signals) signal.removeEventListener("abort", over);
        resolve();
      };
      const timer = setTimeout(over, ms);
      this.#waiting.add(over);
      for (const signal of signals) signal.addEventListener("abort", over);
    });
  }

  /** Resolves when `isSo` says so, at a wake at the latest; or when the time is over, or a signal is aborted. */
  async until(isSo: () => boolean, ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
    const end = performance.now() + ms;
    for (;;) {
      const left = end - performance.now();
      if (isSo() || left <= 0 || signals.some((signal) => signal.aborted)) return;
      await this.wait(left, ...signals);
    }
  }
}
