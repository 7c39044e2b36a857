/** How far a group is, partition by partition. */
import type { GroupAdmin } from "@corral/consumer-group";
import type { KnownBounds } from "./bounds.ts";
import { cell, type Row } from "./table.ts";

export const OFFSET_COLUMNS: readonly string[] = ["TOPIC", "PARTITION", "OFFSET", "END", "LAG", "OWNER", "COMMITTED"];

export async function offsetRows(admin: GroupAdmin, group: string, known: KnownBounds): Promise<Row[]> {
  const [committed, lags] = await Promise.all([admin.offsets(group), admin.lag(group, known.source)]);
  const offsets = new Map(committed.map((one) => [`${one.topic}:${one.partition}`, one]));
  return lags.map((one) => {
    const { topic, partition, latest, lag, owner } = one;
    const key = `${topic}:${partition}`;
    const record = offsets.get(key);
    const [end, behind] = known.knowsEnd(one) ? [latest, lag] : [null, null];
    const object = {
      topic,
      partition,
      offset: record?.offset ?? null,
      end,
      lag: behind,
      owner: owner ?? null,
      metadata: record?.metadata ?? null,
      committedBy: record?.member ?? null,
      committedAtMs: record?.atMs ?? null,
    };
    const at = record === undefined ? undefined : new Date(record.atMs).toISOString();
    return {
      key,
      object,
      cells: [topic, String(partition), cell(object.offset), cell(end), cell(behind), cell(owner), cell(at)],
    };
  });
}
