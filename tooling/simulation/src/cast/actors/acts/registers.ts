/** Registers: persistent znodes in pairs, made, set, deleted and read alone or both at once, for a check that knows nothing but answers. */
import { CorralError, isCorralError, op, type Operation, type Stat } from "@corral/client";
import { between, type Draw, oneOf } from "@corral/testing/world";
import type { Given, Part, Refused, RegisterCall } from "../../../check/registers.ts";
import { tagData } from "../../../check/witness.ts";
import type { Actor } from "../actor.ts";
import type { Act } from "./paths.ts";
import { plainResult } from "./writes.ts";

/** No call touches two pairs. */
const PAIRS: readonly (readonly [string, string])[] = [
  ["/r/a", "/r/b"],
  ["/r/c", "/r/d"],
  ["/r/e", "/r/f"],
];
const REFUSED: ReadonlySet<string> = new Set<Refused>(["NODE_EXISTS", "NO_NODE", "BAD_VERSION"]);

/** Notes what was asked and what came of it, as it is seen from outside. */
async function noted<T>(
  actor: Actor,
  tag: string | undefined,
  parts: readonly Part[],
  run: () => Promise<T>,
  given: (result: T) => readonly Given[],
): Promise<T> {
  const { nextEvent, history } = actor.stage;
  const call: RegisterCall = {
    client: actor.name,
    tag,
    start: nextEvent(),
    end: Number.POSITIVE_INFINITY,
    parts,
    answer: { kind: "open" },
  };
  history.registers.push(call);
  try {
    const result = await run();
    call.end = nextEvent();
    call.answer = { kind: "done", given: given(result) };
    return result;
  } catch (error) {
    if (error instanceof CorralError && error.outcome === "no") {
      call.end = nextEvent();
      call.answer = REFUSED.has(error.code) ? { kind: "refused", code: error.code as Refused } : { kind: "never" };
    }
    throw error;
  }
}

const valueOf = (data: Uint8Array | null): string => Buffer.from(data ?? []).toString("latin1");

export const readRegister: Act = ({ actor, draw }) => {
  const path = oneOf(draw, oneOf(draw, PAIRS));
  const read = async (): Promise<Given> => {
    try {
      const { value, stat } = await actor.client.get(path, { consistency: "linearizable" });
      return { version: stat.version, value: valueOf(value) };
    } catch (error) {
      if (isCorralError(error, "NO_NODE")) return undefined;
      throw error;
    }
  };
  return actor.call(
    "get",
    path,
    undefined,
    () => noted(actor, undefined, [{ kind: "read", path }], read, (seen) => [seen]),
    () => undefined,
  );
};

function partOf(draw: Draw, path: string, tag: string): Part {
  const value = valueOf(tagData(tag, 0));
  const version = draw() < 0.4 ? between(draw, 0, 4) : undefined;
  return oneOf<Part>(draw, [
    { kind: "create", path, value },
    { kind: "create", path, value },
    { kind: "set", path, value, version },
    { kind: "set", path, value, version },
    { kind: "delete", path, version },
  ]);
}

const operationOf = (part: Part): Operation<unknown> => {
  if (part.kind === "create") return op.create(part.path, Buffer.from(part.value, "latin1"));
  if (part.kind === "check") return op.check(part.path, { version: part.version });
  const ifMatch = "version" in part && part.version !== undefined ? { ifMatch: { version: part.version } } : {};
  if (part.kind === "set") return op.set(part.path, Buffer.from(part.value, "latin1"), ifMatch);
  return op.delete(part.path, ifMatch);
};

/** One register, or both of a pair in one transaction. */
export const writeRegisters: Act = ({ actor, draw, tag }) => {
  const { client } = actor;
  const [first, second] = oneOf(draw, PAIRS);
  const parts = [partOf(draw, oneOf(draw, [first, second]), tag)];
  if (draw() < 0.4) {
    const other = parts[0]!.path === first ? second : first;
    parts.push(draw() < 0.3 ? { kind: "check", path: other, version: between(draw, 0, 3) } : partOf(draw, other, tag));
  }
  return actor.call(
    "multi",
    "",
    tag,
    () =>
      noted(
        actor,
        tag,
        parts,
        () => client.multi(parts.map(operationOf), { guard: { path: `/tag/${tag}`, absent: true } }),
        (results) => parts.map(({ kind }, i) => (kind === "set" ? (results[i] as Stat).version : undefined)),
      ),
    (results) => (results as readonly unknown[]).map(plainResult),
  );
};
