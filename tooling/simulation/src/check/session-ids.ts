/**
 * Who has a session: no id is given twice; who asks for the session that was gets that one or a refusal, never another; none
 * comes back after its end, and nothing that came after its end is told on a connection of it.
 */
import { Op } from "@corral/protocol";
import { TxnKind } from "@corral/state-machine";
import type { Frame } from "@corral/testing/world";
import type { Violation } from "../history.ts";
import type { Model, Step } from "../model/model.ts";

/** Finds the ends of sessions in a walk through the log. */
export class SessionEnds {
  /** By session: the zxid of the entry that ended it. */
  readonly ends: Map<number, number> = new Map();
  #living: readonly number[] = [];

  look(model: Model, step: Step | undefined): void {
    const txn = step?.entry.txn;
    const mayEnd =
      txn === undefined ||
      txn.kind === TxnKind.expire ||
      txn.kind === TxnKind.open ||
      (txn.kind === TxnKind.write && txn.request.op === Op.close);
    if (!mayEnd) return;
    for (const session of this.#living) if (!model.sessions.has(session)) this.ends.set(session, model.zxid);
    this.#living = [...model.sessions.keys()];
  }
}

export function checkSessionIds(frames: readonly Frame[], ends: ReadonlyMap<number, number>): Violation[] {
  const violations: Violation[] = [];
  const fail = (what: string): void => void violations.push({ check: "sessions", what });
  const given = new Set<number>();
  const asked = new Map<number, Extract<Frame, { kind: "hello" }>["hello"]["session"]>();
  for (const frame of frames) {
    const { id, session } = frame.link;
    if (frame.kind === "hello") asked.set(id, frame.hello.session);
    if (frame.kind !== "messages") continue;
    const { welcome } = frame;
    if (welcome !== undefined && "sessionId" in welcome) {
      const { sessionId, zxid } = welcome;
      const wish = asked.get(id);
      if (wish?.kind === "resume") {
        if (wish.id !== sessionId) fail(`who asked for session ${wish.id} was given ${sessionId}`);
        if ((ends.get(sessionId) ?? Number.POSITIVE_INFINITY) <= zxid)
          fail(`session ${sessionId}, which ended at ${ends.get(sessionId)}, is welcomed at ${zxid}`);
      } else {
        if (given.has(sessionId)) fail(`session ${sessionId} is given twice`);
        given.add(sessionId);
      }
    }
    const end = ends.get(session) ?? Number.POSITIVE_INFINITY;
    for (const message of frame.messages) {
      const isAfter =
        (message.kind === "reply" && message.code === 0 && message.zxid > end) ||
        (message.kind === "event" && message.zxid > end);
      if (isAfter) fail(`session ${session}, which ended at ${end}, is told of ${message.zxid}`);
    }
  }
  return violations;
}
