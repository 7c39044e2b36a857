/** Those who wait for each other: nobody passes a barrier, the beginning or end of a round, or a latch, before its time. */
import { below } from "../../model/tree.ts";
import type { Asked, Passing } from "./book.ts";
import { dataAt, isThere, type Tale, type ZnodeLife } from "./tale.ts";

/** Whoever passed a barrier: it was down at some time meanwhile. */
export function checkBarrier(waits: readonly Asked<"barrier" | "latch", true>[], tale: Tale): string[] {
  return waits.flatMap(({ who, path, asked, startAt, endAt, outcome }) => {
    if (asked !== "barrier" || outcome !== "ok") return [];
    const up = tale.livesOf(path).find((life) => life.czxid <= startAt && endAt < life.to);
    return up === undefined ? [] : [`${who} passed ${path} at ${endAt}, which was up from ${up.czxid} to ${up.to}`];
  });
}

/** Whoever passed a latch: it was open at some time until then; and it counts each thing once. */
export function checkLatch(
  path: string,
  count: number,
  waits: readonly Asked<"barrier" | "latch", true>[],
  counts: readonly Asked<{ readonly key: string }, number>[],
  tale: Tale,
): string[] {
  const wrong: string[] = [];
  const done = tale.livesOf(below(path, "done"));
  const keys = tale.childrenOf(path).filter(({ name }) => name.startsWith("key-"));
  const countedAt = (zxid: number): number => keys.filter((life) => isThere(life, zxid)).length;
  for (const { czxid } of done) {
    const counted = countedAt(czxid);
    if (counted !== count) wrong.push(`${path} opened at ${czxid} after ${counted} of ${count}`);
  }
  for (const life of tale.livesOf(path)) {
    for (const { at, text } of life.data) {
      const { left } = JSON.parse(text) as { readonly left: number };
      if (left !== count - countedAt(at)) wrong.push(`${path} at ${at}: ${left} left, ${countedAt(at)} counted`);
    }
  }
  for (const { who, path: of, asked, startAt, endAt, outcome } of waits) {
    if (asked !== "latch" || of !== path || outcome !== "ok") continue;
    if (!done.some(({ czxid, to }) => czxid <= endAt && startAt < to))
      wrong.push(`${who} passed ${path} at ${endAt}, which was not open since ${startAt}`);
  }
  for (const { who, path: of, asked, startAt, endAt, outcome } of counts) {
    if (of !== path || outcome !== "ok") continue;
    const isCounted = [...keys.filter(({ name }) => name === `key-${asked.key}`), ...done].some(
      ({ czxid, to }) => czxid <= endAt && startAt < to,
    );
    if (!isCounted) wrong.push(`${who} counted ${asked.key} on ${path} by ${endAt}, and it is not in the log`);
  }
  return wrong;
}

interface Round {
  readonly number: number;
  readonly parties: readonly ZnodeLife[];
  readonly beganAt: number;
}

/** By the log: who was of which round. */
function roundsOf(path: string, count: number, tale: Tale): Round[] {
  return tale.livesOf(`${path}/round/ready`).map(({ czxid }) => {
    const base = tale.at(path, czxid);
    const parties = tale
      .childrenOf(`${path}/round`)
      .filter((life) => life.owner !== 0 && isThere(life, czxid))
      .slice(0, count);
    return { number: base === undefined ? 0 : Number(dataAt(base, czxid)), parties, beganAt: czxid };
  });
}

/** Nobody is in before all are there, nobody out while another is in. */
export function checkRounds(path: string, count: number, passings: readonly Passing[], tale: Tale): string[] {
  const wrong: string[] = [];
  const rounds = roundsOf(path, count, tale);
  for (const [i, { number, parties, beganAt }] of rounds.entries()) {
    if (parties.length < count) wrong.push(`round ${number} of ${path} began at ${beganAt} with ${parties.length}`);
    if (number <= (rounds[i - 1]?.number ?? 0)) wrong.push(`round ${number} of ${path} comes after a later one`);
  }
  for (const passing of passings) {
    if (passing.path !== path) continue;
    const { who, way, at, node, czxid } = passing;
    const name = `${who}, ${way} of round ${passing.round} of ${path} at ${at}`;
    const round = rounds.find(({ parties }) => parties.some((life) => life.path === node && life.czxid === czxid));
    if (round === undefined) wrong.push(`${name}: is not of any round`);
    else if (round.number !== passing.round) wrong.push(`${name}: is of round ${round.number}`);
    else if (round.beganAt > at) wrong.push(`${name}: it began at ${round.beganAt}`);
    else if (way === "out") {
      const inside = round.parties.filter(({ to }) => to > at);
      if (inside.length > 0) wrong.push(`${name}: ${inside.length} were in`);
    }
  }
  return wrong;
}
