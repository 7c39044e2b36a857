// The model's view of a whole sequence, made before it runs: for each operation what it should answer and what the
// table of differences may ask about that moment. Moments are numbered through the sequence. It reads no answer.
import type { EventType } from "./answer.ts";
import { Model, type Effect, type Foretold } from "./model.ts";
import type { Op, Sequence } from "./operation.ts";
import { parentOf } from "./path.ts";

export interface OpForecast {
  readonly moment: number;
  readonly foretold: Foretold;
  /** The operation's path is there, and its session may not read it. */
  readonly unreadable: boolean;
}

interface Change extends Effect {
  readonly moment: number;
  /** Sessions without READ on the znode concerned. */
  readonly hiddenFrom: readonly number[];
}

/** `byMode`: a removal by the type of a mode, which older releases do not know. */
type WatchKind = "oneShot" | "persistent" | "recursive" | "byMode";

interface Registration {
  readonly moment: number;
  readonly session: number;
  readonly path: string;
  /** "cleared" ends what stood before it. */
  readonly kind: WatchKind | "cleared";
}

export interface Forecast {
  /** By step and place in the step. */
  op(step: number, index: number): OpForecast;
  momentOf(step: number): number;
  /** Was there, after one moment and up to another, such a change that this session may not hear of? */
  hiddenChange(session: number, type: EventType, path: string, after: number, upTo: number): boolean;
  /** Was there, after one moment and up to another, any such change? */
  change(type: EventType, path: string, after: number, upTo: number): boolean;
  /** Has another session set a watch on the path by then? */
  watchedByOthers(session: number, path: string, upTo: number): boolean;
  /** Did this session, by then, have a persistent or recursive watch that hears of such a change? */
  watchedFor(session: number, path: string, type: EventType, upTo: number): boolean;
  /** The kinds of watches this session had set on the path by then, fired or not, since it last cleared them. */
  watchKinds(session: number, path: string, upTo: number): ReadonlySet<WatchKind>;
}

export function forecast(sequence: Sequence): Forecast {
  const model = new Model(sequence.mortal.length);
  const steps: { moment: number; ops: OpForecast[] }[] = [];
  const changes: Change[] = [];
  const registrations: Registration[] = [];
  let moment = 0;
  const note = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      const hiddenFrom = [...model.sessions.keys()].filter((session) => !model.mayRead(session, effect.acl));
      changes.push({ ...effect, moment, hiddenFrom });
    }
  };
  for (const step of sequence.steps) {
    const ops: OpForecast[] = [];
    steps.push({ moment: ++moment, ops });
    if (step.step === "burst") {
      for (const op of step.ops) {
        moment++;
        const node = "path" in op ? model.node(op.path) : undefined;
        const unreadable = node !== undefined && !model.mayRead(step.session, node.acl);
        const foretold = model.apply(step.session, op);
        note(foretold.effects);
        // A removal ends what stood before it, not its own comparison.
        for (const [path, kind] of registered(op))
          registrations.push({ moment: kind === "cleared" ? moment + 0.5 : moment, session: step.session, path, kind });
        ops.push({ moment, foretold, unreadable });
      }
    } else if (step.step === "expire") note(model.expire(step.session));
    else if (step.step === "drop")
      model.session(step.session).state = model.session(step.session).state === "gone" ? "gone" : "dropped";
    else if (step.step === "attach" && model.session(step.session).state === "dropped") {
      model.session(step.session).state = "attached";
      for (const path of new Set(registrations.map((one) => one.path)))
        registrations.push({ moment, session: step.session, path, kind: "cleared" });
    }
  }
  const watchKinds = (session: number, path: string, upTo: number): ReadonlySet<WatchKind> => {
    const kinds = new Set<WatchKind>();
    for (const one of registrations) {
      if (one.session !== session || one.path !== path || one.moment > upTo) continue;
      if (one.kind === "cleared") kinds.clear();
      else kinds.add(one.kind);
    }
    return kinds;
  };
  return {
    op: (step, index) => must(steps[step]?.ops[index]),
    momentOf: (step) => must(steps[step]).moment,
    hiddenChange: (session, type, path, after, upTo) =>
      changes.some(
        (one) =>
          one.type === type &&
          one.path === path &&
          one.moment > after &&
          one.moment <= upTo &&
          one.hiddenFrom.includes(session),
      ),
    change: (type, path, after, upTo) =>
      changes.some((one) => one.type === type && one.path === path && one.moment > after && one.moment <= upTo),
    watchedByOthers: (session, path, upTo) =>
      [...sequence.mortal.keys()].some((other) => other !== session && watchKinds(other, path, upTo).size > 0),
    watchedFor: (session, path, type, upTo) =>
      watchKinds(session, path, upTo).has("persistent") ||
      (type !== "childrenChanged" && ancestry(path).some((one) => watchKinds(session, one, upTo).has("recursive"))),
    watchKinds,
  };
}

/** The path and all above it, the top included. */
function ancestry(path: string): string[] {
  const paths = [path];
  for (let one = path; one !== "/"; paths.push(one)) one = parentOf(one);
  return paths;
}

function registered(op: Op): [string, Registration["kind"]][] {
  switch (op.op) {
    case "exists":
    case "getData":
    case "getChildren":
    case "getChildren2":
      return op.watch ? [[op.path, "oneShot"]] : [];
    case "addWatch":
      return op.mode === "unknown" ? [] : [[op.path, op.mode]];
    case "removeWatches":
      if (op.type === "any") return [[op.path, "cleared"]];
      return op.type === "persistent" || op.type === "recursive" ? [[op.path, "byMode"]] : [];
    case "setWatches":
      return [
        ...[...op.data, ...op.exists, ...op.children].map((path): [string, WatchKind] => [path, "oneShot"]),
        ...op.persistent.map((path): [string, WatchKind] => [path, "persistent"]),
        ...op.recursive.map((path): [string, WatchKind] => [path, "recursive"]),
      ];
    default:
      return [];
  }
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("the forecast and the transcript are of different sequences");
  return value;
}
