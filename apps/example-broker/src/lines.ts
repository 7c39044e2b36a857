/** Files of JSON lines, to which one process appends: a line that a crash has torn is the last one, and is not counted. */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

export class LinesWriter {
  readonly #file: number;

  /** Goes on after the last whole line. */
  constructor(path: string) {
    this.#file = openSync(path, "a");
    if (existsSync(path)) ftruncateSync(this.#file, wholeLines(readFileSync(path, "utf8")).bytes);
  }

  /** Outlives this process when it returns. */
  append(...values: readonly unknown[]): void {
    writeSync(this.#file, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The values of all whole lines; none if there is no such file. Who wrote the file vouches for `T`. */
export function readLines<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  return wholeLines(readFileSync(path, "utf8")).lines.map((line) => JSON.parse(line) as T);
}

function wholeLines(text: string): { readonly lines: string[]; readonly bytes: number } {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return { lines: whole.split("\n").slice(0, -1), bytes: Buffer.byteLength(whole) };
}
