/** The log replayed through the model: every step, and what the other checks look up in it. */
import type { Identity } from "@corral/protocol";
import type { Options } from "@corral/state-machine";
import type { History } from "../history.ts";
import { type Entry, Model, type Step } from "../model/model.ts";
import { statOf } from "../model/tree.ts";

/** How a znode was from this zxid on, until the next version of the same path. */
export interface Version {
  readonly from: number;
  /** Undefined: absent. */
  readonly stat: readonly number[] | undefined;
}

export interface Replayed {
  readonly steps: readonly Step[];
  /** By path, ascending. */
  readonly versions: ReadonlyMap<string, readonly Version[]>;
  /** By session, ascending: who it was from this zxid on. */
  readonly identities: ReadonlyMap<number, readonly { readonly from: number; readonly list: readonly Identity[] }[]>;
  readonly final: Model;
}

/** `look` is called after each entry, with the model as it is then; also once before the first. `counters`: see History. */
export function replay(
  entries: readonly Entry[],
  options: Options,
  look: (model: Model, step: Step | undefined) => void = () => {},
  counters: History["counters"] = [],
): Replayed {
  const model = new Model(options);
  const steps: Step[] = [];
  const versions = new Map<string, Version[]>();
  const identities = new Map<number, { from: number; list: readonly Identity[] }[]>();
  for (const [path, node] of model.tree) versions.set(path, [{ from: 0, stat: statOf(node) }]);
  look(model, undefined);
  for (const entry of entries) {
    const step = model.apply(entry);
    steps.push(step);
    for (const { zxid, path, creates } of counters) if (zxid === entry.zxid) putForward(model, path, creates);
    for (const path of touched(step)) {
      const node = model.tree.get(path);
      const list = versions.get(path) ?? [{ from: 0, stat: undefined }];
      versions.set(path, list);
      list.push({ from: entry.zxid, stat: node === undefined ? undefined : statOf(node) });
    }
    for (const { id, identities: list } of model.sessions.values()) {
      const known = identities.get(id) ?? [];
      if (known.at(-1)?.list === list) continue;
      known.push({ from: entry.zxid, list });
      identities.set(id, known);
    }
    look(model, step);
  }
  return { steps, versions, identities, final: model };
}

/** As if so many children had been created there, and those that are not there deleted. */
function putForward(model: Model, path: string, creates: number): void {
  const node = model.tree.get(path)!;
  node.deletes += creates - node.creates;
  node.creates = creates;
}

/** Paths whose Stat a step has changed: the znodes themselves, and the parents of those that came or went. */
function touched({ changes }: Step): Set<string> {
  const paths = new Set<string>();
  for (const { type, path } of changes) {
    paths.add(path);
    if (type === "created" || type === "deleted") paths.add(path.slice(0, path.lastIndexOf("/")) || "/");
  }
  return paths;
}
