/** What was reached, as far as only the log and the wire can tell. */
import { errorCode, Op, SubscriptionKind } from "@corral/protocol";
import type { Frame } from "@corral/testing/world";
import type { Book } from "../../check/recipes/book.ts";
import { purposeOf, rightOf } from "../../check/recipes/holds.ts";
import type { Tale } from "../../check/recipes/tale.ts";
import { CACHED } from "./caches.ts";
import { COUNTER } from "./numbers.ts";
import { ELECTION } from "./leading.ts";
import { LOCKS, READ_WRITE } from "./holding.ts";
import type { RecipeMark } from "./marks.ts";
import { ROUNDS } from "./meetings.ts";

export function markWhatWas(book: Book, tale: Tale, frames: readonly Frame[], mark: (mark: RecipeMark) => void): void {
  if (wasKeptUntilTheEnd(book, tale)) mark("recipes: nobody got what was held until its session was over");
  if (wasSentAnew(frames)) mark("recipes: a cache was sent its subtree anew");
  if (hasMissedOne(frames)) mark("recipes: a predecessor went between the list and the watch");
  for (const { path, asked, outcome, startAt } of book.sums) {
    if (path !== COUNTER || outcome !== "unknown" || !("by" in asked)) continue;
    const isDone = tale
      .livesOf(COUNTER)
      .some(({ data }) =>
        data.some(({ at, text }, i) => at > startAt && Number(text) - Number(data[i - 1]?.text ?? 0) === asked.by),
      );
    mark(
      isDone
        ? "recipes: an addition with unknown outcome was done"
        : "recipes: an addition with unknown outcome was not done",
    );
  }
  const ready = tale.livesOf(`${ROUNDS}/round/ready`);
  const isLost = tale
    .childrenOf(`${ROUNDS}/round`)
    .some(({ owner, to, czxid }) => owner !== 0 && !ready.some((one) => one.czxid > czxid && one.czxid < to));
  if (isLost) mark("recipes: a party was lost before its round began");
}

/** One held, its session ended, and in that transaction the turn of the next one came. */
function wasKeptUntilTheEnd({ holds }: Book, tale: Tale): boolean {
  return [...LOCKS, READ_WRITE, ELECTION].some((place) => {
    const all = tale.childrenOf(place).filter((life) => purposeOf(life) !== undefined);
    const ends = new Set(
      all.filter((life) => life.endedBy === "session" && rightOf(tale, life) < life.to).map(({ to }) => to),
    );
    return all.some((life) => ends.has(rightOf(tale, life)) && holds.some(({ czxid }) => czxid === life.czxid));
  });
}

/** A contender was to be watched, and had gone. */
function hasMissedOne(frames: readonly Frame[]): boolean {
  const noNode = errorCode("NO_NODE");
  const asked = new Set<string>();
  for (const { link, ...frame } of frames) {
    if (frame.kind === "requests") {
      for (const { xid, ...request } of frame.messages)
        if ("watch" in request && /-lock-\d{10}$/.test(request.path)) asked.add(`${link.id} ${xid}`);
    } else if (frame.kind === "messages") {
      for (const message of frame.messages)
        if (message.kind === "reply" && message.code === noNode && asked.has(`${link.id} ${message.xid}`)) return true;
    }
  }
  return false;
}

/** What a cache knew was void. */
function wasSentAnew(frames: readonly Frame[]): boolean {
  const asked = new Set<string>();
  for (const { link, ...frame } of frames) {
    if (frame.kind === "requests") {
      for (const request of frame.messages)
        if (request.op === Op.subscribe && request.path === CACHED) asked.add(`${link.id} ${request.id}`);
    } else if (frame.kind === "messages") {
      for (const message of frame.messages) {
        const isResync = message.kind === "subscription" && message.message === SubscriptionKind.resync;
        if (isResync && asked.has(`${link.id} ${message.id}`)) return true;
      }
    }
  }
  return false;
}
