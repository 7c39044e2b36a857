/**
 * The lives of sessions: none ends before it has been silent for its timeout, on the server's clock and in the server's own waking
 * time; none that is silent is kept much longer; a restart gives each its whole timeout; no client whose clock is true
 * believes in a session that the server has given up; in the end nobody believes in one that is gone.
 */
import type { SessionFact, Violation } from "../history.ts";

/** Ticks of the server until it has seen a deadline pass, and looked once more; and what a tick may come late. */
const TICKS_LATE = 4;
/** An append shorter than this is no stall; the entry may have to wait for one. */
const APPEND_MS = 700;
/** Of a stall, so many ticks still count as the client's silence. */
const STALL_TICKS = 3;
/** An append counts until it has taken so long. */
const APPEND_STALL_MS = 500;
const ROUNDING_MS = 0.01;
/** Of each session: when it was heard last, so many times. */
const HEARD_MAX = 64;

interface Known {
  /** Of the newest attachment. */
  readonly generation: number;
  readonly timeoutMs: number;
  /** Ascending; the first is its beginning, if not too long ago. */
  heard: number[];
  isExpiring: boolean;
}

export function checkSessions(facts: readonly SessionFact[]): Violation[] {
  const violations: Violation[] = [];
  const fail = (what: string): void => void violations.push({ check: "sessions", what });
  const known = new Map<number, Known>();
  const ordered = new Set<number>();
  const holders = new Map<number, { readonly client: string; readonly isSure: boolean }>();
  let stalls: { readonly from: number; readonly to: number }[] = [];
  let tickMs = 0;
  let isUp = false;

  const checkLate = (session: number, at: number): void => {
    const one = known.get(session);
    if (!isUp || one === undefined || one.isExpiring) return;
    const heard = one.heard.at(-1)!;
    const within = stalls.filter(({ from, to }) => to >= heard && from <= at);
    const counted = at - heard - lengthOf(within, heard, at);
    const most = one.timeoutMs + APPEND_MS + TICKS_LATE * tickMs * (1 + within.length);
    if (counted > most)
      fail(`session ${session} (timeout ${one.timeoutMs} ms) still lives after ${counted.toFixed(1)} ms of silence`);
  };

  const checkEarly = (session: number, one: Known, from: number, at: number): void => {
    const counted = Math.max(
      ...one.heard.map((heard, i) => {
        const until = Math.min(at, one.heard[i + 1] ?? at);
        if (until < from) return Number.NEGATIVE_INFINITY;
        return until - heard - uncounted(stalls, heard, until, tickMs);
      }),
    );
    if (counted < one.timeoutMs - ROUNDING_MS)
      fail(`session ${session} (timeout ${one.timeoutMs} ms) is given up after ${counted.toFixed(1)} ms of silence`);
  };

  for (const fact of facts) {
    switch (fact.kind) {
      case "up":
        isUp = true;
        ({ tickMs } = fact);
        stalls = [];
        for (const one of known.values()) Object.assign(one, { heard: [fact.at], isExpiring: false });
        break;
      case "begun":
        known.set(fact.session, { ...fact, heard: [fact.at], isExpiring: false });
        break;
      case "heard": {
        const heard = known.get(fact.session)?.heard;
        heard?.push(fact.at);
        if (heard !== undefined && heard.length > HEARD_MAX) heard.shift();
        break;
      }
      case "stalled":
        stalls.push(fact);
        break;
      case "ordered":
        ordered.add(fact.session);
        break;
      case "look":
      case "down":
        for (const session of fact.living) checkLate(session, fact.at);
        if (fact.kind === "down") isUp = false;
        break;
      case "expiring": {
        const one = known.get(fact.session);
        if (one === undefined) {
          fail(`session ${fact.session} is given up, and never began`);
          break;
        }
        // It was attached anew while that was on its way, and lives on.
        if (fact.generation < one.generation) break;
        if (!ordered.has(fact.session)) {
          if (!one.isExpiring) checkEarly(fact.session, one, fact.from, fact.at);
          checkLate(fact.session, fact.at);
          const holder = holders.get(fact.session);
          if (holder?.isSure === true && !fact.excused.includes(holder.client))
            fail(`client ${holder.client} believes in session ${fact.session}, which the server gives up`);
        }
        one.isExpiring = true;
        break;
      }
      case "held":
        holders.set(fact.session, fact);
        break;
      case "released":
        if (holders.get(fact.session)?.client === fact.client) holders.delete(fact.session);
        break;
      case "rest":
        for (const [session, { client }] of holders)
          if (!fact.living.includes(session) && !fact.excused.includes(client))
            fail(`client ${client} believes in session ${session}, which is gone`);
    }
  }
  return violations;
}

/** Of the time from one moment to another, what these cover together. */
function lengthOf(spans: readonly { readonly from: number; readonly to: number }[], from: number, to: number): number {
  let covered = 0;
  let end = from;
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const begin = Math.max(end, span.from);
    const until = Math.min(to, span.to);
    if (until > begin) covered += until - begin;
    end = Math.max(end, until);
  }
  return covered;
}

/** What the server at least does not count as silence. Stalls that overlap are one. */
function uncounted(
  stalls: readonly { readonly from: number; readonly to: number }[],
  from: number,
  to: number,
  tickMs: number,
): number {
  const within = stalls.filter((stall) => stall.to > from && stall.from < to);
  const allowance = within.length * (STALL_TICKS * tickMs + APPEND_STALL_MS);
  return Math.max(0, lengthOf(within, from, to) - allowance);
}
