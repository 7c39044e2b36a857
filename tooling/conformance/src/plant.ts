// Wrong answers on purpose: a server that lies in one known way, to prove that the comparison would notice. It stands
// in front of a real one and changes what the session hears; nothing here runs in an ordinary comparison.
import type { Answer, SessionOptions, Stat, StreamItem, Target } from "./answer.ts";

type Lie = (item: StreamItem, count: number) => readonly StreamItem[];

/** Each is a mistake that a server could make, with how often it makes it. */
export const lies: Readonly<Record<string, Lie>> = {
  "an event is lost": (item, count) => (item.kind === "event" && count % 3 === 0 ? [] : [item]),
  "an event is sent twice": (item, count) => (item.kind === "event" && count % 3 === 0 ? [item, item] : [item]),
  "setACL is taken for a change of data": withStat((stat, op) =>
    op === "setACL" ? { ...stat, mzxid: stat.mzxid + 1n } : stat,
  ),
  "cversion counts creates only": withStat((stat) =>
    stat.cversion > 2 ? { ...stat, cversion: stat.cversion - 1 } : stat,
  ),
  "pzxid does not move": withStat((stat) => (stat.pzxid > stat.czxid ? { ...stat, pzxid: stat.czxid } : stat)),
  "a znode owns itself no more": withStat((stat) => (stat.owner === "" ? stat : { ...stat, owner: "" })),
  "times do not follow zxids": withStat((stat) => (stat.version > 0 ? { ...stat, mtime: stat.ctime - 1 } : stat)),
  "null data becomes empty": withAnswer((answer) => (answer.data === null ? { ...answer, data: "" } : answer)),
  "a refusal has another code": withAnswer((answer) =>
    answer.error === "NO_AUTH" ? { ...answer, error: "NO_NODE" } : answer,
  ),
  "a failed multi blames another part": withAnswer((answer) =>
    answer.parts === undefined || answer.error === "OK" || answer.parts.length < 2
      ? answer
      : { ...answer, parts: [...answer.parts].reverse() },
  ),
  "a child is forgotten": withAnswer((answer) =>
    answer.names !== undefined && answer.names.length > 1 ? { ...answer, names: answer.names.slice(1) } : answer,
  ),
  "digests are shown to every reader": withAnswer((answer) =>
    answer.acl === undefined
      ? answer
      : {
          ...answer,
          acl: answer.acl.map((entry) => (entry.id.endsWith(":x") ? { ...entry, id: entry.id.slice(0, -1) } : entry)),
        },
  ),
};

export function lyingTarget(target: Target, lie: Lie): Target {
  return {
    name: `${target.name}, lying`,
    open: (options: SessionOptions) => {
      let events = 0;
      const receive = (item: StreamItem): void => {
        if (item.kind === "event") events++;
        for (const told of lie(item, events)) options.receive(told);
      };
      return target.open({ ...options, receive });
    },
    stop: () => target.stop(),
  };
}

/** An event and the reply behind it change places. */
export function lateEvents(target: Target): Target {
  return {
    name: `${target.name}, events late`,
    open: async (options: SessionOptions) => {
      let held: StreamItem[] = [];
      const receive = (item: StreamItem): void => {
        if (item.kind === "event") return void held.push(item);
        options.receive(item);
        const late = held;
        held = [];
        for (const event of late) options.receive(event);
      };
      const session = await target.open({ ...options, receive });
      const flush = async (): Promise<void> => {
        await session.fence();
        for (const event of held) options.receive(event);
        held = [];
      };
      return {
        get id(): string {
          return session.id;
        },
        burst: (ops) => session.burst(ops),
        fence: flush,
        drop: () => session.drop(),
        attach: () => session.attach(),
        silence: () => session.silence(),
        end: () => session.end(),
      };
    },
    stop: () => target.stop(),
  };
}

function withAnswer(change: (answer: Answer, op: string) => Answer): Lie {
  return (item) => (item.kind === "event" ? [item] : [{ ...item, answer: change(item.answer, item.op.op) }]);
}

function withStat(change: (stat: Stat, op: string) => Stat): Lie {
  return withAnswer((answer, op) =>
    answer.stat === undefined ? answer : { ...answer, stat: change(answer.stat, op) },
  );
}
