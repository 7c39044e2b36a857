/** The check of replicated logs: by who was elected when, and by what hosts noted. */
import { describe, expect, test } from "vitest";
import { judgeBrokers } from "../src/check/brokers/judge.ts";
import type { LogRecord, Note } from "../src/check/brokers/notes.ts";
import {
  cancelled,
  elected,
  surelyAfter,
  unclean,
  uncleanByTurns,
  uncleanThenClean,
  uncleanTwice,
  unsure,
  unsureStill,
  unsureTwice,
} from "./brokers-elections-made.ts";
import { type ClusterLog, KEY } from "./brokers-made.ts";

const faultsOf = (log: ClusterLog, notes: readonly Note[]): string =>
  judgeBrokers(log.transactions, notes)
    .map(({ what }) => what)
    .join("\n");

/** Records with these values, of one epoch. */
const records = (epoch: number, ...values: readonly number[]): LogRecord[] => values.map((value) => ({ value, epoch }));

const leads = (broker: number, leaderEpoch: number, log: readonly LogRecord[], brokerEpoch = broker): Note => ({
  kind: "leads",
  key: KEY,
  broker,
  leaderEpoch,
  brokerEpoch,
  log,
});
const commits = (broker: number, leaderEpoch: number, from: number, log: readonly LogRecord[]): Note => {
  return { kind: "commits", key: KEY, broker, leaderEpoch, from, to: from + log.length, records: log };
};
const acknowledges = (broker: number, leaderEpoch: number, value: number): Note => ({
  kind: "acknowledges",
  key: KEY,
  broker,
  leaderEpoch,
  value,
});
const holds = (broker: number, log: readonly LogRecord[]): Note => ({ kind: "holds", key: KEY, broker, log });
const loses = (broker: number, count: number): Note => ({ kind: "loses", key: KEY, broker, records: count });

const [a, b] = [records(0, 7, 8), records(1, 9)];

