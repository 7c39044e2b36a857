import type { Client } from "@corral/client";
import { consume, type Source } from "@corral/consumer-group";

/** Exactly once, in a store of your own: it keeps the place with the effect, and the token of whoever may write. */
export async function example(client: Client, source: Source<string>, tell: Tell): Promise<void> {
  await using consumer = await consume(client, {
    group: "bookkeepers",
    topics: ["orders"],
    source,
    mode: "external",
    start: async ({ partition, token }) => begin(`${partition.topic}/${partition.partition}`, token),
    handle: async ({ value, offset, nextOffset }, { partition, token }) => {
      apply(`${partition.topic}/${partition.partition}`, token, nextOffset ?? offset + 1, value);
      if (entries.length === 3) all(); // A real one goes on.
    },
  });
  await there;
  tell(consumer.status.state, entries);
}

const places = new Map<string, { token: number; next: number }>();
const entries: string[] = [];
let all: () => void = () => {};
const there = new Promise<void>((resolve) => (all = resolve));

/** As one transaction: insert into places … on conflict do update set token = :token where token <= :token returning next. */
function begin(key: string, token: number): number {
  const { next, token: seen } = places.get(key) ?? { next: 0, token: 0 };
  if (token < seen) throw new Error(`${key}: the token ${token} is behind ${seen}`);
  // From here on, those before are refused: the place cannot move any more under whoever begins now.
  places.set(key, { token, next });
  return next;
}

/** As one transaction: update places set next = :next where key = :key and token = :token, and with that the entry, or nothing. */
function apply(key: string, token: number, next: number, entry: string): void {
  const seen = places.get(key)?.token;
  if (seen !== token) throw new Error(`${key}: the token ${token} is not ${seen}`);
  places.set(key, { token, next });
  entries.push(entry);
}

type Tell = (...what: readonly unknown[]) => void;
