/** What is kept in memory of the tree: contents that were said to be those of a zxid are those that the log gives it. */
import { isIn } from "../../model/tree.ts";
import type { View } from "./book.ts";
import { changedAt, dataAt, type Tale, type ZnodeLife } from "./tale.ts";

export const cacheLine = (path: string, czxid: number, mzxid: number, text: string): string =>
  `${path} ${czxid} ${mzxid} ${text}`;
export const memberLine = (id: string, epoch: number, text: string): string => `${id} ${epoch} ${text}`;

/** Lines of the znodes that were there, sorted. */
function linesAt({ of, path, zxid }: View, tale: Tale): string[] {
  const there: ZnodeLife[] = [];
  for (const each of tale.paths) {
    const life = isIn(path, each) ? tale.at(each, zxid) : undefined;
    if (life !== undefined) there.push(life);
  }
  const lines =
    of === "cache"
      ? there.map((life) => cacheLine(life.path, life.czxid, changedAt(life, zxid), dataAt(life, zxid)))
      : there
          .filter(({ parent, owner }) => parent === path && owner !== 0)
          .map((life) => memberLine(life.name, life.czxid, dataAt(life, zxid)));
  return lines.sort();
}

/** For each who looks, zxids never go back, and none is of the future. */
export function checkViews(views: readonly View[], tale: Tale): string[] {
  const wrong: string[] = [];
  const last = new Map<string, number>();
  for (const view of views) {
    const { who, of, path, zxid, at, lines } = view;
    const name = `${of} of ${path} of ${who} at ${zxid}`;
    const key = `${of} ${path} ${who}`;
    if (zxid > at) wrong.push(`${name}: known at ${at}`);
    if (zxid < (last.get(key) ?? 0)) wrong.push(`${name}: was at ${last.get(key)} before`);
    last.set(key, zxid);
    const meant = linesAt(view, tale);
    const extra = lines.filter((line) => !meant.includes(line));
    const missing = meant.filter((line) => !lines.includes(line));
    if (extra.length + missing.length > 0)
      wrong.push(`${name}: has ${JSON.stringify(extra)}, and not ${JSON.stringify(missing)}`);
  }
  return wrong;
}
