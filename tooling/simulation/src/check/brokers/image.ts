/**
 * Images of a cluster, and what hosts are told of its settings, against the log: an image at a zxid is what the log has made up to there, no
 * more and no less.
 */
import type { BrokerView, ClusterImage, ConfigView, RequestView, TopicView } from "@corral/broker-agent";
import type { Violation } from "../../history.ts";
import type { Note } from "./notes.ts";
import type { Kept } from "./transactions.ts";

/** One line a znode, in no order that depends on who made it. */
const textOf = (lines: readonly string[]): string => lines.toSorted().join("\n");

/** What an image shows. What it cannot read stands there too. */
export function textOfImage(image: ClusterImage): string {
  const lines: string[] = [`cluster ${JSON.stringify(image.cluster)}`];
  for (const view of image.brokers()) {
    const { epoch, mzxid, ...record } = view satisfies BrokerView;
    lines.push(`brokers/${record.id} ${epoch} ${mzxid} ${JSON.stringify(record)}`);
  }
  for (const view of image.topics()) {
    const { version, mzxid, ...record } = view satisfies TopicView;
    lines.push(`topics/${encodeURIComponent(record.name)} ${version} ${mzxid} ${JSON.stringify(record)}`);
  }
  for (const id of image.topicIds())
    for (const { partition, state, version, mzxid } of image.partitionsOf(id))
      lines.push(`partitions/${id}/${partition} ${version} ${mzxid} ${JSON.stringify(state)}`);
  for (const view of image.configs()) {
    const { type, entity, version, mzxid, ...record } = view satisfies ConfigView;
    lines.push(`config/${type}/${entity} ${version} ${mzxid} ${JSON.stringify(record)}`);
  }
  for (const view of image.requests()) {
    const { path, czxid, ...record } = view satisfies RequestView;
    lines.push(`requests/${path.slice(path.lastIndexOf("/") + 1)} ${czxid} ${JSON.stringify(record)}`);
  }
  for (const [path, why] of image.unreadable()) lines.push(`unreadable ${path} ${why}`);
  return textOf(lines);
}

/** The same of what the log has made. */
export function textOfLog(kept: ReadonlyMap<string, Kept>): string {
  const lines: string[] = [];
  for (const [path, { text, czxid, mzxid, version }] of kept) {
    const [kind, first, second] = path.split("/");
    const json = text === "" ? undefined : text;
    if (kind === "") lines.push(`cluster ${json}`);
    else if (kind === "brokers" && first !== undefined) lines.push(`${path} ${czxid} ${mzxid} ${json}`);
    else if (kind === "topics" && first !== undefined) lines.push(`${path} ${version} ${mzxid} ${json}`);
    else if ((kind === "partitions" || kind === "config") && second !== undefined)
      lines.push(`${path} ${version} ${mzxid} ${json}`);
    else if (kind === "requests" && first !== undefined) lines.push(`${path} ${czxid} ${json}`);
  }
  return textOf(lines);
}

/** Walks with the log: give it the notes, then the cluster after each transaction, with the zxid of the next. */
export class ImageCheck {
  readonly violations: Violation[] = [];
  readonly #waiting: Extract<Note, { kind: "image" | "config" }>[];
  #at = 0;
  /** By who was told and of what: what it was told last. */
  readonly #told = new Map<string, string>();

  constructor(notes: readonly Note[]) {
    this.#waiting = notes
      .filter((note) => note.kind === "image" || note.kind === "config")
      .toSorted((a, b) => a.zxid - b.zxid);
    this.#checkOrder(notes);
  }

  #fail(what: string): void {
    this.violations.push({ check: "images", what });
  }

  #checkOrder(notes: readonly Note[]): void {
    const last = new Map<string, number>();
    for (const note of notes) {
      if (note.kind !== "image" && note.kind !== "config") continue;
      const before = last.get(note.who) ?? 0;
      if (note.zxid < before) this.#fail(`${note.who} was shown ${note.zxid} after ${before}`);
      last.set(note.who, note.zxid);
      if (note.kind === "config") this.#checkConfig(note);
    }
  }

  #checkConfig({ who, entity, before, now }: Extract<Note, { kind: "config" }>): void {
    const of = `${who} ${entity}`;
    const known = this.#told.get(of);
    const was = JSON.stringify(before);
    if (known !== was) this.#fail(`${who} was told that ${entity} was ${was}, and before that it was ${known}`);
    const is = JSON.stringify(now);
    if (is === undefined) this.#told.delete(of);
    else this.#told.set(of, is);
  }

  look(kept: ReadonlyMap<string, Kept>, next: number): void {
    let text: string | undefined;
    for (; this.#at < this.#waiting.length && this.#waiting[this.#at]!.zxid < next; this.#at++) {
      const note = this.#waiting[this.#at]!;
      if (note.kind === "image") {
        text ??= textOfLog(kept);
        if (note.text !== text) this.#fail(`${note.who} at ${note.zxid}: ${difference(note.text, text)}`);
        continue;
      }
      const { values } = (kept.get(`config/${note.entity}`)?.data ?? {}) as { readonly values?: unknown };
      const [told, is] = [JSON.stringify(note.now), JSON.stringify(values)];
      if (told !== is) this.#fail(`${note.who} was told that ${note.entity} is ${told} at ${note.zxid}; it was ${is}`);
    }
  }
}

function difference(told: string, meant: string): string {
  const [has, should] = [told.split("\n"), meant.split("\n")];
  const wrong = has.filter((line) => !should.includes(line)).slice(0, 2);
  const missing = should.filter((line) => !has.includes(line)).slice(0, 2);
  return `shows ${JSON.stringify(wrong)}, the log has ${JSON.stringify(missing)}`;
}
