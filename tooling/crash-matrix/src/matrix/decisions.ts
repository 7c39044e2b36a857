/**
 * Which decisions about what is unsynced the matrix tries, and how they are written.
 *
 * One token a change, in the order of the changes: `k` kept, `l` lost, `g` only the length, and for a write torn at a border
 * of 512 or 4096 bytes its size and which sectors survive: `512p3` the first three, `512s3` all but these, `512e` those with
 * even numbers, `512o` the others. A decision is its tokens with commas; `-` when nothing is unsynced.
 *
 * Up to {@link EXHAUSTIVE_MAX} changes: every subset. Above: a bounded set that is the same every time. Torn writes are tried
 * with all others kept, and with all others lost.
 */
import type { Fate, Unsynced } from "@corral/log/testing";
import { drawFrom } from "@corral/testing/world";

export type Decision = readonly string[];

const EXHAUSTIVE_MAX = 6;
/** Of each kind at one moment: subsets, and torn writes. */
const SUBSETS_MAX = 64;
const TORN_MAX = 64;
/** Up to so many sectors a lone write is torn at every border. */
const BORDERS_MAX = 8;

export function decisionsAt(unsynced: readonly Unsynced[], seed: number): Decision[] {
  return unique([...subsets(unsynced.length, seed), ...tornWrites(unsynced)]);
}

export function decisionText(decision: Decision): string {
  return decision.length === 0 ? "-" : decision.join(",");
}

/** Throws when it is none for these changes. */
export function parseDecision(text: string, unsynced: readonly Unsynced[]): Decision {
  const tokens = text === "-" ? [] : text.split(",");
  if (tokens.length !== unsynced.length)
    throw new Error(`${text} decides about ${tokens.length} changes; ${unsynced.length} are unsynced there`);
  for (const token of tokens) fateOf(token);
  return tokens;
}

/** To be asked by `crashWith`. */
export function fates(decision: Decision, unsynced: readonly Unsynced[]): (change: Unsynced) => Fate {
  const byNumber = new Map(unsynced.map(({ number }, index) => [number, fateOf(decision[index]!)]));
  return ({ number }) => byNumber.get(number) ?? "lost";
}

function fateOf(token: string): Fate {
  if (token === "k") return "kept";
  if (token === "l") return "lost";
  if (token === "g") return "grown";
  const [, size, which, border] = /^(512|4096)(?:([ps])(\d+)|[eo])$/.exec(token) ?? [];
  if (size === undefined) throw new Error(`${token} is no token of a decision`);
  const sectorBytes = size === "512" ? 512 : 4096;
  if (which === undefined) {
    const rest = token.endsWith("e") ? 0 : 1;
    return { sectorBytes, keeps: (sector) => sector % 2 === rest };
  }
  const at = Number(border);
  return { sectorBytes, keeps: which === "p" ? (sector) => sector < at : (sector) => sector >= at };
}

function subsets(count: number, seed: number): Decision[] {
  if (count === 0) return [[]];
  if (count <= EXHAUSTIVE_MAX)
    return Array.from({ length: 2 ** count }, (_, bits) => each(count, (index) => ((bits >> index) & 1) === 1));
  const all = [each(count, () => false), each(count, () => true)];
  // One of each kind in turn, so that the bound takes from all.
  for (let at = 0; at < count && all.length < SUBSETS_MAX * 2; at += 1)
    all.push(
      each(count, (index) => index !== at),
      each(count, (index) => index === at),
      each(count, (index) => index < at),
      each(count, (index) => index >= at),
    );
  const draw = drawFrom(seed, "subsets");
  // Twice as many draws as there is room for: some are there already.
  for (let drawn = 0; drawn < SUBSETS_MAX * 2; drawn += 1) all.push(each(count, () => draw() < 0.5));
  return unique(all).slice(0, SUBSETS_MAX);
}

function each(count: number, isKept: (index: number) => boolean): Decision {
  return Array.from({ length: count }, (_, index) => (isKept(index) ? "k" : "l"));
}

function tornWrites(unsynced: readonly Unsynced[]): Decision[] {
  const all: Decision[] = [];
  const isAlone = unsynced.length === 1;
  for (const [index, change] of unsynced.entries()) {
    if (change.kind !== "write") continue;
    for (const token of tornTokens(change, isAlone))
      for (const others of isAlone ? ["l"] : ["k", "l"])
        all.push(unsynced.map((_, other) => (other === index ? token : others)));
  }
  const step = Math.max(1, all.length / TORN_MAX);
  return Array.from({ length: Math.min(all.length, TORN_MAX) }, (_, index) => all[Math.floor(index * step)]!);
}

function tornTokens({ at, length }: Unsynced, isAlone: boolean): string[] {
  const tokens = ["g"];
  for (const sectorBytes of [512, 4096]) {
    const sectors = Math.ceil((at + length) / sectorBytes) - Math.floor(at / sectorBytes);
    if (sectors < 2) continue;
    const some = [...new Set([1, Math.floor(sectors / 2), sectors - 1])];
    const borders =
      isAlone && sectors <= BORDERS_MAX ? Array.from({ length: sectors - 1 }, (_, index) => index + 1) : some;
    for (const border of borders) tokens.push(`${sectorBytes}p${border}`, `${sectorBytes}s${border}`);
    if (sectors > 2) tokens.push(`${sectorBytes}e`, `${sectorBytes}o`);
  }
  return tokens;
}

function unique(decisions: readonly Decision[]): Decision[] {
  return [...new Map(decisions.map((decision) => [decisionText(decision), decision])).values()];
}
