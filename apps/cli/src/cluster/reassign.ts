/** `corral reassign`: replicas to other brokers, in the steps and with the files of Kafka's tool. */
import { writeFile } from "node:fs/promises";
import type { ClusterAdmin, RunningReassignment } from "@corral/broker-agent";
import type { Call, Command } from "../command.ts";
import { throwErrors } from "../item-errors.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../values.ts";
import { type Assigned, planFrom, planText } from "./assignments.ts";
import { partitionsAt } from "./elect.ts";
import { CLUSTER_FLAGS, WATCH_FLAG } from "./flags.ts";
import { showCluster } from "./live.ts";
import { withCluster } from "./open.ts";
import { numbersFrom, placeFrom } from "./place.ts";
import { checkTopics, refused } from "./refused.ts";
import { counted, list, type Row } from "./table.ts";

/** Of one request. */
const ITEMS_MAX = 10_000;

const plan: Command = {
  name: "plan",
  usage: "[TOPIC...]",
  summary: "writes a plan that levels these topics (default: all) over brokers; changes nothing",
  flags: {
    brokers: { type: "string", value: "IDS", help: "who is to keep replicas from now on: 1,2,3" },
    anew: {
      type: "boolean",
      help: "as if the topics were made now: nearly everything moves. Default: as little as\nbalance allows",
    },
    racks: {
      type: "string",
      value: "MODE",
      help: "safe, enforced or ignored. Default: they count if all brokers have one",
    },
    rollback: { type: "string", value: "FILE", help: "what there is now is written there, to go back with" },
    ...CLUSTER_FLAGS,
  },
  async run(call) {
    const { args, flags, output } = call;
    const ids = flags.get("brokers")?.[0];
    if (ids === undefined) throw new UsageError("--brokers is missing: who is to keep replicas?");
    const brokers = numbersFrom("--brokers", ids);
    const racks = racksFrom(flags.get("racks")?.[0]);
    await withCluster(call, async (admin) => {
      await checkTopics("plan", args, admin.listTopics());
      await checkBrokers(admin, brokers, args);
      const { reassignments, before, moves } = admin.generatePlan({
        brokers,
        ...(args.length === 0 ? {} : { topics: args }),
        kind: flags.has("anew") ? "anew" : "minimal",
        racks,
      });
      const file = flags.get("rollback")?.[0];
      if (file !== undefined) await writeFile(file, `${planText(before)}\n`);
      output.note(`${counted(reassignments.length, "partition")} to change, ${counted(moves, "replica")} to move`);
      output.bytes(Buffer.from(`${planText(reassignments)}\n`));
    });
  },
};

/** That there are such brokers, and enough for each of the topics. */
async function checkBrokers(admin: ClusterAdmin, ids: readonly number[], topics: readonly string[]): Promise<void> {
  const absent = ids.find((id) => admin.image.broker(id) === undefined);
  if (absent !== undefined) throw await refused("UNKNOWN_BROKER", "plan", `broker ${absent} is not registered`);
  const all = admin.describeTopics(topics.length === 0 ? {} : { topics });
  const large = all.find(({ partitions }) => partitions.some(({ replicas }) => replicas.length > ids.length));
  if (large === undefined) return;
  const most = Math.max(...large.partitions.map(({ replicas }) => replicas.length));
  throw new UsageError(`--brokers names ${ids.length}, and partitions of topic ${large.name} have ${most} replicas`);
}

function racksFrom(text: string | undefined): "safe" | "enforced" | "ignored" | undefined {
  if (text === undefined || text === "safe" || text === "enforced" || text === "ignored") return text;
  throw new UsageError(`--racks is '${text}', not safe, enforced or ignored`);
}

const execute: Command = {
  name: "execute",
  usage: "FILE",
  summary: "starts what a plan says, each partition for itself; - is stdin",
  flags: { wait: { type: "boolean", help: "until all have moved" }, ...CLUSTER_FLAGS },
  async run(call) {
    const wanted = await planFrom(call.args[0]!);
    await withCluster(call, async (admin) => {
      const failed: { readonly error: Error | undefined }[] = [];
      for (let from = 0; from < wanted.length; from += ITEMS_MAX) {
        const items = await admin.reassign(wanted.slice(from, from + ITEMS_MAX));
        failed.push(...items);
        for (const { topic, partition, error } of items) {
          if (error !== undefined) continue;
          call.output.item({ topic, partition, started: true }, () => `${topic}:${partition} started`);
        }
      }
      throwErrors(failed);
      if (call.flags.has("wait")) await admin.waitForReassignments(wanted, { timeoutMs: Infinity });
    });
  },
};

