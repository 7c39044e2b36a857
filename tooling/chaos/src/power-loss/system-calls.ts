/**
 * What strace wrote down of a process, read: each system call with its arguments, from the moment at which it began to that at
 * which it was over, both as lines of the record.
 *
 * Owns the syntax. Does not know what any call means.
 */

export interface SystemCall {
  readonly name: string;
  /** As written, without the brackets around all. */
  readonly args: string;
  readonly begin: number;
  /** Infinity: the record ends before the call does. */
  readonly end: number;
  /** Negative when it failed; undefined while it is under way. */
  readonly result: number | undefined;
}

const WHOLE = /^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+)/;
const BEGUN = /^(\d+)\s+(\w+)\((.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+)\s+<\.\.\. \w+ resumed>(.*)\)\s+= (-?\d+)/;

/** In the order in which they began. */
export function readCalls(record: string): SystemCall[] {
  const calls: { name: string; args: string; begin: number; end: number; result: number | undefined }[] = [];
  /** By thread. */
  const under = new Map<string, (typeof calls)[number]>();
  for (const [line, text] of record.split("\n").entries()) {
    const whole = WHOLE.exec(text);
    if (whole !== null) {
      calls.push({ name: whole[2]!, args: whole[3]!, begin: line, end: line, result: Number(whole[4]) });
      continue;
    }
    const begun = BEGUN.exec(text);
    if (begun !== null) {
      const call = { name: begun[2]!, args: begun[3]!, begin: line, end: Number.POSITIVE_INFINITY, result: undefined };
      calls.push(call);
      under.set(begun[1]!, call);
      continue;
    }
    const resumed = RESUMED.exec(text);
    const call = resumed === null ? undefined : under.get(resumed[1]!);
    if (call === undefined) continue;
    under.delete(resumed![1]!);
    call.args += resumed![2]!;
    call.end = line;
    call.result = Number(resumed![3]);
  }
  return calls;
}

/** Every string among the arguments, which strace was told to write as bytes. Throws if it has cut one short. */
export function bytesIn(args: string): Buffer[] {
  return [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)].map(([, hex, cut]) => {
    if (cut !== undefined) throw new Error("strace has cut a string short");
    return Buffer.from(hex!.replaceAll("\\x", ""), "hex");
  });
}

/** The number at the end of the arguments, such as an offset. */
export const lastNumber = (args: string): number => Number(/(\d+)$/.exec(args)?.[1]);
/** The number at their beginning, such as a descriptor. */
export const firstNumber = (args: string): number => Number(/^(\d+)/.exec(args)?.[1]);
