/** Several things asked for in one call, each with an answer of its own. */
import type { Deadline } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Item, RequestOptions } from "./api.ts";
import { PARTITIONS_PER_REQUEST, TOPICS_PER_REQUEST } from "./arguments.ts";
import type { Answer, Asking } from "./asking.ts";
import { AdminError } from "./error.ts";
import type { ItemError } from "./operations/topic-items.ts";
import type { RefusalCode } from "./refusal.ts";

/** Of one call: topics, or partitions. */
export const ITEMS_MAX = 10_000;

type Kind = "topics" | "partitions";

const PER_REQUEST: Readonly<Record<Kind, number>> = {
  topics: TOPICS_PER_REQUEST,
  partitions: PARTITIONS_PER_REQUEST,
};

export interface Several<I, K> {
  readonly op: string;
  /** As the result calls them. */
  readonly kind: Kind;
  readonly items: readonly I[];
  readonly argsOf: (part: readonly I[]) => unknown;
  /** What an item is called in the result. */
  readonly nameOf: (item: I) => K;
}

export class Items {
  readonly #asking: Asking;
  readonly #image: ClusterImage;

  constructor(asking: Asking, image: ClusterImage) {
    this.#asking = asking;
    this.#image = image;
  }

  /**
   * What became of each, in the order asked for; everything of it is in the image then. A request that is refused as a whole is so for each of
   * its items.
   */
  async each<I, K extends object, R extends object>(
    { op, kind, items, argsOf, nameOf }: Several<I, K>,
    options: RequestOptions,
    deadline: Deadline,
  ): Promise<Item<K & Partial<R>>[]> {
    if (items.length > ITEMS_MAX) throw new RangeError(`${op}: ${items.length} ${kind}, more than ${ITEMS_MAX}`);
    const key = this.#asking.keyOf(options);
    const parts = await this.#asking.askInParts(op, items, PER_REQUEST[kind], argsOf, key, deadline);
    await this.shown(parts, deadline);
    type Result = Readonly<Record<string, readonly (K & Partial<R> & { readonly error?: ItemError })[]>>;
    return parts.flatMap((part): Item<K & Partial<R>>[] => {
      const { answer, refusal } = part;
      if (refusal !== undefined) return part.items.map((item) => ({ ...nameOf(item), error: refusal }));
      return (answer.value as Result)[kind]!.map((result) => ({ ...result, error: errorOf(op, result.error) }));
    });
  }

  async shown(parts: readonly { readonly answer?: Answer | undefined }[], deadline: Deadline): Promise<void> {
    const zxid = parts.reduce((most, { answer }) => Math.max(most, answer?.zxid ?? 0), 0);
    await this.#image.atLeast(zxid, deadline.rest());
  }
}

function errorOf(op: string, error: ItemError | undefined): AdminError | undefined {
  return error === undefined ? undefined : new AdminError(error.code as RefusalCode, op, error.message);
}
