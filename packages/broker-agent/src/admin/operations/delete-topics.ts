/** Deletes topics: gone for clients with this one write; what there is of them goes after it. Kafka's DeleteTopics. */
import { op } from "@corral/client";
import { settingOf } from "../../config/settings.ts";
import { topicCodec, type TopicRecord } from "../../records.ts";
import { listAt, recordAt, textAt, TOPICS_PER_REQUEST } from "../arguments.ts";
import type { AdminOperation } from "../operation.ts";
import { Refused } from "../refusal.ts";
import { bytesOf, Effects, itemOf } from "./topic-items.ts";

export const deleteTopics: AdminOperation = {
  name: "deleteTopics",
  decide({ image }, args) {
    const names = listAt(recordAt(args, "args")["names"], "names", TOPICS_PER_REQUEST).map((name, at) =>
      textAt(name, `names[${at}]`),
    );
    const isEnabled = settingOf(image, "delete.topic.enable") === "true";
    const effects = new Effects();
    const gone = new Set<string>();
    let mutations = 0;
    const items = names.map((name) =>
      itemOf({ name }, () => {
        const topic = gone.has(name) ? undefined : image.topic(name);
        if (topic === undefined || topic.state === "deleting") {
          throw new Refused("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic '${name}'`);
        }
        if (!isEnabled) throw new Refused("TOPIC_DELETION_DISABLED", "delete.topic.enable is false");
        const { id, partitions, replicationFactor, version } = topic;
        const record: TopicRecord = { name, id, state: "deleting", partitions, replicationFactor, growth: null };
        const write = op.set(image.paths.topic(name), record, { codec: topicCodec, ifMatch: { version } });
        effects.add({ operations: [write], bytes: bytesOf(topicCodec, record) });
        gone.add(name);
        mutations += partitions;
        return { id };
      }),
    );
    return { together: effects.operations, result: { topics: items }, mutations };
  },
};
