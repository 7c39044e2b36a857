/**
 * Registers: a few persistent znodes that clients make, set, delete and read, one or several at once. From what the clients were told,
 * and from nothing else, it follows whether all this was linearizable.
 *
 * Owns what the operations mean, in a few lines that share nothing with the server or with the model.
 */
import { linearize, type Machine, type Operation } from "./linearizable.ts";

/** One of an atomic list. */
export type Part =
  | { readonly kind: "create"; readonly path: string; readonly value: string }
  | { readonly kind: "set"; readonly path: string; readonly value: string; readonly version: number | undefined }
  | { readonly kind: "delete"; readonly path: string; readonly version: number | undefined }
  | { readonly kind: "check"; readonly path: string; readonly version: number }
  | { readonly kind: "read"; readonly path: string };

/** Of each part, what it gave: the version of a `set`, what a `read` saw (undefined: absent). */
export type Given = number | { readonly version: number; readonly value: string } | undefined;

export interface RegisterCall {
  readonly client: string;
  /** By which a write is found in the log. */
  readonly tag: string | undefined;
  readonly start: number;
  /** Infinity while it has not been answered, and when the answer leaves open whether it happened. */
  end: number;
  readonly parts: readonly Part[];
  answer:
    | { readonly kind: "done"; readonly given: readonly Given[] }
    /** Nothing of it was done, for this reason. */
    | { readonly kind: "refused"; readonly code: Refused }
    /** Nothing of it was done, for a reason that says nothing of the registers. */
    | { readonly kind: "never" }
    | { readonly kind: "open" };
}

export type Refused = "NODE_EXISTS" | "NO_NODE" | "BAD_VERSION";

type Registers = ReadonlyMap<string, { readonly version: number; readonly value: string }>;

/** What the parts come to, one after the other, all or none. */
function perform(
  registers: Registers,
  parts: readonly Part[],
): { readonly after: Registers; readonly given: readonly Given[] } | Refused {
  const after = new Map(registers);
  const given: Given[] = [];
  for (const part of parts) {
    const known = after.get(part.path);
    if (part.kind === "create") {
      if (known !== undefined) return "NODE_EXISTS";
      after.set(part.path, { version: 0, value: part.value });
      given.push(undefined);
      continue;
    }
    if (part.kind === "read") {
      given.push(known);
      continue;
    }
    if (known === undefined) return "NO_NODE";
    if (part.version !== undefined && part.version !== known.version) return "BAD_VERSION";
    if (part.kind === "delete") after.delete(part.path);
    if (part.kind === "set") after.set(part.path, { version: known.version + 1, value: part.value });
    given.push(part.kind === "set" ? known.version + 1 : undefined);
  }
  return { after, given };
}

const MACHINE: Machine<Registers, RegisterCall> = {
  initial: new Map(),
  step(state, { parts, answer }) {
    const outcome = perform(state, parts);
    if (answer.kind === "refused") return outcome === answer.code ? state : undefined;
    // What was never answered need not come at all.
    if (typeof outcome === "string") return undefined;
    if (answer.kind === "open") return outcome.after;
    return answer.kind === "done" && JSON.stringify(outcome.given) === JSON.stringify(answer.given)
      ? outcome.after
      : undefined;
  },
  keyOf: (state) => JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1))),
};

export interface RegisterVerdicts {
  readonly violations: readonly { readonly check: "linearizable"; readonly what: string }[];
  /** Groups of registers that were searched through, and those that were given up. */
  readonly searched: number;
  readonly givenUp: number;
}

/**
 * Registers that no call touches together are searched one group at a time: a history is linearizable if each part of it is. `committed`:
 * tags of the writes that stand in the log. Those that were never answered and do not stand there never happened, which spares the search
 * much; that they stand there is not believed to mean anything.
 */
export function checkRegisters(calls: readonly RegisterCall[], committed?: ReadonlySet<string>): RegisterVerdicts {
  const mayHaveHappened = ({ tag, parts, answer }: RegisterCall): boolean => {
    if (answer.kind !== "open") return answer.kind !== "never";
    const isRead = parts.every(({ kind }) => kind === "read" || kind === "check");
    return !isRead && (committed === undefined || tag === undefined || committed.has(tag));
  };
  const violations: { check: "linearizable"; what: string }[] = [];
  let [searched, givenUp] = [0, 0];
  for (const group of groups(calls.filter(mayHaveHappened))) {
    const verdict = linearize(
      group.map((call): Operation<RegisterCall> => ({ start: call.start, end: call.end, what: call })),
      MACHINE,
    );
    searched++;
    if (verdict.kind === "unknown") givenUp++;
    if (verdict.kind !== "not") continue;
    const last = verdict.longest.at(-1)?.what;
    const next = verdict.next.map(({ what }) => tell(what)).join("; ");
    violations.push({
      check: "linearizable",
      what: `after ${verdict.longest.length} of ${group.length} calls, the last of them ${last === undefined ? "none" : tell(last)}, none of these can come next: ${next}`,
    });
  }
  return { violations, searched, givenUp };
}

const tell = ({ client, parts, answer }: RegisterCall): string =>
  `${client} ${parts.map(({ kind, path, ...rest }) => `${kind} ${path} ${JSON.stringify(rest)}`).join(", ")} → ${JSON.stringify(answer)}`;

/** Calls by the registers that hang together through them. */
function groups(calls: readonly RegisterCall[]): RegisterCall[][] {
  const roots = new Map<string, string>();
  const rootOf = (path: string): string => {
    let root = path;
    for (let above = roots.get(root); above !== undefined; above = roots.get(root)) root = above;
    return root;
  };
  for (const { parts } of calls) {
    const first = rootOf(parts[0]!.path);
    for (const { path } of parts) {
      const root = rootOf(path);
      if (root !== first) roots.set(root, first);
    }
  }
  const found = new Map<string, RegisterCall[]>();
  for (const call of calls) {
    const root = rootOf(call.parts[0]!.path);
    const group = found.get(root);
    if (group === undefined) found.set(root, [call]);
    else group.push(call);
  }
  return [...found.values()];
}
