/** Defects of the client: what it repeats, forgets, believes, or waits for. */
import type { Mutant, PlanChange } from "../mutant.ts";

const CLIENT = "packages/client/dist";

/** Connections break all the time, and some answers with them. */
const CUTS: PlanChange = {
  faults: ["cut", "cut-all", "drop-reply", "lose-write-reply", "partition"],
  faultPauseMs: 500,
  thinkMs: 20,
};

export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    name: "repeated-under-a-new-number",
    bug: "etcd#18424",
    story: "After a reconnect a write without an answer is sent again as a new one: it may be executed twice.",
    file: `${CLIENT}/calls/table.js`,
    find: "this.#ackedSent = this.acked;\n        return this.#frames(this.#outstanding, limits, now);",
    replace: `this.#ackedSent = this.acked;
        for (const call of this.#outstanding) {
            call.xid = ++this.#lastXid;
            const writer = new Writer(4096);
            writeRequest(writer, call.xid, call.body, call.guards);
            call.writtenAt(0, writer.length);
            call.sentIn(writer.take());
        }
        return this.#frames(this.#outstanding, limits, now);`,
    plan: CUTS,
  },
  {
    name: "lost-write-called-failed",
    bug: "etcd#14890",
    story: "A write whose answer never came is said not to have happened.",
    file: `${CLIENT}/calls/table.js`,
    find: "return call.isWrite && call.wasSent && (call.inDoubt || this.#refused.get(call) !== true);",
    replace: "return call.isWrite && call.wasSent && call.inDoubt && this.#refused.size > 0;",
    plan: CUTS,
  },
  {
    name: "given-up-write-called-failed",
    bug: "etcd#18424",
    story: "A write that was given up after it was sent is said not to have happened.",
    file: `${CLIENT}/calls/requester.js`,
    find: 'call.fail(errorFor(open && call.isWrite ? "unknown" : "no"));',
    replace: 'call.fail(errorFor(open && call.inDoubt ? "unknown" : "no"));',
    plan: CUTS,
  },
  {
    name: "replies-matched-by-place",
    bug: "ClickHouse#114401",
    story: "A reply is given to the request that has waited longest, whatever its number.",
    file: `${CLIENT}/session/replies.js`,
    find: "const call = table.find(reply.xid);",
    replace: "const call = [...table.everything()].find((each) => each.wasSent) ?? table.find(reply.xid);",
  },
  {
    name: "watches-set-again-from-now",
    bug: "ZOOKEEPER-1667",
    story: "After a reconnect watches begin at the present: what happened meanwhile is not told.",
    file: `${CLIENT}/watch/registry.js`,
    find: "this.#setAgain(this.#table.allSet());\n        if",
    replace: "this.#toldUpTo(zxid);\n        this.#setAgain(this.#table.allSet());\n        if",
    plan: CUTS,
  },
  {
    name: "watches-set-again-from-the-beginning",
    bug: "rust-zookeeper#50",
    story: "Watches are set again from where they began: events that were told are told again.",
    file: `${CLIENT}/watch/catch-up.js`,
    find: "const zxid = Math.max(registration.from, toldZxid);",
    replace: "const zxid = registration.from;",
    plan: CUTS,
  },
  {
    name: "watches-forgotten-at-reconnect",
    bug: "kazoo#151",
    story: "Watches that are on an absent znode are not set again after a reconnect.",
    file: `${CLIENT}/watch/registration.js`,
    find: "if (registration.isSet)\n                        all.push(registration);",
    replace:
      "if (registration.isSet && registration.kind !== WatchKind.child)\n                        all.push(registration);",
    plan: CUTS,
  },
  {
    name: "all-watches-in-one-request",
    bug: "ZOOKEEPER-706",
    story:
      "All watches are set again in one request: with many of them it is too large, and every new connection ends with it.",
    file: `${CLIENT}/watch/catch-up.js`,
    find: "if (batch.length > 0 && (bytes + size > bytesMax || batch.length >= BATCH_WATCHES_MAX)) {",
    replace: "if (batch.length < 0) {",
    plan: {
      faults: ["cut"],
      limits: { requestBytes: 32 * 1024, watchesPerConnection: 1_000, watches: 10_000 },
    },
  },
  {
    name: "events-told-while-catching-up",
    bug: "kazoo#218",
    story: "While watches are set again, new events are told before older ones that were missed.",
    file: `${CLIENT}/watch/registry.js`,
    find: "if (this.#catchUp !== undefined) {\n            this.#catchUp.add(event);\n            return;\n        }",
    replace: "",
    plan: CUTS,
  },
  {
    name: "results-before-missed-events",
    bug: "ZOOKEEPER-1412",
    story: "Results are handed out while the events that come before them are still being gathered.",
    file: `${CLIENT}/watch/registry.js`,
    find: "this.#requester.hold();",
    replace: "",
    plan: CUTS,
  },
  {
    name: "page-taken-for-progress",
    bug: "ZOOKEEPER-2355",
    story: "A subtree that was sent in part is taken for complete when the connection breaks.",
    file: `${CLIENT}/subscription/feed.js`,
    find: "case SubscriptionKind.page:\n                return",
    replace:
      "case SubscriptionKind.page:\n                this.#inSnapshot = false;\n                this.#cursor = zxid;\n                return",
    plan: { ...CUTS, limits: { pageBytes: 1024 }, valueBytes: 200 },
  },
  {
    name: "subscription-goes-on-a-unit-late",
    bug: "etcd#15271",
    story: "A subscription goes on behind the place that its client has reached on the new connection.",
    file: `${CLIENT}/subscription/feed.js`,
    find: "return { since: this.#cursor, credits:",
    replace: "return { since: this.#cursor < 0 ? this.#cursor : Math.min(zxid, this.#cursor + 2), credits:",
    plan: CUTS,
  },
  {
    name: "attempt-without-a-deadline",
    bug: "ZOOKEEPER-4508",
    story: "An attempt to connect that is not answered is waited for longer than the session lives.",
    file: `${CLIENT}/session/driver.js`,
    find: "return Math.min(ATTEMPT_TIMEOUT_MS, (this.session?.timeoutMs ?? this.settings.sessionTimeoutMs) / 3);",
    replace: "return 1000 * ATTEMPT_TIMEOUT_MS;",
  },
  {
    name: "believes-in-its-session",
    bug: "ZOOKEEPER-4923",
    story: "A client that has heard nothing for the timeout goes on believing in its session.",
    file: `${CLIENT}/session/session.js`,
    find: "const left = this.timeoutMs * (1 - VALIDITY_MARGIN) - elapsedMs(this.#provenAt, now);",
    replace: "const left = 2 * this.timeoutMs - elapsedMs(this.#provenAt, now);",
    plan: { faults: ["partition", "stick-request", "stick-reply"], faultPauseMs: 500 },
  },
  {
    name: "proven-by-arrival",
    bug: "etcd#11456",
    story: "A session is taken for proven from when an answer came, not from when its question was sent.",
    file: `${CLIENT}/session/session.js`,
    find: "if (sentAt.monotonicMs > this.#provenAt.monotonicMs)\n            this.#provenAt = sentAt;",
    replace: "this.#provenAt = sentAt.monotonicMs > 0 ? instantOf(this.#clock) : sentAt;",
    plan: { faults: ["partition", "delay-reply", "slow-link"], faultPauseMs: 500 },
  },
  {
    name: "timeouts-by-the-wall-clock",
    bug: "kazoo#722",
    story: "How long a session has been silent is measured by the wall clock, which jumps.",
    file: `${CLIENT}/session/session.js`,
    find: "return Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);",
    replace: "return now.wallMs - since.wallMs;",
    plan: { faults: ["jump-client", "partition", "stick-request"], faultPauseMs: 500 },
  },
  {
    name: "acknowledges-too-much",
    bug: "jetcd 0.8.2",
    story: "The client says that it has replies that it has not: they are forgotten, and cannot be told again.",
    file: `${CLIENT}/calls/table.js`,
    find: "return first === undefined ? this.#lastXid : first.xid - 1;",
    replace: "return first === undefined ? this.#lastXid : Math.min(first.xid, this.#lastXid - 1);",
    plan: CUTS,
  },
];