describe("takes", () => {
  test.each<[what: string, log: () => ClusterLog, notes: () => readonly Note[]]>([
    [
      "the next leader with all that was committed and more that was not",
      elected,
      () => [
        leads(1, 0, []),
        commits(1, 0, 0, a.slice(0, 1)),
        leads(2, 1, a),
        commits(2, 1, 0, [...a, ...b]),
        holds(3, [...a, ...b]),
      ],
    ],
    [
      "what was appended and never committed, and is gone",
      elected,
      () => [leads(1, 0, []), commits(1, 0, 0, a), leads(2, 1, [...a, ...b]), holds(2, a)],
    ],
    [
      "a leader that hears of its epoch when the next has committed already",
      elected,
      () => [leads(2, 1, a), commits(2, 1, 0, [...a, ...b]), leads(1, 0, a), holds(3, [...a, ...b])],
    ],
    [
      "what an unclean election loses",
      unclean,
      () => [
        leads(3, 0, []),
        commits(3, 0, 0, a),
        acknowledges(3, 0, 8),
        leads(2, 1, a.slice(0, 1)),
        commits(2, 1, 0, [...a.slice(0, 1), ...b]),
        holds(3, [...a.slice(0, 1), ...b]),
      ],
    ],
    [
      "what a leader of before commits for itself, after an unclean election",
      unclean,
      () => [
        leads(3, 0, []),
        commits(3, 0, 0, a),
        leads(2, 1, []),
        commits(2, 1, 0, b),
        commits(3, 0, 2, records(0, 10)),
        acknowledges(3, 0, 10),
        holds(3, b),
      ],
    ],
    [
      "what the only one in sync had lost with its disk",
      () => unsure().log,
      () => [
        leads(3, 0, []),
        commits(3, 0, 0, a),
        acknowledges(3, 0, 8),
        loses(3, 1),
        leads(3, 1, a.slice(0, 1), unsure().epoch),
        holds(3, a.slice(0, 1)),
      ],
    ],
    [
      "the same, when nobody led for a moment after it was back",
      () => unsureStill().log,
      () => [leads(3, 0, []), commits(3, 0, 0, a), loses(3, 1), leads(3, 2, a.slice(0, 1), unsureStill().epoch)],
    ],
    [
      "what an unclean election loses whose leader never led, when it is elected again",
      () => uncleanTwice().log,
      () => [commits(3, 0, 0, a), leads(2, 3, a.slice(0, 1), uncleanTwice().epoch), holds(3, a.slice(0, 1))],
    ],
    [
      "what a stranger lacks that was put in sync before it was made leader",
      cancelled,
      () => [commits(2, 0, 0, a), acknowledges(2, 0, 8), leads(3, 2, []), commits(3, 2, 0, b), holds(3, b)],
    ],
    [
      "what the only one in sync had lost with its disk, when it never led by its first election",
      () => unsureTwice().log,
      () => [commits(3, 0, 0, a), loses(3, 1), leads(3, 3, a.slice(0, 1), unsureTwice().epoch)],
    ],
    [
      "what a leader of before commits for itself, after an unclean election that lost nothing by then",
      unclean,
      () => [
        commits(3, 0, 0, a),
        leads(2, 1, a),
        commits(3, 0, 2, records(0, 10)),
        acknowledges(3, 0, 10),
        holds(2, a),
      ],
    ],
    [
      "what a second unclean election loses of what the first had left",
      uncleanByTurns,
      () => [
        commits(3, 0, 0, [...a, ...records(0, 10)]),
        acknowledges(3, 0, 8),
        leads(2, 1, a),
        leads(1, 2, a.slice(0, 1)),
        commits(1, 2, 0, [...a.slice(0, 1), ...b]),
        holds(1, [...a.slice(0, 1), ...b]),
      ],
    ],
    [
      "a clean election after an unclean one, with what that had left",
      uncleanThenClean,
      () => [
        commits(3, 0, 0, a),
        acknowledges(3, 0, 8),
        leads(2, 1, a.slice(0, 1)),
        leads(1, 2, a.slice(0, 1)),
        commits(1, 2, 0, [...a.slice(0, 1), ...b]),
        holds(1, [...a.slice(0, 1), ...b]),
      ],
    ],
  ])("%s", (_, log, notes) => {
    expect(faultsOf(log(), notes())).toBe("");
  });
});

