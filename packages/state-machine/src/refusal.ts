/**
 * A refusal is a value: it is decided in the log's order like any result, remembered and answered like any result.
 */
import { type ErrorDetail, type ErrorName, errorCode } from "@corral/protocol";

export interface Refusal {
  readonly code: number;
  readonly detail: ErrorDetail;
}

export const refuse = (name: ErrorName, detail: ErrorDetail = {}): Refusal => ({ code: errorCode(name), detail });

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === "object" && value !== null && "code" in value;
