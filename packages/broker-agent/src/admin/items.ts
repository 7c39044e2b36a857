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

export class Items {
  readonly #asking: Asking;
  readonly #image: ClusterImage;

  constructor(asking: Asking, image: ClusterImage) {
    this.#asking = asking;
    this.#image = image;
  }

  /** What became of each, in the order asked for; everything of it is in the image then. `kind`: as the result calls them. */
  async each<I, R extends object>(
    op: string,
    items: readonly I[],
    kind: Kind,
    argsOf: (part: readonly I[]) => unknown,
    options: RequestOptions,
    deadline: Deadline,
  ): Promise<Item<R>[]> {
    if (items.length > ITEMS_MAX) throw new RangeError(`${op}: ${items.length} ${kind}, more than ${ITEMS_MAX}`);
    const key = this.#asking.keyOf(options);
    const answers = await this.#asking.askInParts(op, items, PER_REQUEST[kind], argsOf, key, deadline);
    await this.shown(answers, deadline);
    type Result = Readonly<Record<string, readonly (R & { readonly error?: ItemError })[]>>;
    const results = answers.flatMap(({ value }) => (value as Result)[kind] ?? []);
    return results.map((result) => ({ ...result, error: errorOf(op, result.error) }));
  }

  async shown(answers: readonly Answer[], deadline: Deadline): Promise<void> {
    const zxid = answers.reduce((most, answer) => Math.max(most, answer.zxid), 0);
    await this.#image.atLeast(zxid, deadline.rest());
  }
}

function errorOf(op: string, error: ItemError | undefined): AdminError | undefined {
  return error === undefined ? undefined : new AdminError(error.code as RefusalCode, op, error.message);
}
