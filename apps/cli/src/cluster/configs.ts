/**
 * `corral configs`: settings and quotas. The command line knows the settings of the package; those of a host it shows as they stand, and the
 * controller, which knows them, checks what is set.
 */
import type { ClusterAdmin, ConfigEntity, ConfigOp, DescribedConfig, DescribedSetting } from "@corral/broker-agent";
import type { Call, Command } from "../command.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../values.ts";
import { ENTITY_FLAGS, entityFrom } from "./entity-flags.ts";
import { CLUSTER_FLAGS, DRY_RUN_FLAG, WATCH_FLAG } from "./flags.ts";
import { show, showCluster } from "./live.ts";
import { withCluster } from "./open.ts";
import { sayNearest } from "./near-setting.ts";
import { checkTopics } from "./refused.ts";
import { pairsFrom } from "./settings-flags.ts";
import { cell, type Row } from "./table.ts";

const HIDDEN = "(hidden)";

const configsList: Command = {
  name: "list",
  usage: "",
  summary: "what anything is set for, who changed it last, and when",
  flags: { watch: WATCH_FLAG, ...CLUSTER_FLAGS },
  run: (call) =>
    withCluster(call, async (admin) => {
      const { parseEntity } = await import("@corral/broker-agent");
      const described = (): DescribedConfig[] =>
        [...admin.image.configs()].map(({ type, entity }) => admin.describeConfig(parseEntity(type, entity)));
      await showCluster(call, admin, {
        columns: ["ENTITY", "SET", "CHANGED BY", "AT", "VERSION"],
        rows: () =>
          described()
            .map(entityRow)
            .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      });
    }),
};

function entityRow({ entity, change, settings }: DescribedConfig): Row {
  const own = settings.filter(isOwn(entity));
  const name = nameOf(entity);
  return {
    key: name,
    object: { entity, ...change, values: Object.fromEntries(own.map((one) => [one.name, one.value])) },
    cells: [name, `${own.length}`, cell(change?.by), timeOf(change?.atMs), cell(change?.version)],
  };
}

const describe: Command = {
  name: "describe",
  usage: "",
  summary: "what is set for an entity; with --all also what is not, and where each value comes from",
  flags: {
    ...ENTITY_FLAGS,
    all: {
      type: "boolean",
      short: "a",
      help: "every setting, with all values that are set for it, the one that counts first",
    },
    watch: WATCH_FLAG,
    ...CLUSTER_FLAGS,
  },
  async run(call) {
    const entity = entityFrom(call.flags);
    const isAll = call.flags.has("all");
    await withCluster(call, async (admin) => {
      await checkThere("describe", entity, admin);
      const chosen = (): readonly DescribedSetting[] =>
        admin.describeConfig(entity).settings.filter((one) => isAll || isOwn(entity)(one));
      await show(call, {
        columns: isAll ? ["NAME", "VALUE", "SOURCE", "TYPE", "SYNONYMS"] : ["NAME", "VALUE"],
        rows: () => chosen().map((one) => settingRow(one, isAll)),
        onChange: (changed) => admin.watch(({ configs }) => configs.length > 0 && changed()),
        over: admin.image.signal,
      });
    });
  },
};

/** Set for this entity, not for what stands below it. */
function isOwn({ type, name }: ConfigEntity): (setting: DescribedSetting) => boolean {
  const ofBrokers = name === null ? "DYNAMIC_DEFAULT_BROKER_CONFIG" : "DYNAMIC_BROKER_CONFIG";
  const source = type === "topics" ? "DYNAMIC_TOPIC_CONFIG" : type === "brokers" ? ofBrokers : "DYNAMIC_QUOTA_CONFIG";
  return (setting) => setting.synonyms.some((one) => one.source === source && one.name === setting.name);
}

function settingRow(one: DescribedSetting, isAll: boolean): Row {
  const { name, value, source, type, synonyms } = one;
  const shown = value ?? HIDDEN;
  const others = synonyms.map((other) => {
    const fault = other.fault === undefined ? "" : ` (does not count: ${other.fault})`;
    return `${other.source}:${other.name}=${other.value ?? HIDDEN}${fault}`;
  });
  const cells = [name, shown === "" ? '""' : shown];
  return { key: name, object: one, cells: isAll ? [...cells, source, cell(type), others.join(", ")] : cells };
}

const alter: Command = {
  name: "alter",
  usage: "",
  summary: "changes settings of an entity in one transaction; the others stay as they are",
  flags: {
    ...ENTITY_FLAGS,
    set: { type: "string", value: "KEY=VALUE", multiple: true, help: "this value; may be repeated, as the next three" },
    delete: { type: "string", value: "KEY", multiple: true, help: "what stands below it counts again" },
    append: { type: "string", value: "KEY=ITEMS", multiple: true, help: "items of a list: a,b" },
    subtract: { type: "string", value: "KEY=ITEMS", multiple: true, help: "the same, away from it" },
    "if-version": {
      type: "string",
      value: "N",
      help: "only if this is the VERSION that configs list shows; none: only if nothing is set",
    },
    "dry-run": DRY_RUN_FLAG,
    ...CLUSTER_FLAGS,
  },
  async run(call) {
    const { flags, output } = call;
    const entity = entityFrom(flags);
    const changes = changesFrom(flags);
    const version = flags.get("if-version")?.[0];
    const ifVersion =
      version === undefined ? {} : { ifVersion: version === "none" ? null : wholeNumber("--if-version", version) };
    await withCluster(call, async (admin) => {
      await checkThere("alter", entity, admin);
      const validateOnly = flags.has("dry-run");
      const names = changes.map((change) => change.name);
      const [altered] = await sayNearest(entity.type, names, () =>
        admin.alterConfigs([{ entity, changes, ...ifVersion }], { validateOnly }),
      );
      const { changed } = altered!;
      const text = changed
        ? `${validateOnly ? "would change" : "changed"} ${nameOf(entity)}`
        : `${nameOf(entity)} is so already`;
      output.item(altered!, () => text);
    });
  },
};

function changesFrom(flags: Call["flags"]): ConfigOp[] {
  const pairs = (op: "set" | "append" | "subtract"): ConfigOp[] =>
    pairsFrom(`--${op}`, flags.get(op)).map(([name, value]) => ({ op, name, value }));
  const deletes = (flags.get("delete") ?? []).map((name): ConfigOp => ({ op: "delete", name }));
  const changes = [...pairs("set"), ...deletes, ...pairs("append"), ...pairs("subtract")];
  if (changes.length === 0)
    throw new UsageError("nothing to change: --set KEY=VALUE, --delete KEY, --append or --subtract");
  return changes;
}

/** Topics are there or not; of brokers, users and the rest anything can be set before they come. */
async function checkThere(op: string, { type, name }: ConfigEntity, admin: ClusterAdmin): Promise<void> {
  if (type === "topics") await checkTopics(op, [name!], admin.listTopics());
}

function nameOf({ type, name, client }: ConfigEntity): string {
  const own = `${type}/${name ?? "<default>"}`;
  return client === undefined ? own : `${own}/clients/${client ?? "<default>"}`;
}

const timeOf = (ms: number | undefined): string => (ms === undefined ? "-" : new Date(ms).toISOString());

export const CONFIGS: readonly Command[] = [configsList, describe, alter];
