/** A change of the image while it is being made: what a transaction did to each kind of thing, in its order. */
import type { Delta } from "./views.ts";

type Grows<L> = L extends readonly (infer C)[] ? C[] : never;

export type Building = { readonly [K in Exclude<keyof Delta, "zxid">]: Grows<Delta[K]> };

export function building(): Building {
  return { brokers: [], topics: [], partitions: [], configs: [], requests: [] };
}
