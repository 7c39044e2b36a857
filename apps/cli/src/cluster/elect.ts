/** `corral elect`: leaders anew, by request. */
import type { ClusterAdmin, TopicPartition } from "@corral/broker-agent";
import type { Command } from "../command.ts";
import { throwErrors } from "../item-errors.ts";
import { UsageError } from "../usage-error.ts";
import { CLUSTER_FLAGS } from "./flags.ts";
import { withCluster } from "./open.ts";
import { type Place, placeFrom } from "./place.ts";
import { checkTopics } from "./refused.ts";

export const elect: Command = {
  name: "elect",
  usage: "[TOPIC[:PARTITION]...]",
  summary: "elects leaders; one that leads already is no failure",
  flags: {
    preferred: { type: "boolean", help: "leadership goes back to the first of the replicas" },
    unclean: { type: "boolean", help: "where nobody in sync lives, any replica that does: committed data may be lost" },
    all: { type: "boolean", help: "every partition that wants one" },
    ...CLUSTER_FLAGS,
  },
  async run(call) {
    const { args, flags, output } = call;
    if (flags.has("preferred") === flags.has("unclean"))
      throw new UsageError("--preferred or --unclean: one of the two");
    if (flags.has("all") === args.length > 0)
      throw new UsageError("which partitions? TOPIC or TOPIC:PARTITION, or --all");
    const kind = flags.has("preferred") ? "preferred" : "unclean";
    const places = args.map(placeFrom);
    await withCluster(call, async (admin) => {
      const chosen = flags.has("all") ? undefined : await partitionsAt("elect", admin, places);
      const { isAdminError } = await import("@corral/broker-agent");
      const items = await admin.electLeaders(kind, chosen);
      const failed = items.filter(({ error }) => error !== undefined && !isAdminError(error, "ELECTION_NOT_NEEDED"));
      for (const item of items) {
        if (failed.includes(item)) continue;
        const { topic, partition, error } = item;
        const elected = error === undefined;
        output.item(
          { topic, partition, elected },
          () => `${topic}:${partition} ${elected ? "elected" : "leads already"}`,
        );
      }
      throwErrors(failed);
    });
  },
};

/** Each partition of the places; NOT_FOUND for a topic that there is not. */
export async function partitionsAt(
  op: string,
  admin: ClusterAdmin,
  places: readonly Place[],
): Promise<TopicPartition[]> {
  await checkTopics(
    op,
    places.map(({ topic }) => topic),
    admin.listTopics(),
  );
  const all = places.flatMap(({ topic, partition }) => {
    if (partition !== undefined) return [{ topic, partition }];
    return admin.describeTopics({ topics: [topic] }).flatMap((one) => one.partitions);
  });
  const byName = new Map(all.map(({ topic, partition }) => [`${topic}:${partition}`, { topic, partition }]));
  return [...byName.values()];
}
