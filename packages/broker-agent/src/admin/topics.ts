/** Making, growing and deleting topics, from the asker's side: asking, and waiting for what goes on after the answer. */
import type { ClusterImage } from "../image/cluster-image.ts";
import type { CreatedTopic, CreateOptions, GrowthSpec, Item, RequestOptions, TopicSpec } from "./api.ts";
import type { Asking } from "./asking.ts";
import type { Items } from "./items.ts";
import { until } from "./until.ts";

export interface Asker {
  readonly image: ClusterImage;
  readonly asking: Asking;
  readonly items: Items;
}

export async function createTopics(
  { image, asking, items }: Asker,
  specs: readonly TopicSpec[],
  options: CreateOptions,
): Promise<Item<CreatedTopic>[]> {
  const deadline = asking.deadline("createTopics", options);
  const { validateOnly = false, wait = true } = options;
  const made = await items.each<TopicSpec, Pick<CreatedTopic, "name">, CreatedTopic>(
    {
      op: "createTopics",
      kind: "topics",
      items: specs,
      argsOf: (topics) => ({ topics, validateOnly }),
      nameOf: ({ name }) => ({ name }),
    },
    options,
    deadline,
  );
  const ids = made.flatMap(({ id }) => (id === undefined ? [] : [id]));
  // Deleted again by somebody else is done with, too.
  if (wait) await until(image, deadline, () => ids.every((id) => image.topicById(id)?.state !== "creating"));
  return made.map(({ name, id, error, ...counts }, at) => ({
    name,
    id,
    partitions: counts.partitions ?? specs[at]?.partitions ?? 0,
    replicationFactor: counts.replicationFactor ?? specs[at]?.replicationFactor ?? 0,
    error,
  }));
}

export async function createPartitions(
  { image, asking, items }: Asker,
  specs: readonly GrowthSpec[],
  options: CreateOptions,
): Promise<Item<{ readonly topic: string; readonly partitions: number }>[]> {
  const deadline = asking.deadline("createPartitions", options);
  const { validateOnly = false, wait = true } = options;
  const grown = await items.each<GrowthSpec, Pick<GrowthSpec, "topic">, { readonly id: string }>(
    {
      op: "createPartitions",
      kind: "topics",
      items: specs,
      argsOf: (topics) => ({ topics, validateOnly }),
      nameOf: ({ topic }) => ({ topic }),
    },
    options,
    deadline,
  );
  const ids = grown.flatMap(({ id }) => (id === undefined || validateOnly ? [] : [id]));
  const isGrowing = (id: string): boolean => (image.topicById(id)?.growth ?? null) !== null;
  if (wait) await until(image, deadline, () => !ids.some(isGrowing));
  return grown.map(({ topic, error }, at) => ({ topic, partitions: specs[at]?.partitions ?? 0, error }));
}

export async function deleteTopics(
  { image, asking, items }: Asker,
  names: readonly string[],
  options: RequestOptions & { readonly wait?: boolean },
): Promise<Item<{ readonly name: string }>[]> {
  const deadline = asking.deadline("deleteTopics", options);
  const deleted = await items.each<string, { readonly name: string }, { readonly id: string }>(
    {
      op: "deleteTopics",
      kind: "topics",
      items: names,
      argsOf: (some) => ({ names: some }),
      nameOf: (name) => ({ name }),
    },
    options,
    deadline,
  );
  const ids = deleted.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (options.wait ?? true) await until(image, deadline, () => ids.every((id) => image.topicById(id) === undefined));
  return deleted.map(({ name, error }) => ({ name, error }));
}
