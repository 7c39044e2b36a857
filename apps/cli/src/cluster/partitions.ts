/** `corral partitions`: one a line, for those who look for the ones that are not well. */
import type { Command } from "../command.ts";
import { CLUSTER_FLAGS, WATCH_FLAG } from "./flags.ts";
import { showCluster } from "./live.ts";
import { withCluster } from "./open.ts";
import { ONLY_FLAGS, onlyFrom, PARTITION_COLUMNS, partitionRow } from "./partition-rows.ts";
import { checkTopics } from "./refused.ts";

export const partitions: Command = {
  name: "partitions",
  usage: "[TOPIC...]",
  summary: "one a line: leader, replicas, who is in sync (default: of all topics)",
  flags: { ...ONLY_FLAGS, watch: WATCH_FLAG, ...CLUSTER_FLAGS },
  run: (call) =>
    withCluster(call, async (admin) => {
      const { args } = call;
      if (args.length > 0) await checkTopics("partitions", args, admin.listTopics());
      const chosen = { ...(args.length === 0 ? {} : { topics: args }), only: onlyFrom(call.flags) };
      await showCluster(call, admin, {
        columns: PARTITION_COLUMNS,
        rows: () => admin.describeTopics(chosen).flatMap((topic) => topic.partitions.map(partitionRow)),
      });
    }),
};
