/**
 * A run to be read by people: one line an event, with its time, and a column for each process.
 *
 * Owns where things stand on the page, and where a violation is marked: where it was seen, if that is known.
 */
import type { Violation } from "../history.ts";
import type { Happening } from "../world/trace.ts";
import { type Case, sizeOf } from "./case.ts";
import { wordsOf, zxidsOf, zxidWord } from "./frame-words.ts";

/** More of one run are not kept. */
const HAPPENINGS_MAX = 60_000;
const COLUMN_WIDTH = 46;
/** Of the server, which says most at once. */
const SERVER_WIDTH = 72;
const TIME_WIDTH = 11;
const VIOLATIONS_MAX = 10;
const WIDTH_MAX = 1_000;
/** Larger numbers that begin with an epoch are times. */
const EPOCH_MAX = 255;
const ZXIDS_PER_EPOCH = 2 ** 32;

const SERVER = "server";
const DISK = "disk";
/** What the trace says of the server itself. */
const OF_SERVER = ["started", "not started", "compared", "not compared", "fatal"];

export class Chronicle {
  readonly #happenings: (Happening & { readonly violations: number })[] = [];
  #left = 0;

  /** To be handed to a run. */
  readonly read = (happening: Happening, violations: number): void => {
    if (this.#happenings.length < HAPPENINGS_MAX) this.#happenings.push({ ...happening, violations });
    else this.#left++;
  };

  text(of: Case, violations: readonly Violation[]): string {
    const clients = clientsOf(this.#happenings);
    const columns = [SERVER, ...clients, DISK];
    const marks = marksOf(this.#happenings, violations.slice(0, VIOLATIONS_MAX));
    const lines = [`seed ${of.seed}${of.plant === undefined ? "" : ` with ${of.plant} built in`}: ${sizeOf(of)}`, ""];
    lines.push(row("ms", columns, (column) => (clients.includes(column) ? `client ${column}` : column)));
    for (const [i, happening] of this.#happenings.entries()) {
      lines.push(...(marks.get(i) ?? []));
      lines.push(lineOf(happening, columns));
    }
    if (this.#left > 0) lines.push(`and ${this.#left} more`);
    lines.push(...(marks.get(this.#happenings.length) ?? []));
    return `${lines.join("\n")}\n`;
  }
}

function clientsOf(happenings: readonly Happening[]): string[] {
  return [...new Set(happenings.flatMap(({ frame }) => (frame === undefined ? [] : [frame.link.client])))].toSorted();
}

function lineOf({ atMs, what, frame }: Happening, columns: readonly string[]): string {
  const time = atMs.toFixed(3);
  if (frame !== undefined) {
    const { client, id } = frame.link;
    const [column, arrow] = frame.from === "client" ? [client, `${id}>`] : [SERVER, `>${id}`];
    return row(time, columns, (each) => (each === column ? `${arrow} ${wordsOf(frame)}` : ""));
  }
  const [column, words] = placeOf(what, columns);
  if (column === undefined) return `${time.padStart(TIME_WIDTH)}  -- ${words}`;
  return row(time, columns, (each) => (each === column ? words : ""));
}

/** Whose line it is; undefined: everybody's. */
function placeOf(what: string, columns: readonly string[]): readonly [string | undefined, string] {
  if (what.startsWith("disk ")) return [DISK, what.slice("disk ".length)];
  if (OF_SERVER.some((word) => what.startsWith(word))) return [SERVER, what];
  const words = what.startsWith("client ") ? what.slice("client ".length) : what;
  const owner = columns.find((column) => words.startsWith(`${column} `) || words.startsWith(`${column}'`));
  // The column says whose it is; which of its lives stays.
  return owner === undefined ? [undefined, what] : [owner, words.slice(owner.length).trimStart()];
}

function row(time: string, columns: readonly string[], text: (column: string) => string): string {
  const cells = columns.map((column) => {
    const cell = text(column);
    const width = column === SERVER ? SERVER_WIDTH : COLUMN_WIDTH;
    return (cell.length > width ? `${cell.slice(0, width - 1)}…` : cell).padEnd(width);
  });
  return `${time.padStart(TIME_WIDTH)}  ${cells.join(" ")}`.trimEnd();
}

/** By the index of the happening before which it stands; those that cannot be placed stand at the end. */
function marksOf(
  happenings: readonly (Happening & { readonly violations: number })[],
  violations: readonly Violation[],
): Map<number, string[]> {
  const marks = new Map<number, string[]>();
  for (const [i, violation] of violations.entries()) {
    const seenLive = happenings.findIndex((happening) => happening.violations > i);
    const at = seenLive >= 0 ? seenLive : shownAt(happenings, violation) + 1 || happenings.length;
    const text = `!! ${violation.check}: ${withZxids(violation.what).slice(0, WIDTH_MAX)}`;
    marks.set(at, [...(marks.get(at) ?? []), text]);
  }
  return marks;
}

const isZxid = (number: number): boolean => number > ZXIDS_PER_EPOCH && number < (EPOCH_MAX + 1) * ZXIDS_PER_EPOCH;

const withZxids = (text: string): string =>
  text.replaceAll(/\b\d{10,13}\b/g, (digits) => (isZxid(Number(digits)) ? zxidWord(Number(digits)) : digits));

/** Where the last of the zxids that it names is first shown, on the connection that it names; -1 if they are not. */
function shownAt(happenings: readonly Happening[], { what }: Violation): number {
  const connection = /\bconnection (\d+)/.exec(what)?.[1];
  const named = new Set((what.match(/\b\d{10,13}\b/g) ?? []).map(Number).filter(isZxid));
  let last = -1;
  for (const [i, { frame }] of happenings.entries()) {
    if (frame === undefined || named.size === 0) continue;
    if (connection !== undefined && frame.link.id !== Number(connection)) continue;
    for (const zxid of zxidsOf(frame)) if (named.delete(zxid)) last = i;
  }
  return last;
}
