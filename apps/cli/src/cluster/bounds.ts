/**
 * Where partitions begin and end. The tree does not know: only those who keep the messages do. So it is said on the command line, or asked of a
 * source that a module of the user's makes.
 */
import { pathToFileURL } from "node:url";
import type { Client } from "@corral/client";
import type { Bounds, Source, TopicPartition } from "@corral/consumer-group";
import type { Flag } from "../flags.ts";
import { UsageError } from "../usage-error.ts";
import { offsetFrom } from "./place.ts";

export const BOUNDS_FLAGS: Readonly<Record<string, Flag>> = {
  "end-offset": {
    type: "string",
    value: "TOPIC:P=N",
    multiple: true,
    help: "where a partition ends: the offset that its next message will have;\nmay be repeated",
  },
  "start-offset": {
    type: "string",
    value: "TOPIC:P=N",
    multiple: true,
    help: "the first offset that it still has. Default 0",
  },
  source: {
    type: "string",
    value: "FILE",
    help: "a module whose default export is a source of @corral/consumer-group, or a\nfunction that makes one of a client: it is asked instead",
  },
};

export interface KnownBounds {
  readonly source: Pick<Source<never>, "bounds" | "offsetAt">;
  /** Was anything said of where partitions end? */
  readonly hasEnds: boolean;
  /** Of this partition? */
  readonly knowsEnd: (at: TopicPartition) => boolean;
  readonly knowsStart: (at: TopicPartition) => boolean;
}

/** Reads the flags now; the client is needed only for a module. */
export function boundsFrom(flags: ReadonlyMap<string, readonly string[]>): (client: Client) => Promise<KnownBounds> {
  const file = flags.get("source")?.[0];
  const [starts, ends] = [offsetsFrom("start-offset", flags), offsetsFrom("end-offset", flags)];
  if (file === undefined) return () => Promise.resolve(bySaying(starts, ends));
  if (starts.size + ends.size > 0) throw new UsageError("--source excludes --start-offset and --end-offset");
  return async (client) => ({
    source: await sourceFrom(file, client),
    hasEnds: true,
    knowsEnd: () => true,
    knowsStart: () => true,
  });
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}:${partition}`;

function offsetsFrom(flag: string, flags: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  return new Map(
    (flags.get(flag) ?? []).map((text) => {
      const said = offsetFrom(`--${flag}`, text);
      return [keyOf(said), said.offset];
    }),
  );
}

function bySaying(starts: ReadonlyMap<string, number>, ends: ReadonlyMap<string, number>): KnownBounds {
  return {
    source: {
      bounds: (at): Promise<Bounds> =>
        Promise.resolve({
          earliest: starts.get(keyOf(at)) ?? 0,
          latest: ends.get(keyOf(at)) ?? Number.MAX_SAFE_INTEGER,
        }),
    },
    hasEnds: ends.size > 0,
    knowsEnd: (at) => ends.has(keyOf(at)),
    knowsStart: (at) => starts.has(keyOf(at)),
  };
}

async function sourceFrom(file: string, client: Client): Promise<Source<never>> {
  let made: unknown;
  try {
    const module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
    made =
      typeof module.default === "function"
        ? await (module.default as (client: Client) => unknown)(client)
        : module.default;
  } catch (error) {
    throw new UsageError(`--source ${file}: ${(error as Error).message}`);
  }
  if (typeof (made as Source<never> | undefined)?.bounds !== "function") {
    throw new UsageError(`--source ${file}: its default export is no source, nor a function that makes one`);
  }
  return made as Source<never>;
}
