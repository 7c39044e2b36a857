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
  const seen = new Set<number>();
  for (const [at, id] of ids.entries()) {
    checkInteger(id, `${what}[${at}]`, 0, BROKER_ID_MAX);
    if (seen.has(id)) throw new RangeError(`${what} has broker ${id} twice`);
    seen.add(id);
  }
}
