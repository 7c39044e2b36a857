/**
 * The one error class of this package. What an error means stands in the protocol's table of errors; here it gets the
 * operation, the path and what else is known about the case.
 */
import { ERRORS, errorName, type ErrorDetail, type ErrorName, type Outcome } from "@corral/protocol";

/** Marks our errors across copies of this package. */
const BRAND: unique symbol = Symbol.for("corral.error") as never;

export interface CorralErrorInit {
  /** The operation that failed, as the method of the client is called. */
  readonly op?: string | undefined;
  readonly detail?: ErrorDetail | undefined;
  readonly cause?: unknown;
  /** Overrides what the table says of this code. */
  readonly outcome?: Outcome | undefined;
  readonly retryable?: boolean | undefined;
  /** Overrides the table's explanation. */
  readonly means?: string | undefined;
}

/** Every failure that a promise or iterator of the client ends with. */
export class CorralError extends Error {
  /** Stable: programs decide by it. */
  readonly code: ErrorName;
  /** `no`: nothing was changed. `unknown`: the operation may have been applied. */
  readonly outcome: Outcome;
  /** Could the very same call succeed later without anybody changing the tree? */
  readonly retryable: boolean;
  readonly op: string | undefined;
  /** The path concerned, which need not be the one given: a missing parent, a guard's znode. */
  readonly path: string | undefined;
  /** Of the operation in a multi that was refused, or of the guard that does not hold. */
  readonly index: number | undefined;
  /** Name of the limit or argument, or the reason of an overload. */
  readonly limitName: string | undefined;
  /** The limit's value, or the version expected. */
  readonly limit: number | undefined;
  /** What was found instead. */
  readonly actual: number | undefined;

  constructor(code: ErrorName, init: CorralErrorInit = {}) {
    super(messageOf(code, init), init.cause === undefined ? undefined : { cause: init.cause });
    const detail = init.detail ?? {};
    this.name = code === "ABORTED" ? "AbortError" : code === "TIMEOUT" ? "TimeoutError" : "CorralError";
    this.code = code;
    this.outcome = init.outcome ?? ERRORS[code].outcome;
    this.retryable = init.retryable ?? ERRORS[code].retryable;
    this.op = init.op;
    this.path = detail.path;
    this.index = detail.index;
    this.limitName = detail.name;
    this.limit = detail.limit;
    this.actual = detail.actual;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Is it an error of Corral, from whatever copy of this package, and of one of these codes, if any are given? */
export function isCorralError(error: unknown, ...codes: readonly ErrorName[]): error is CorralError {
  if (typeof error !== "object" || error === null || !(BRAND in error)) return false;
  return codes.length === 0 || codes.includes((error as unknown as CorralError).code);
}

function messageOf(code: ErrorName, { op, detail, means }: CorralErrorInit): string {
  const what = [op, detail?.path].filter((part) => part !== undefined).join(" ");
  const facts = [
    detail?.index === undefined ? undefined : `index ${detail.index}`,
    detail?.name === undefined
      ? detail?.limit === undefined
        ? undefined
        : `expected ${detail.limit}`
      : detail.limit === undefined
        ? detail.name
        : `${detail.name}: ${detail.limit}`,
    detail?.actual === undefined ? undefined : `actual ${detail.actual}`,
  ].filter((fact) => fact !== undefined);
  const rest = `${means ?? ERRORS[code].means} [${code}${facts.length === 0 ? "" : `; ${facts.join(", ")}`}]`;
  return what === "" ? rest : `${what}: ${rest}`;
}

/** The error for a refusal that came over the wire. */
export function refusal(
  code: number,
  detail: ErrorDetail,
  op: string | undefined,
  path: string | undefined,
): CorralError {
  const name = errorName(code);
  const known = { op, detail: { ...detail, path: detail.path ?? path } };
  if (name !== undefined) return new CorralError(name, known);
  return new CorralError("UNIMPLEMENTED", {
    ...known,
    means: `the server refused with the error number ${code}, which this release does not know`,
  });
}
