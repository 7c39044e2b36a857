/** Defects of watches and subscriptions at the server: told too late, twice, never, or to the wrong one. */
import type { Mutant, PlanChange } from "../mutant.ts";

const ENGINE = "packages/server/dist/engine";
const STEPS = `${ENGINE}/steps`;

/** Connections break all the time, and some answers with them. */
const CUTS: PlanChange = {
  faults: ["cut", "cut-all", "drop-reply", "lose-write-reply", "partition"],
  faultPauseMs: 500,
  thinkMs: 20,
};

export const WATCH_MUTANTS: readonly Mutant[] = [
  {
    name: "modes-overwrite-each-other",
    bug: "ZOOKEEPER-4466",
    story: "A second kind of watch on a path takes the place of the first.",
    file: `${ENGINE}/tables/watch-table.js`,
    find: "connection.watches.set(path, bits | bit);",
    replace: "connection.watches.set(path, bit);",
  },
  {
    name: "removing-one-removes-all",
    bug: "ZOOKEEPER-1910",
    story: "Removing one kind of watch removes all on the path.",
    file: `${ENGINE}/tables/watch-table.js`,
    find: "const left = there & ~bits;",
    replace: "const left = bits === WatchBit.persistent ? 0 : there & ~bits;",
  },
  {
    name: "recursive-counter-drifts",
    bug: "ZOOKEEPER-4475",
    story: "Recursive watches are counted down when others go: soon none of them is looked at.",
    file: `${ENGINE}/tables/watch-table.js`,
    find: "if ((there & bits & WatchBit.recursive) !== 0)\n            this.#recursive--;",
    replace: "if ((bits & WatchBit.recursive) !== 0 || bits === WatchBit.persistent)\n            this.#recursive--;",
  },
  {
    name: "events-after-the-reply",
    bug: "ZOOKEEPER-1412",
    story: "The writer has its answer before the watchers hear of the change.",
    file: `${STEPS}/commit.js`,
    find: "notify(world, zxid, applied.changes);\n",
    replace:
      "const late = settle(world, txn, applied);\n        if (late !== undefined) touchedConnections.add(late);\n        notify(world, zxid, applied.changes);\n",
  },
  {
    name: "watch-before-the-present",
    bug: "etcd#17529",
    story: "A watch that begins now is told of what was before.",
    file: `${STEPS}/set-watches.js`,
    find: "kinds.has(watch.kind) && watch.zxid < entry.zxid && !spent.has(watch)",
    replace: "kinds.has(watch.kind) && !spent.has(watch)",
    plan: CUTS,
  },
  {
    name: "one-shot-set-again",
    bug: "ZOOKEEPER-1667",
    story: "A one-shot watch that was spent on what its owner has missed is registered all the same, and fires twice.",
    file: `${STEPS}/set-watches.js`,
    find: "if (!spent.has(watch))",
    replace: "if (watch !== undefined)",
    plan: CUTS,
  },
  {
    name: "deletion-missed-by-a-reconnect",
    bug: "ZOOKEEPER-1412",
    story: "A watch on children is not told that its znode went while the client was away.",
    file: `${STEPS}/set-watches.js`,
    find: "if (entry.type === EventType.deleted)\n            isHeard = fire(path, CHILD) || isHeard;",
    replace: "",
    plan: CUTS,
  },
  {
    name: "child-event-missing",
    bug: "ZOOKEEPER-706",
    story: "Who watches the children of a znode is not told that it was deleted.",
    file: `${STEPS}/notify.js`,
    find: "if (type === EventType.deleted)\n        world.watches.fire(path, CHILD, event.tell);",
    replace: "",
  },
  {
    name: "history-with-a-hole",
    bug: "ZOOKEEPER-4925",
    story: "The first change after the place from which a subscription goes on is left out.",
    file: "packages/state-machine/dist/history.js",
    find: "while (first > 0 && this.#zxid[first - 1] > zxid)",
    replace: "while (first > 0 && this.#zxid[first - 1] > zxid + 1)",
    plan: CUTS,
  },
  {
    name: "compaction-not-noticed",
    bug: "etcd#18089",
    story: "A subscription that goes on from before what is remembered is told what is left, without a word.",
    file: `${STEPS}/subscribe.js`,
    find: "if (lag < history.since)",
    replace: "if (lag < 0 * history.since)",
    plan: { ...CUTS, history: { historyEntries: 20, historyBytes: 5_000 } },
  },
  {
    name: "progress-ahead-of-events",
    bug: "etcd#15220",
    story: "A subscription is told that it has everything while changes are still to come.",
    file: `${STEPS}/subscribe.js`,
    find: "if (subscription.lag !== undefined)\n            steps +=",
    replace: "if (subscription.lag !== undefined && subscription.isSynced)\n            steps +=",
  },
  {
    name: "starved-subscription-forgets",
    bug: "etcd#19179",
    story: "A change that comes while a subscription has no credit is dropped.",
    file: `${STEPS}/subscribe.js`,
    find: "subscription.lag = zxid - 1;",
    replace: "subscription.lag = zxid;",
    plan: CUTS,
  },
];
