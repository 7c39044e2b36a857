/** `corral topics`: made, changed, shown, deleted, in the words of Kafka's tool. */
import type { ClusterAdmin, TopicDescription } from "@corral/broker-agent";
import type { Call, Command } from "../command.ts";
import type { Flag } from "../flags.ts";
import { throwErrors } from "../item-errors.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../values.ts";
import { assignmentsFrom } from "./assignments.ts";
import { CLUSTER_FLAGS, DRY_RUN_FLAG, WATCH_FLAG } from "./flags.ts";
import { showCluster } from "./live.ts";
import { withCluster } from "./open.ts";
import { ONLY_FLAGS, onlyFrom, PARTITION_COLUMNS, partitionRow } from "./partition-rows.ts";
import { sayNearest } from "./near-setting.ts";
import { checkTopics } from "./refused.ts";
import { pairsFrom } from "./settings-flags.ts";
import { counted, list, type Row, tableText } from "./table.ts";

const COLUMNS = ["TOPIC", "PARTITIONS", "REPLICATION", "UNDER-REPLICATED", "UNAVAILABLE", "CONFIGS"];

const REPLICAS_FLAG: Flag = {
  type: "string",
  value: "LIST",
  help: "replicas of each partition, the preferred leader first: 1:2,2:3,3:1",
};

const number = (call: Call, flag: string): number | undefined => {
  const text = call.flags.get(flag)?.[0];
  return text === undefined ? undefined : wholeNumber(`--${flag}`, text);
};

function rowOf(topic: TopicDescription): Row {
  const { name, partitions, replicationFactor, configs, id, growsTo } = topic;
  const count = (is: "underReplicated" | "unavailable"): number => partitions.filter((one) => one[is]).length;
  const facts = { underReplicated: count("underReplicated"), unavailable: count("unavailable") };
  const values = Object.entries(configs).map(([key, value]) => `${key}=${value}`);
  return {
    key: id,
    object: { name, id, partitions: partitions.length, replicationFactor, ...facts, configs, growsTo: growsTo ?? null },
    cells: [
      name,
      growsTo === undefined ? `${partitions.length}` : `${partitions.length} of ${growsTo}`,
      `${replicationFactor}`,
      `${facts.underReplicated}`,
      `${facts.unavailable}`,
      list(values),
    ],
  };
}

const topicsList: Command = {
  name: "list",
  usage: "",
  summary: "the names of all topics",
  flags: {
    long: { type: "boolean", short: "l", help: "with partitions, replication factor, and how well they are" },
    watch: WATCH_FLAG,
    ...CLUSTER_FLAGS,
  },
  run: (call) =>
    withCluster(call, async (admin) => {
      const isLong = call.flags.has("long");
      if (!isLong && !call.flags.has("watch") && !call.output.isJson) {
        for (const name of admin.listTopics()) call.output.item({}, () => name);
        return;
      }
      await showCluster(call, admin, {
        columns: COLUMNS,
        rows: () => admin.describeTopics().map(rowOf),
      });
    }),
};

const describe: Command = {
  name: "describe",
  usage: "[TOPIC...]",
  summary: "topics with their partitions: leader, replicas, who is in sync (default: all)",
  flags: { ...ONLY_FLAGS, ...CLUSTER_FLAGS },
  run: (call) =>
    withCluster(call, async (admin) => {
      if (call.args.length > 0) await checkTopics("describe", call.args, admin.listTopics());
      const topics = call.args.length === 0 ? {} : { topics: call.args };
      for (const topic of admin.describeTopics({ ...topics, only: onlyFrom(call.flags) })) {
        call.output.item(topic, () => textOf(topic));
      }
    }),
};

function textOf({ name, id, state, replicationFactor, configs, partitions }: TopicDescription): string {
  const values = Object.entries(configs).map(([key, value]) => `  ${key}=${value}`);
  const head = `${name}  id ${id}  ${state}  replication factor ${replicationFactor}${values.join("")}`;
  const rows = partitions.map(partitionRow);
  return `${head}\n${tableText(PARTITION_COLUMNS, rows)}\n`;
}

