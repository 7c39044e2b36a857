/**
 * Requests under way: no connection carries more that are not answered than its server allows, and a client that has been told
 * the bound keeps to it.
 */
import { Op } from "@corral/protocol";
import type { Frame } from "@corral/testing/world";
import type { Violation } from "../history.ts";

/** More of the same says no more. */
const VIOLATIONS_MAX = 5;

export function checkInFlight(frames: readonly Frame[]): Violation[] {
  const violations: Violation[] = [];
  const links = new Map<number, { most: number; readonly open: Set<number>; isTold: boolean }>();
  for (const frame of frames) {
    const { id } = frame.link;
    const link = links.get(id) ?? { most: Number.POSITIVE_INFINITY, open: new Set<number>(), isTold: false };
    links.set(id, link);
    if (frame.kind === "messages") {
      if (frame.welcome !== undefined && "limits" in frame.welcome) link.most = frame.welcome.limits.inFlight;
      for (const message of frame.messages) if (message.kind === "reply") link.open.delete(message.xid);
    }
    if (frame.kind !== "requests") continue;
    // The end of a session is not held back by what stands before it.
    for (const { xid, op } of frame.messages) if (xid !== 0 && op !== Op.close) link.open.add(xid);
    if (link.open.size <= link.most || link.isTold || violations.length === VIOLATIONS_MAX) continue;
    link.isTold = true;
    violations.push({ check: "bounds", what: `connection ${id} carries ${link.open.size} requests, of ${link.most}` });
  }
  return violations;
}
