/**
 * State: all that is replicated, and nothing else. Two daemons that have applied the same entries hold the same State.
 */
import { DEFAULT_HISTORY_LIMITS, History, type HistoryLimits } from "./history.ts";
import { DEFAULT_OPTIONS, type Options } from "./options.ts";
import { QuotaTable } from "./quota.ts";
import { SessionTable } from "./session-table.ts";
import { Tree } from "./tree/tree.ts";

export class State {
  readonly tree: Tree;
  readonly sessions: SessionTable;
  readonly history: History;
  readonly quotas: QuotaTable;
  options: Options = DEFAULT_OPTIONS;
  /** Of the last entry applied. */
  zxid = 0;
  /** Stamp of the last entry applied, log-clock milliseconds. */
  timeMs = 0;

  constructor(historyLimits: HistoryLimits = DEFAULT_HISTORY_LIMITS, tree: Tree = new Tree()) {
    this.tree = tree;
    this.sessions = new SessionTable(tree.slab);
    this.history = new History(tree.acls, historyLimits);
    this.quotas = new QuotaTable(tree);
  }
}
