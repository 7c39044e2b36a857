/** For administrators: what groups there are, how far they are, and changes of their offsets. No consumer is needed for it. */
import { type CallOptions, type Client, CorralError, type Deadline, isCorralError, read } from "@corral/client";
import type {
  CommittedOffset,
  GroupAdmin,
  GroupDescription,
  GroupSummary,
  OffsetChange,
  PartitionLag,
  ResetOptions,
  RetentionOptions,
} from "./admin/api.ts";
import { deleteGroup } from "./admin/deletion.ts";
import { describeGroup } from "./admin/describe.ts";
import { byPartition, committedOf, deleteOffsets, lagOf, offsetsOf, orNull, resetOffsets } from "./admin/offsets.ts";
import { expireOffsets, retentionOf } from "./admin/retention.ts";
import { decodeName, GROUPS_ROOT, type GroupPaths, pathsOf } from "./layout.ts";
import { groupCodec, type PartitionsRecord } from "./records.ts";
import type { Source, TopicPartition } from "./source.ts";

/** Groups of which one request asks. */
const GROUPS_MAX = 200;

/** `root`: where groups stand; default `/groups`. */
export function groupAdmin(client: Client, options: { readonly root?: string | undefined } = {}): GroupAdmin {
  return new Admin(client, options.root ?? GROUPS_ROOT);
}

class Admin implements GroupAdmin {
  readonly #client: Client;
  readonly #root: string;

  constructor(client: Client, root: string) {
    this.#client = client;
    this.#root = root;
  }

  async list(options?: CallOptions): Promise<readonly GroupSummary[]> {
    const deadline = this.#client.deadline("listGroups", options);
    const names = await this.#names(deadline);
    const all: GroupSummary[] = [];
    for (let from = 0; from < names.length; from += GROUPS_MAX) {
      const some = names.slice(from, from + GROUPS_MAX).map((group) => ({ group, paths: pathsOf(group, this.#root) }));
      const [groups, members] = await Promise.all([
        this.#client.multiRead(
          some.map(({ paths }) => read.get(paths.group, { codec: orNull(groupCodec) })),
          deadline.rest(),
        ),
        this.#client.multiRead(
          some.map(({ paths }) => read.stat(paths.members)),
          deadline.rest(),
        ),
      ]);
      for (const [index, { group }] of some.entries()) {
        const [record, stat] = [groups[index]!, members[index]!];
        // Deleted meanwhile.
        if (!record.ok) continue;
        all.push({ group, members: stat.ok ? stat.value.numChildren : 0, epoch: record.value.value?.epoch ?? 0 });
      }
    }
    return all;
  }

  async #names(deadline: Deadline): Promise<string[]> {
    try {
      return (await this.#client.children(this.#root, deadline.rest()))
        .flatMap((name) => decodeName(name) ?? [])
        .toSorted();
    } catch (error) {
      if (isCorralError(error, "NO_NODE")) return [];
      throw error;
    }
  }

  describe(group: string, options?: CallOptions): Promise<GroupDescription> {
    return this.#in("describeGroup", group, options, (paths, deadline) =>
      describeGroup(this.#client, paths, group, deadline),
    );
  }

  offsets(group: string, options?: CallOptions): Promise<readonly CommittedOffset[]> {
    return this.#in("groupOffsets", group, options, async (paths, deadline) =>
      (await offsetsOf(this.#client, paths, deadline)).map(committedOf),
    );
  }

  lag(group: string, source: Pick<Source<never>, "bounds">, options?: CallOptions): Promise<readonly PartitionLag[]> {
    return this.#in("groupLag", group, options, async (paths, deadline, signal) => {
      const known = await offsetsOf(this.#client, paths, deadline);
      const { members, others } = await describeGroup(this.#client, paths, group, deadline);
      const all = new Map<string, TopicPartition & { committed: number | undefined; owner: string | undefined }>();
      const at = (partition: TopicPartition) => {
        const key = `${partition.topic}/${partition.partition}`;
        const one = all.get(key) ?? { ...partition, committed: undefined, owner: undefined };
        all.set(key, one);
        return one;
      };
      for (const { topic, partition, record } of known) at({ topic, partition }).committed = record.offset;
      for (const { target } of members) for (const partition of partitionsOf(target)) at(partition);
      for (const { member, owned } of members) for (const one of partitionsOf(owned)) at(one).owner = member;
      for (const { owner, owned } of others) for (const one of partitionsOf(owned)) at(one).owner = owner;
      return deadline.race(lagOf([...all.values()].toSorted(byPartition), source, signal));
    });
  }

  resetOffsets(group: string, options: ResetOptions): Promise<readonly OffsetChange[]> {
    return this.#in("resetOffsets", group, options, (paths, deadline, signal) =>
      resetOffsets(this.#client, paths, options, deadline, signal),
    );
  }

  deleteOffsets(
    group: string,
    what: { readonly topics: readonly string[] } | { readonly partitions: readonly TopicPartition[] },
    options?: CallOptions,
  ): Promise<number> {
    const isMeant =
      "topics" in what
        ? (one: TopicPartition): boolean => what.topics.includes(one.topic)
        : (one: TopicPartition): boolean =>
            what.partitions.some(({ topic, partition }) => topic === one.topic && partition === one.partition);
    return this.#in("deleteOffsets", group, options, async (paths, deadline) => {
      const known = await offsetsOf(this.#client, paths, deadline);
      return deleteOffsets(this.#client, paths, known.filter(isMeant), deadline);
    });
  }

  deleteGroup(group: string, options?: CallOptions): Promise<void> {
    return this.#in("deleteGroup", group, options, (paths, deadline) => deleteGroup(this.#client, paths, deadline));
  }

  expireOffsets(group: string, options: RetentionOptions = {}): Promise<number> {
    const retentionMs = retentionOf(options.retentionMs);
    return this.#in("expireOffsets", group, options, (paths, deadline) =>
      expireOffsets(this.#client, paths, retentionMs, deadline),
    );
  }

  /** The signal is aborted when the call has ended: a source that is still asked need not answer. */
  async #in<T>(
    op: string,
    group: string,
    options: CallOptions | undefined,
    act: (paths: GroupPaths, deadline: Deadline, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (typeof group !== "string" || group === "")
      throw new CorralError("BAD_ARGUMENTS", { op, detail: { name: "group" }, means: "a group has a name" });
    const deadline = this.#client.deadline(op, options);
    deadline.check();
    const asking = new AbortController();
    try {
      return await act(pathsOf(group, this.#root), deadline, asking.signal);
    } finally {
      asking.abort();
    }
  }
}

function* partitionsOf(partitions: PartitionsRecord): Generator<TopicPartition> {
  for (const [topic, numbers] of Object.entries(partitions))
    for (const partition of numbers) yield { topic, partition };
}
