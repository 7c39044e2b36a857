/**
 * What the log did to a cluster, one transaction after the other: the entries replayed through the model, and of each what it changed below
 * the cluster's znode, and whose session did it. Never looks at what a broker believes.
 */
import { DEFAULT_OPTIONS, TxnKind } from "@corral/state-machine";
import { type Entry, Model, type Step } from "../../model/model.ts";

export interface Kept {
  /** Parsed, and as it stands there; undefined and "" where a znode has no data. */
  readonly data: unknown;
  readonly text: string;
  readonly czxid: number;
  readonly mzxid: number;
  readonly version: number;
  /** The session whose ephemeral it is, or 0. */
  readonly owner: number;
}

export interface Changed {
  /** Below the cluster: `brokers/1`; of the cluster itself empty. */
  readonly path: string;
  readonly before: Kept | undefined;
  readonly now: Kept | undefined;
}

export interface Transaction {
  readonly zxid: number;
  /** Who asked for it; undefined for what the server does by itself, as the end of a session whose time is over. */
  readonly session: number | undefined;
  readonly changes: readonly Changed[];
}

/** Only those that changed anything of this cluster. */
export function transactionsOf(entries: readonly Entry[], cluster: string): Transaction[] {
  const model = new Model(DEFAULT_OPTIONS);
  const known = new Map<string, Kept>();
  const transactions: Transaction[] = [];
  for (const entry of entries) {
    const step = model.apply(entry);
    const changes = changesOf(step, model, cluster, known);
    if (changes.length > 0) transactions.push({ zxid: entry.zxid, session: sessionOf(entry), changes });
  }
  return transactions;
}

function sessionOf({ txn }: Entry): number | undefined {
  return txn.kind === TxnKind.write ? txn.session : undefined;
}

/** Of several changes of one znode in one transaction only what they come to is seen. */
function changesOf({ changes }: Step, model: Model, cluster: string, known: Map<string, Kept>): Changed[] {
  const paths = new Set<string>();
  for (const { path } of changes) if (path === cluster || path.startsWith(`${cluster}/`)) paths.add(path);
  return Array.from(paths, (full) => {
    const path = full.slice(cluster.length + 1);
    const node = model.tree.get(full);
    const before = known.get(path);
    if (node === undefined) {
      known.delete(path);
      return { path, before, now: undefined };
    }
    const text = node.data === null ? "" : Buffer.from(node.data).toString("utf8");
    const { czxid, mzxid, version, owner } = node;
    const now: Kept = { data: parsed(text), text, czxid, mzxid, version, owner };
    known.set(path, now);
    return { path, before, now };
  });
}

/** What is no JSON is nothing that brokers look at: candidates for the controllership have a form of their own. */
function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
