/**
 * Whether what came in can be meant. Every refusal is a RangeError that says what, where, and which limit.
 *
 * Owns the bounds of ids, replicas and epochs.
 */

/** Broker ids and leader epochs are 32-bit and not negative, so that hosts may put them on a wire of their own. */
export const BROKER_ID_MAX: number = 2 ** 31 - 1;
export const LEADER_EPOCH_MAX: number = 2 ** 31 - 1;
/** Replicas of one partition, those that are being added and removed included. */
export const REPLICAS_MAX = 64;

/** A whole number from `min` to `max`. */
export function checkInteger(value: number, what: string, min: number, max: number = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${what} is ${value}, not a whole number from ${min} to ${max}`);
  }
}

/** Ids of brokers, each once; at most REPLICAS_MAX. */
export function checkReplicas(ids: readonly number[], what: string): void {
  if (ids.length > REPLICAS_MAX) throw new RangeError(`${what} has ${ids.length} replicas, more than ${REPLICAS_MAX}`);
  checkBrokerIds(ids, what);
}

/** Ids of brokers, each once. */
export function checkBrokerIds(ids: readonly number[], what: string): void {
  // Every state of every partition comes through here, again and again: a list is short, and mostly right.
  const seen = ids.length > SHORT_LIST ? new Set(ids) : undefined;
  if (seen !== undefined && seen.size === ids.length && ids.every(isBrokerId)) return;
  for (let at = 0; at < ids.length; at += 1) {
    const id = ids[at] as number;
    if (!isBrokerId(id)) checkInteger(id, `${what}[${at}]`, 0, BROKER_ID_MAX);
    if (ids.indexOf(id) !== at) throw new RangeError(`${what} has broker ${id} twice`);
  }
}

/** Up to here, to look through a list is faster than to make a set of it. */
const SHORT_LIST = 16;

function isBrokerId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= BROKER_ID_MAX;
}