describe("refuses", () => {
  test.each<[what: string, fault: RegExp, log: () => ClusterLog, notes: () => readonly Note[]]>([
    [
      "two leaders of one epoch",
      /is led by broker 2 .*, and was by broker 1/,
      elected,
      () => [leads(1, 0, []), leads(2, 0, [])],
    ],
    ["a leader that nobody elected", /elected was/, elected, () => [leads(3, 1, [])]],
    [
      "another life of a broker that leads by the election of the one before",
      /elected was/,
      elected,
      () => [leads(2, 1, [], 77)],
    ],
    [
      "a leader without what was committed",
      /without what was committed at 1/,
      elected,
      () => [leads(1, 0, []), commits(1, 0, 0, a), leads(2, 1, a.slice(0, 1))],
    ],
    [
      "a leader with another record where one was committed",
      /without what was committed at 0/,
      elected,
      () => [leads(1, 0, []), commits(1, 0, 0, a), leads(2, 1, [...records(0, 6), ...b])],
    ],
    [
      "a leader without what was acknowledged, though nobody noted that it was committed",
      /without 8, which was acknowledged/,
      elected,
      () => [acknowledges(1, 0, 8), leads(2, 1, a.slice(0, 1))],
    ],
    [
      "another record that is committed at the same place",
      /commits another record/,
      elected,
      () => [commits(1, 0, 0, a), commits(2, 1, 1, b)],
    ],
    [
      "what is committed, and no record is there",
      /which it has not/,
      elected,
      () => [{ kind: "commits", key: KEY, broker: 1, leaderEpoch: 0, from: 0, to: 2, records: records(0, 7) }],
    ],
    [
      "a high watermark that falls",
      /fell from 2 to 1/,
      elected,
      () => [{ kind: "commits", key: KEY, broker: 1, leaderEpoch: 0, from: 2, to: 1, records: [] }],
    ],
    [
      "one in sync in the end without what was acknowledged",
      /in the end broker 3 holds/,
      elected,
      () => [acknowledges(2, 1, 9), holds(3, a)],
    ],
    [
      "a loss by who was there all the time, though disks had lost something",
      /without what was committed/,
      elected,
      () => [commits(1, 0, 0, a), loses(1, 1), leads(2, 1, [])],
    ],
    [
      "a loss by who was away, where no disk had lost anything",
      /without what was committed/,
      () => unsure().log,
      () => [leads(3, 0, []), commits(3, 0, 0, a), leads(3, 1, [], unsure().epoch)],
    ],
    [
      "a loss that an unclean election does not excuse: what its own leader committed",
      /in the end broker 3/,
      unclean,
      () => [leads(2, 1, []), commits(2, 1, 0, b), holds(3, [])],
    ],
    [
      "a loss by who was elected uncleanly, led with everything, and was elected again",
      /without what was committed at 1/,
      () => uncleanTwice().log,
      () => [commits(3, 0, 0, a), leads(2, 1, a), leads(2, 3, a.slice(0, 1), uncleanTwice().epoch)],
    ],
    [
      "a loss by who had lost something, led with everything all the same, and was elected again without having been away",
      /without 8, which was acknowledged/,
      () => unsureTwice().log,
      () => [
        acknowledges(3, 0, 8),
        loses(3, 1),
        leads(3, 1, a, unsureTwice().epoch),
        leads(3, 3, [], unsureTwice().epoch),
      ],
    ],
    [
      "a loss by who was there all the time, after the election of another who was not",
      /^broker 2 of epoch 2 leads t\/0 @2 without what was committed at 0$/,
      surelyAfter,
      () => [loses(2, 1), commits(3, 0, 0, a), loses(3, 1), leads(2, 2, [])],
    ],
    [
      "a loss of what was committed after an unclean election whose leader never led",
      /in the end broker 3/,
      () => uncleanTwice().log,
      () => [leads(2, 3, [], uncleanTwice().epoch), commits(2, 3, 0, b), holds(3, [])],
    ],
    [
      "a loss by who was away, where only the disk of another had lost something",
      /without what was committed/,
      () => unsure().log,
      () => [commits(3, 0, 0, a), loses(2, 1), leads(3, 1, [], unsure().epoch)],
    ],
    [
      "what was committed before an unclean election, that had it, and lost after it",
      /in the end broker 3/,
      unclean,
      () => [commits(3, 0, 0, a), leads(2, 1, a), holds(3, a.slice(0, 1))],
    ],
    [
      "a loss by who was elected cleanly, of what an unclean election before had left",
      /^broker 1 of epoch 1 leads t\/0 @2 without what was committed at 1$/,
      uncleanThenClean,
      () => [commits(3, 0, 0, [...a, ...records(0, 10)]), leads(2, 1, a), leads(1, 2, a.slice(0, 1))],
    ],
    [
      "the same of what was acknowledged, and nobody noted that it was committed",
      /^broker 1 of epoch 1 leads t\/0 @2 without 8, which was acknowledged$/,
      uncleanThenClean,
      () => [acknowledges(3, 0, 8), acknowledges(3, 0, 10), leads(2, 1, a), leads(1, 2, a.slice(0, 1))],
    ],
    [
      "a loss in the end of what two unclean elections had left",
      /^in the end broker 1 holds t\/0 without what was committed at 0$/,
      uncleanByTurns,
      () => [commits(3, 0, 0, a), leads(2, 1, a), leads(1, 2, a.slice(0, 1)), holds(1, b)],
    ],
    [
      "a record in the place of one that an unclean election had left",
      /commits another record at t\/0 @1 0$/,
      unclean,
      () => [commits(3, 0, 0, a), leads(2, 1, a.slice(0, 1)), commits(2, 1, 0, b)],
    ],
  ])("%s", (_, fault, log, notes) => {
    expect(faultsOf(log(), notes())).toMatch(fault);
  });
});
