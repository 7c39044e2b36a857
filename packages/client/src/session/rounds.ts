/**
 * Where to connect next, and when: rounds over all servers in random order, with a pause of random length before each
 * round but the first, so that many clients of a server that comes back do not come all at once.
 *
 * Owns the order and the pauses; never dials.
 */
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from "../limits.ts";
import { fractionOf, type Random } from "../world.ts";

/** Addresses, or a function that is asked anew for each round: names move. */
export type Servers = readonly string[] | (() => Promise<readonly string[]>);

/** Full jitter: anything from 0 to the cap, which doubles with each failure. */
export function pauseMs(
  failures: number,
  random: Random,
  maxMs: number = BACKOFF_MAX_MS,
  firstMs: number = BACKOFF_FIRST_MS,
): number {
  return fractionOf(random) * Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30));
}

/** The addresses of one round, shuffled. */
export async function roundOf(servers: Servers, random: Random): Promise<string[]> {
  const known: unknown = typeof servers === "function" ? await servers() : servers;
  // A string has an iterator too: each of its letters would be tried.
  if (!Array.isArray(known)) throw new TypeError(`expected a list of URLs, not ${typeof known}`);
  const urls = [...(known as readonly string[])];
  for (let i = urls.length - 1; i > 0; i--) {
    const j = Math.floor(fractionOf(random) * (i + 1));
    [urls[i], urls[j]] = [urls[j]!, urls[i]!];
  }
  return urls;
}