const create: Command = {
  name: "create",
  usage: "TOPIC",
  summary: "makes a topic; ends when clients can see it",
  flags: {
    partitions: { type: "string", value: "N", help: "default: the setting num.partitions" },
    "replication-factor": { type: "string", value: "N", help: "default: the setting default.replication.factor" },
    replicas: REPLICAS_FLAG,
    config: { type: "string", value: "KEY=VALUE", multiple: true, help: "a setting of the topic; may be repeated" },
    "if-not-exists": { type: "boolean", help: "that it is there already is no failure" },
    "dry-run": DRY_RUN_FLAG,
    ...CLUSTER_FLAGS,
  },
  async run(call) {
    const { args, flags, output } = call;
    const replicas = flags.get("replicas")?.[0];
    const [partitions, replicationFactor] = [number(call, "partitions"), number(call, "replication-factor")];
    if (replicas !== undefined && (partitions ?? replicationFactor) !== undefined) {
      throw new UsageError("--replicas says how many there are: give it without --partitions and --replication-factor");
    }
    const spec = {
      name: args[0]!,
      partitions,
      replicationFactor,
      replicas: replicas === undefined ? undefined : assignmentsFrom("--replicas", replicas),
      configs: Object.fromEntries(pairsFrom("--config", flags.get("config"))),
    };
    const validateOnly = flags.has("dry-run");
    await withCluster(call, async (admin) => {
      const { isAdminError } = await import("@corral/broker-agent");
      try {
        const names = Object.keys(spec.configs);
        const made = await sayNearest("topics", names, () => admin.createTopic(spec, { validateOnly }));
        const { name, partitions: count, replicationFactor: factor } = made;
        output.item(
          { name, id: made.id ?? null, partitions: count, replicationFactor: factor },
          () =>
            `${validateOnly ? "would create" : "created"} ${name}: ${counted(count, "partition")}, ${counted(factor, "replica")} each`,
        );
      } catch (error) {
        if (!flags.has("if-not-exists") || !isAdminError(error, "TOPIC_ALREADY_EXISTS")) throw error;
        output.item({ name: spec.name, exists: true }, () => `${spec.name} is there already`);
      }
    });
  },
};

const alter: Command = {
  name: "alter",
  usage: "TOPIC",
  summary: "gives a topic more partitions; settings: corral configs alter --topic",
  flags: {
    partitions: { type: "string", value: "N", help: "that it is to have, those it has included" },
    replicas: { ...REPLICAS_FLAG, help: "replicas of the new ones, in order: 1:2,2:3" },
    "dry-run": DRY_RUN_FLAG,
    ...CLUSTER_FLAGS,
  },
  async run(call) {
    const partitions = number(call, "partitions");
    if (partitions === undefined) throw new UsageError("--partitions is missing: how many is it to have?");
    const replicas = call.flags.get("replicas")?.[0];
    const assigned = replicas === undefined ? {} : { replicas: assignmentsFrom("--replicas", replicas) };
    const topic = call.args[0]!;
    const validateOnly = call.flags.has("dry-run");
    await withCluster(call, async (admin) => {
      await checkTopics("alter", [topic], admin.listTopics());
      const [grown] = await admin.createPartitions([{ topic, partitions, ...assigned }], { validateOnly });
      throwErrors([grown!]);
      call.output.item(
        { topic, partitions },
        () => `${topic} ${validateOnly ? "would have" : "has"} ${partitions} partitions`,
      );
    });
  },
};

const remove: Command = {
  name: "delete",
  usage: "TOPIC...",
  summary: "deletes topics with all their data",
  flags: {
    "if-exists": { type: "boolean", help: "that one is not there is no failure" },
    ...CLUSTER_FLAGS,
  },
  run: (call) => withCluster(call, (admin) => deleteTopics(call, admin)),
};

async function deleteTopics({ args, flags, output }: Call, admin: ClusterAdmin): Promise<void> {
  const known = admin.listTopics();
  const there = flags.has("if-exists") ? args.filter((name) => known.includes(name)) : args;
  await checkTopics("delete", there, known);
  if (there.length === 0) return;
  const deleted = await admin.deleteTopics(there);
  for (const { name, error } of deleted)
    if (error === undefined) output.item({ name, deleted: true }, () => `deleted ${name}`);
  throwErrors(deleted);
}

export const TOPICS: readonly Command[] = [topicsList, describe, create, alter, remove];
