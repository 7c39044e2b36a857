/** What a run has measured, and how it is shown. */
export interface Measure {
  readonly what: string;
  readonly ms: number;
  /** What was aimed at, milliseconds. */
  readonly target?: number;
}

export function print(measures: readonly Measure[]): void {
  console.log("\n| measured | took | aimed at |\n|---|---|---|");
  for (const { what, ms, target } of measures) {
    console.log(`| ${what} | ${Math.round(ms)} ms | ${target === undefined ? "" : `< ${target} ms`} |`);
  }
}

const LOOK_EVERY_MS = 100;
const LOOK_MS_MAX = 90_000;

/** What a look comes to, as soon as it comes to anything. */
export async function eventually<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
  const until = performance.now() + LOOK_MS_MAX;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > until) throw new Error(`not within ${LOOK_MS_MAX} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
