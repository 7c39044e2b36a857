/** The error of a request that the controller refused. */
import type { RefusalCode } from "./refusal.ts";

/** Marks them across copies of this package. */
const BRAND: unique symbol = Symbol.for("corral.admin-error") as never;

/** The controller's answer to what it does not do: nothing was changed. Whatever else fails is a `CorralError`, or a RangeError. */
export class AdminError extends Error {
  readonly code: RefusalCode;
  /** The operation that was asked for. */
  readonly op: string;

  constructor(code: RefusalCode, op: string, why: string) {
    super(`${op}: ${why} [${code}]`);
    this.name = "AdminError";
    this.code = code;
    this.op = op;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Is it one, from whatever copy of this package, and of one of these codes, if any are given? */
export function isAdminError(error: unknown, ...codes: readonly RefusalCode[]): error is AdminError {
  if (typeof error !== "object" || error === null || !(BRAND in error)) return false;
  return codes.length === 0 || codes.includes((error as unknown as AdminError).code);
}