const verify: Command = {
  name: "verify",
  usage: "FILE",
  summary: "how far a plan is; fails until all of it is done",
  flags: CLUSTER_FLAGS,
  async run(call) {
    const wanted = await planFrom(call.args[0]!);
    await withCluster(call, async (admin) => {
      const states = stateOf(admin, wanted);
      for (const { state, topic, partition, replicas, now } of states) {
        const are = state === "different" ? `: on ${list(now)}, not ${list(replicas)}` : "";
        call.output.item({ topic, partition, state, replicas, now }, () => `${topic}:${partition} ${state}${are}`);
      }
      const left = states.filter(({ state }) => state !== "complete").length;
      if (left > 0) throw new Error(`${left} of ${states.length} partitions are not as the plan has them`);
    });
  },
};

interface Progress extends Assigned {
  readonly state: "complete" | "moving" | "different" | "gone";
  /** The replicas that it has. */
  readonly now: readonly number[];
}

function stateOf(admin: ClusterAdmin, wanted: readonly Assigned[]): Progress[] {
  const topics = [...new Set(wanted.map(({ topic }) => topic))];
  const there = new Map(
    admin
      .describeTopics({ topics })
      .flatMap(({ partitions }) => partitions.map((one) => [`${one.topic}:${one.partition}`, one])),
  );
  return wanted.map((one): Progress => {
    const is = there.get(`${one.topic}:${one.partition}`);
    const now = is?.replicas ?? [];
    if (is === undefined) return { ...one, now, state: "gone" };
    if (is.adding.length + is.removing.length > 0) return { ...one, now, state: "moving" };
    return { ...one, now, state: list(now) === list(one.replicas) ? "complete" : "different" };
  });
}

const COLUMNS = ["TOPIC", "PARTITION", "FROM", "TO", "ADDING", "REMOVING", "MISSING"];

function rowOf(one: RunningReassignment): Row {
  const { topic, partition, originals, target, adding, removing, missing } = one;
  const cells = [topic, String(partition), ...[originals, target, adding, removing, missing].map(list)];
  return { key: `${topic}:${partition}`, object: one, cells };
}

const running: Command = {
  name: "list",
  usage: "",
  summary: "what is moving now; MISSING: of the target, not in sync yet",
  flags: { watch: WATCH_FLAG, ...CLUSTER_FLAGS },
  run: (call) =>
    withCluster(call, (admin) =>
      showCluster(call, admin, {
        columns: COLUMNS,
        rows: () => admin.listReassignments().map(rowOf),
      }),
    ),
};

const cancel: Command = {
  name: "cancel",
  usage: "[TOPIC[:PARTITION]...]",
  summary: "partitions on the move go back to where they were",
  flags: { all: { type: "boolean", help: "all that move" }, ...CLUSTER_FLAGS },
  async run(call) {
    const places = call.args.map(placeFrom);
    if (call.flags.has("all") === places.length > 0)
      throw new UsageError("which partitions? TOPIC or TOPIC:PARTITION, or --all");
    await withCluster(call, (admin) => cancelAt(call, admin));
    async function cancelAt({ output, flags }: Call, admin: ClusterAdmin): Promise<void> {
      const at = flags.has("all") ? undefined : await partitionsAt("cancel", admin, places);
      // Of a whole topic only what moves is meant.
      const moving = new Set(admin.listReassignments().map(({ topic, partition }) => `${topic}:${partition}`));
      const named = new Set(call.args);
      const chosen = at?.filter((one) => {
        const name = `${one.topic}:${one.partition}`;
        return moving.has(name) || named.has(name);
      });
      const items = await admin.cancelReassignment(chosen);
      for (const { topic, partition, error } of items) {
        if (error === undefined)
          output.item({ topic, partition, cancelled: true }, () => `${topic}:${partition} cancelled`);
      }
      throwErrors(items);
    }
  },
};

const throttle: Command = {
  name: "throttle",
  usage: "BYTES",
  summary: "how fast all brokers copy the replicas that move now, bytes a second; none takes that away",
  flags: CLUSTER_FLAGS,
  async run(call) {
    const text = call.args[0]!;
    const bytes = text === "none" ? null : wholeNumber("BYTES", text);
    await withCluster(call, async (admin) => {
      await admin.setReplicationThrottle(bytes);
      call.output.item({ bytesPerSecond: bytes }, () => (bytes === null ? "no throttle" : `${bytes} bytes a second`));
    });
  },
};

export const REASSIGN: readonly Command[] = [plan, execute, verify, running, cancel, throttle];
