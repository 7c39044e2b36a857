/** What stands on the command line for a place: a path, a partition, a list of them. */
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../values.ts";

export interface Place {
  readonly topic: string;
  /** Undefined: all of the topic. */
  readonly partition: number | undefined;
}

/** `orders` or `orders:3`: names of topics have no colon. */
export function placeFrom(text: string): Place {
  const at = text.lastIndexOf(":");
  if (at < 0) return { topic: text, partition: undefined };
  return { topic: text.slice(0, at), partition: wholeNumber(`the partition of '${text}'`, text.slice(at + 1)) };
}

/** `orders:3=1000` → topic, partition, 1000. */
export function offsetFrom(
  flag: string,
  text: string,
): { readonly topic: string; readonly partition: number; readonly offset: number } {
  const [, topic, partition, offset] = /^([^:=]+):(\d+)=(\d+)$/.exec(text) ?? [];
  if (topic === undefined)
    throw new UsageError(`${flag} is '${text}', not TOPIC:PARTITION=OFFSET, such as orders:0=1000`);
  return { topic, partition: wholeNumber(flag, partition!), offset: wholeNumber(flag, offset!) };
}

/** `1,2,3` */
export function numbersFrom(flag: string, text: string, separator = ","): number[] {
  return text.split(separator).map((one) => wholeNumber(flag, one.trim()));
}

export function inTree(flag: string, path: string): string {
  if (!path.startsWith("/") || (path.length > 1 && path.endsWith("/"))) {
    throw new UsageError(`${flag} is '${path}', not a path such as /clusters`);
  }
  return path;
}
