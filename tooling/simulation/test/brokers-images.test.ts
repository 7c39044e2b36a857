/** The check of images and of told settings: what a broker is shown at a zxid is what the log has made up to there. */
import { describe, expect, test } from "vitest";
import { textOfLog } from "../src/check/brokers/image.ts";
import { judgeBrokers } from "../src/check/brokers/judge.ts";
import type { Note } from "../src/check/brokers/notes.ts";
import { ClusterLog, partition, sessionOf } from "./brokers-made.ts";

const ENTITY = "topics/orders";
const settings = (value: string): Readonly<Record<string, string>> => ({ a: value });

/** Settings come, change, and the partition changes; with what there was to be seen after each. */
function story(): {
  readonly log: ClusterLog;
  readonly shown: readonly { readonly zxid: number; readonly text: string }[];
} {
  const log = new ClusterLog();
  const shown: { zxid: number; text: string }[] = [];
  const look = (): void => void shown.push({ zxid: log.zxid, text: textOfLog(log.kept) });
  look();
  log.write(sessionOf(1), { [`config/${ENTITY}`]: { values: settings("1") } });
  look();
  log.become(1, partition({ isr: [1, 2] }));
  look();
  log.write(sessionOf(1), { [`config/${ENTITY}`]: { values: settings("2") } });
  look();
  return { log, shown };
}
const { log, shown } = story();
const at = (i: number): { readonly zxid: number; readonly text: string } => shown[i]!;
const image = (zxid: number, text: string, who = "b1"): Note => ({ kind: "image", who, zxid, text });
const config = (zxid: number, before: string | undefined, now: string | undefined, who = "b1"): Note => ({
  kind: "config",
  who,
  entity: ENTITY,
  zxid,
  before: before === undefined ? undefined : settings(before),
  now: now === undefined ? undefined : settings(now),
});
const faultsOf = (...notes: readonly Note[]): string =>
  judgeBrokers(log.transactions, notes)
    .map(({ what }) => what)
    .join("\n");

describe("takes", () => {
  test.each<[what: string, notes: readonly Note[]]>([
    ["images as the log made them, in order", shown.map(({ zxid, text }) => image(zxid, text))],
    ["an image that is behind what the server has", [image(at(0).zxid, at(0).text)]],
    ["an image at a zxid between two that changed anything", [image(at(3).zxid + 50, at(3).text)]],
    ["the same image twice", [image(at(1).zxid, at(1).text), image(at(1).zxid, at(1).text)]],
    ["two brokers that are not equally far", [image(at(3).zxid, at(3).text), image(at(1).zxid, at(1).text, "b2")]],
    ["settings that are told as they change", [config(at(1).zxid, undefined, "1"), config(at(3).zxid, "1", "2")]],
    ["settings that are told late, with what was between left out", [config(at(3).zxid, undefined, "2")]],
  ])("%s", (_, notes) => {
    expect(faultsOf(...notes)).toBe("");
  });
});

describe("refuses", () => {
  test.each<[what: string, fault: RegExp, notes: readonly Note[]]>([
    ["an image that lacks the last change", /the log has/, [image(at(3).zxid, at(2).text)]],
    ["an image that is ahead of its zxid", /the log has/, [image(at(1).zxid, at(2).text)]],
    [
      "an image without a change that came before another it has",
      /the log has/,
      [image(at(3).zxid, at(3).text.replace(/.*partitions.*\n/, ""))],
    ],
    [
      "an image with what is nowhere",
      /shows \["topics\/ghost/,
      [image(at(3).zxid, `${at(3).text}\ntopics/ghost 0 1 {}`)],
    ],
    [
      "an image that cannot read what is well",
      /shows \["unreadable/,
      [image(at(3).zxid, `${at(3).text}\nunreadable /x y`)],
    ],
    ["an image that goes back", /was shown .* after/, [image(at(3).zxid, at(3).text), image(at(1).zxid, at(1).text)]],
    ["settings that are told otherwise than they are", /it was/, [config(at(3).zxid, undefined, "1")]],
    [
      "settings with another beginning than the end before",
      /was told that .* was/,
      [config(at(1).zxid, undefined, "1"), config(at(3).zxid, "0", "2")],
    ],
    [
      "settings that are said to be gone, and are not",
      /it was/,
      [config(at(1).zxid, undefined, "1"), config(at(3).zxid, "1", undefined)],
    ],
  ])("%s", (_, fault, notes) => {
    expect(faultsOf(...notes)).toMatch(fault);
  });
});
