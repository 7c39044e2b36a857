/**
 * How long a test may take, and wait for something real, on a machine that is busy with much else. Owns the bounds of every suite of
 * `npm test`, in place of Vitest's defaults of 5 s and 1 s, which one starved process exceeds. Nothing that is right comes near them;
 * what is wrong fails a little later.
 */

/** Of a condition that is looked at again and again: less than the test's, so that the test says which one it was. */
const WAIT_MS = 20_000;
const TEST_MS = 30_000;

/** For `test` in a vitest.config.ts. */
export const TEST_BOUNDS: {
  readonly testTimeout: number;
  readonly hookTimeout: number;
  readonly expect: { readonly poll: { readonly timeout: number } };
} = { testTimeout: TEST_MS, hookTimeout: TEST_MS, expect: { poll: { timeout: WAIT_MS } } };
