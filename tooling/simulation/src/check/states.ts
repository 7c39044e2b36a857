/** Whole states: a server's is the model's; ephemerals belong to living sessions; sequential names never repeat. */
import { NIL, type Options, type State, TxnKind } from "@corral/state-machine";
import type { Dump, Violation } from "../history.ts";
import type { Model, Step } from "../model/model.ts";
import { statOf } from "../model/tree.ts";

/** All that is replicated, one line an item, in an order that depends on nothing else. */
export function dumpOfServer(state: State): string {
  const { tree } = state;
  const lines: string[] = [];
  const visit = (slot: number): void => {
    const stat = [tree.czxid(slot), tree.mzxid(slot), tree.ctime(slot), tree.mtime(slot), tree.version(slot)];
    const { length } = tree.data(slot) ?? [];
    const cversion = (2 * tree.creates(slot) - tree.numChildren(slot)) | 0;
    const rest = [
      cversion,
      tree.aversion(slot),
      tree.owner(slot),
      length ?? 0,
      tree.numChildren(slot),
      tree.pzxid(slot),
    ];
    lines.push(line(tree.path(slot), tree.data(slot), [...stat, ...rest], tree.acl(slot), tree.ttlMs(slot)));
    for (let child = tree.firstChild(slot); child !== NIL; child = tree.next(child)) visit(child);
  };
  visit(tree.find("/"));
  for (const { id, timeoutMs, generation, identities, lastWrite, acked, results } of state.sessions.values()) {
    lines.push(
      sessionLine(
        id,
        timeoutMs,
        generation,
        identities,
        lastWrite,
        acked,
        [...results].map(([xid]) => xid),
      ),
    );
  }
  lines.push(optionsLine(state.options));
  return lines.sort().join("\n");
}

export function dumpOfModel(model: Model): string {
  const lines = [...model.tree].map(([path, node]) => line(path, node.data, statOf(node), node.acl, node.ttlMs));
  for (const { id, timeoutMs, generation, identities, lastWrite, acked, answers } of model.sessions.values()) {
    lines.push(sessionLine(id, timeoutMs, generation, identities, lastWrite, acked, [...answers.keys()]));
  }
  lines.push(optionsLine(model.options));
  return lines.sort().join("\n");
}

const optionsLine = (options: Options): string => `options ${JSON.stringify(options, Object.keys(options).sort())}`;

function line(path: string, data: Uint8Array | null, stat: readonly number[], acl: unknown, ttlMs: number): string {
  const text = data === null ? "nil" : JSON.stringify(Buffer.from(data).toString("latin1"));
  return `znode ${path} ${text} ${stat.join()} ${JSON.stringify(acl)} ${ttlMs}`;
}

const sessionLine = (...fields: readonly unknown[]): string => `session ${JSON.stringify(fields)}`;

/** What is wrong with a state in itself. */
export function checkState(model: Model): string | undefined {
  for (const [path, { owner, kind, children }] of model.tree) {
    if ((owner !== 0) !== (kind === "ephemeral")) return `${path} is ${kind} and has the owner ${owner}`;
    if (owner !== 0 && !model.sessions.has(owner)) return `${path} belongs to session ${owner}, which is gone`;
    if (kind === "ephemeral" && children.length > 0) return `${path} is ephemeral and has children`;
  }
  return undefined;
}

export function compareDump(dump: Dump, model: Model): Violation[] {
  const meant = dumpOfModel(model);
  if (dump.text === meant) return [];
  const [told, expected] = [dump.text.split("\n"), meant.split("\n")];
  const wrong = told.filter((each) => !expected.includes(each)).slice(0, 3);
  const missing = expected.filter((each) => !told.includes(each)).slice(0, 3);
  return [
    {
      check: "states",
      what: `${dump.why}, at ${dump.zxid}: has ${JSON.stringify(wrong)}, the model has ${JSON.stringify(missing)}`,
    },
  ];
}

/** Names given out under a parent in one life of it: never twice, and in order. */
export class SequenceCheck {
  readonly violations: Violation[] = [];
  readonly #last = new Map<string, number>();

  look(model: Model, step: Step | undefined): void {
    for (const { type, path } of step?.changes ?? []) {
      const number = /-(\d{10})$/.exec(path)?.[1];
      if (type !== "created" || number === undefined || isAskedFor(path, step!)) continue;
      const parent = path.slice(0, path.lastIndexOf("/")) || "/";
      const life = `${parent} ${model.tree.get(parent)?.czxid ?? 0}`;
      const last = this.#last.get(life) ?? -1;
      if (Number(number) <= last)
        this.violations.push({
          check: "sequences",
          what: `${path} at ${model.zxid} after number ${last} of the same parent`,
        });
      this.#last.set(life, Number(number));
    }
  }
}

/** Whoever names a znode himself may give it any number. */
function isAskedFor(path: string, { entry: { txn } }: Step): boolean {
  if (txn.kind !== TxnKind.write) return false;
  const { request } = txn;
  const ops = "ops" in request ? request.ops : [request];
  return ops.some((op) => "path" in op && op.path === path);
}
