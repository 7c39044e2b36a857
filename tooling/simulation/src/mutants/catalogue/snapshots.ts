/** Defects of snapshots and of recovery: what a state put together from one lacks, or has twice. */
import type { Mutant, PlanChange } from "../mutant.ts";

const MACHINE = "packages/state-machine/dist";

/** Snapshots are taken all the time, while much changes, and read again soon. */
const SNAPSHOTS: PlanChange = {
  faults: ["power-failure", "kill", "restart", "checkpoint"],
  faultPauseMs: 500,
  disk: { baseMs: 2, spikeMs: 100, spikes: 0.05 },
  limits: { snapshotEntries: 20 },
  thinkMs: 20,
};

export const SNAPSHOT_MUTANTS: readonly Mutant[] = [
  {
    name: "snapshot-named-too-late",
    bug: "ZOOKEEPER-3127",
    story: "The mark of what has been applied moves first: a snapshot taken then lacks the operations that come after.",
    file: "packages/server/dist/engine/engine.js",
    find: "commit(this.#world, this.#applier, batch, this.#touched);",
    replace: `const isDue = this.#entriesSinceSnapshot + batch.count >= this.#world.limits.snapshotEntries && !this.#isSnapshotting;
        const cut = isDue && this.state.zxid > 0 ? new SnapshotCut(this.state, this.#world.limits.snapshotImageBytes) : undefined;
        commit(this.#world, this.#applier, batch, this.#touched);
        if (cut !== undefined) {
            cut.zxid = this.state.zxid;
            this.#isSnapshotting = true;
            this.#entriesSinceSnapshot = -batch.count;
            this.#world.sink.checkpoint(cut);
        }`,
    plan: SNAPSHOTS,
  },
  {
    name: "snapshot-without-before-images",
    bug: "ZOOKEEPER-1090",
    story: "Znodes that change while a snapshot is written are in it as they are afterwards.",
    file: `${MACHINE}/snapshot.js`,
    find: "this.#images.set(slot, tree.image(slot));",
    replace: "",
    plan: SNAPSHOTS,
  },
  {
    name: "snapshot-without-removed",
    bug: "ZOOKEEPER-1573",
    story:
      "A znode that is deleted while a snapshot is written is missing in it, and the deletion comes again at replay.",
    file: `${MACHINE}/snapshot.js`,
    find: "removing(slot) {\n        this.changing(slot);",
    replace: "removing(slot) {\n        void slot;",
    plan: SNAPSHOTS,
  },
  {
    name: "snapshot-without-new-sessions",
    bug: "ZOOKEEPER-3144",
    story: "A session that was opened just before is not in the snapshot, its ephemerals are.",
    file: `${MACHINE}/snapshot.js`,
    find: "this.#sessionIds = state.sessions.ids();",
    replace: "this.#sessionIds = state.sessions.ids().filter((id) => id < state.zxid - 10);",
    plan: SNAPSHOTS,
  },
  {
    name: "snapshot-with-later-sessions",
    bug: "etcd#13766",
    story: "Sessions are in the snapshot as they are when it is written: their numbers are ahead of the tree.",
    file: `${MACHINE}/snapshot.js`,
    find: "this.#sessionImages.set(session.id, w.take());",
    replace: "",
    plan: SNAPSHOTS,
  },
  {
    name: "snapshot-lacks-acls",
    bug: "ZOOKEEPER-3306",
    story:
      "Lists that came into being after the first ones are not in the snapshot, the znodes that refer to them are.",
    file: `${MACHINE}/snapshot.js`,
    find: "writeAclRecord(w, number, acl);",
    replace: "if (number < 3) writeAclRecord(w, number, acl);",
    plan: SNAPSHOTS,
  },
  {
    name: "acl-freed-in-use",
    bug: "ZOOKEEPER-3306",
    story: "The history refers to a list without being counted among its users: its number is given to another one.",
    file: `${MACHINE}/history.js`,
    find: "this.#acl[i] = this.#acls.share(acl);",
    replace: "this.#acl[i] = acl;",
    plan: { history: { historyEntries: 20, historyBytes: 5_000 } },
  },
  {
    name: "answers-not-in-the-snapshot",
    bug: "jetcd 0.8.2",
    story: "The remembered answers are not restored from a snapshot: a write that comes again is not recognised.",
    file: `${MACHINE}/restore.js`,
    find: "session.lastWrite = record.lastWrite;",
    replace: "session.lastWrite = record.results.length === 0 ? record.lastWrite : 0;",
  },
  {
    name: "options-not-restored",
    bug: "etcd#14571",
    story: "What all daemons go by is not loaded with a snapshot: after a restart other rules hold.",
    file: `${MACHINE}/restore.js`,
    find: "state.options = options;",
    replace: "",
    plan: SNAPSHOTS,
  },
  {
    name: "two-snapshots-at-once",
    bug: "etcd#18055",
    story: "A second snapshot is begun while the first is being written.",
    file: "packages/server/dist/engine/engine.js",
    find: "if (this.#isSnapshotting || this.state.zxid === 0)",
    replace: "if (this.state.zxid === 0)",
    plan: SNAPSHOTS,
  },
  {
    name: "history-restored-without-its-end",
    bug: "etcd#15271",
    story:
      "The history in a snapshot ends before the snapshot does: a watch goes back in time, and misses what is between.",
    file: `${MACHINE}/snapshot.js`,
    find: "if (entry.zxid > this.zxid)\n                    break;",
    replace: "if (entry.zxid > this.zxid - 5)\n                    break;",
    plan: SNAPSHOTS,
  },
  {
    name: "counters-not-restored",
    bug: "ZOOKEEPER-1046",
    story: "After a restart a parent counts its children instead of those it ever had: a sequential name comes again.",
    file: `${MACHINE}/snapshot-records.js`,
    find: "w.int(image.creates);",
    replace: "w.int(image.creates - (image.creates % 2));",
    plan: SNAPSHOTS,
  },
];
