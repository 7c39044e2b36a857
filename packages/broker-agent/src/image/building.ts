/** A change of the image while it is being made: what a transaction did to each kind of thing, in its order. */
import type { CacheEntry } from "@corral/recipes";
import type { Parsed } from "./read.ts";
import type { Delta } from "./views.ts";

type Grows<L> = L extends readonly (infer C)[] ? C[] : never;

export type Building = { readonly [K in Exclude<keyof Delta, "zxid">]: Grows<Delta[K]> };

export function building(): Building {
  return { brokers: [], topics: [], partitions: [], configs: [], requests: [] };
}

/** A znode as it is now; undefined: it is gone. `isSameLife`: what is known of it is of this life. */
export interface Found {
  readonly path: string;
  readonly entry: CacheEntry<Parsed> | undefined;
  readonly isSameLife: boolean;
}

/** Undefined: out of the map. */
export function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
