/**
 * Keeps every segment of a log that its daemon may delete after a snapshot, by a second link, so that the log can be read whole.
 *
 * Owns the links. Never touches the files themselves, nor the directory of the daemon.
 */
import { cpSync, existsSync, linkSync, readdirSync } from "node:fs";
import path from "node:path";

/** A segment lives far longer than this. */
const LOOK_MS = 25;
const SEGMENT = /^log-\d{16}$/;

export class SegmentKeeper {
  readonly #data: string;
  readonly #kept: string;
  readonly #timer: NodeJS.Timeout;

  /** `kept`: an empty directory on the same file system. */
  constructor(data: string, kept: string) {
    this.#data = data;
    this.#kept = kept;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  look(): void {
    if (!existsSync(this.#data)) return;
    for (const name of readdirSync(this.#data)) {
      if (!SEGMENT.test(name) || existsSync(path.join(this.#kept, name))) continue;
      try {
        linkSync(path.join(this.#data, name), path.join(this.#kept, name));
      } catch (error) {
        // Deleted since it was seen: it had been kept before, or it never held anything.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  /** What the daemon has deleted comes back, in a copy of its directory. */
  complete(copy: string): void {
    this.look();
    for (const name of readdirSync(this.#kept)) {
      const to = path.join(copy, name);
      // What begins after the copy's last segment is newer than the copy.
      if (!existsSync(to) && name < lastSegment(copy)) cpSync(path.join(this.#kept, name), to);
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

const lastSegment = (directory: string): string =>
  readdirSync(directory)
    .filter((name) => SEGMENT.test(name))
    .sort()
    .at(-1) ?? "";
