/**
 * Arguments of requests: they come from anybody, so each is checked before it is believed. Every fault is `Refused` with `INVALID_REQUEST`
 * (or `LIMIT_EXCEEDED`), and says which argument it is.
 */
import { Refused } from "./refusal.ts";

/** Topics that one request may concern, so that each is sure of its share of the transaction; the client's side divides what is more. */
export const TOPICS_PER_REQUEST = 100;
/** Partitions that one request may concern. */
export const PARTITIONS_PER_REQUEST = 200;
/** Partitions of one topic whose replicas may be named one by one in a request. */
export const ASSIGNED_MAX = 10_000;

/** Parts that are undefined count as absent. */
export function recordAt(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(what, "an object");
  return value as Readonly<Record<string, unknown>>;
}

export function listAt(value: unknown, what: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(what, "a list");
  if (value.length > max) {
    throw new Refused("LIMIT_EXCEEDED", `${what} has ${value.length} items, more than ${max}: ask for them in parts`);
  }
  return value;
}

export function textAt(value: unknown, what: string): string {
  if (typeof value !== "string") throw invalid(what, "a text");
  return value;
}

export function integerAt(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value)) throw invalid(what, "a whole number");
  return value as number;
}

export function flagAt(value: unknown, what: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== "boolean") throw invalid(what, "true or false");
  return value;
}

/** Absent or null: undefined. */
export function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

/** Texts by name. */
export function textsAt(value: unknown, what: string): Readonly<Record<string, string>> {
  const texts = recordAt(value, what);
  for (const [name, text] of Object.entries(texts)) textAt(text, `${what}.${name}`);
  return texts as Readonly<Record<string, string>>;
}

/** Lists of broker ids: whether they can be meant is judged by who uses them. */
export function replicasAt(value: unknown, what: string, max: number): readonly (readonly number[])[] {
  return listAt(value, what, max).map((ids, at) =>
    listAt(ids, `${what}[${at}]`, max).map((id, place) => integerAt(id, `${what}[${at}][${place}]`)),
  );
}

function invalid(what: string, wanted: string): Refused {
  return new Refused("INVALID_REQUEST", `${what} is not ${wanted}`);
}
