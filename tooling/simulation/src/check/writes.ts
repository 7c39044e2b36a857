/** Every reply to a write, also one that was recalled, is what the model answered when it was executed. */
import { isWrite, Op } from "@corral/protocol";
import { TxnKind } from "@corral/state-machine";
import type { Violation } from "../history.ts";
import type { Answer } from "../model/operations.ts";
import type { Step } from "../model/model.ts";
import { type Asked, plain } from "./wire.ts";

export function checkWriteReplies(asked: readonly Asked[], steps: readonly Step[]): Violation[] {
  const executed = new Map<string, { readonly zxid: number; readonly answer: Answer }>();
  for (const { entry, outcome, answer } of steps) {
    if (outcome !== "executed" || (entry.txn.kind !== TxnKind.write && entry.txn.kind !== TxnKind.addAuth)) continue;
    const xid = entry.txn.kind === TxnKind.write ? entry.txn.request.xid : entry.txn.xid;
    executed.set(`${entry.txn.session} ${xid}`, { zxid: entry.zxid, answer: answer! });
  }
  return asked.flatMap(({ request, reply, session }) => {
    if (!isWrite(request) && request.op !== Op.addAuth) return [];
    const meant = executed.get(`${session} ${request.xid}`);
    const what = `session ${session} was answered request ${request.xid} (operation ${request.op})`;
    if (meant === undefined) return [{ check: "wire", what: `${what}, which is not in the log` }];
    const told = JSON.stringify([reply.zxid, reply.code, reply.detail.index, withoutDetails(reply.result)]);
    const expected = JSON.stringify([
      meant.zxid,
      meant.answer.code,
      meant.answer.index,
      withoutDetails(meant.answer.result),
    ]);
    return told === expected ? [] : [{ check: "wire", what: `${what} with ${told}; the model says ${expected}` }];
  });
}

/** Of an operation that was refused within a multiEach the model knows the code only. */
function withoutDetails(result: readonly unknown[]): unknown {
  return result.map((item) =>
    Array.isArray(item)
      ? item.map((each: unknown) =>
          Array.isArray(each) && typeof each[0] === "number" && each[0] < 0 ? [each[0]] : plain(each),
        )
      : plain(item),
  );
}
