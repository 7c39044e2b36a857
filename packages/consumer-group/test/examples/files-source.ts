/**
 * A directory of text files as a source: `<directory>/<topic>/<n>.jsonl` is a partition, a line is a message, and its offset is the byte at which it
 * begins. Files are only appended to. Whole: take it as it is, or as a pattern for a source of your own.
 *
 * It looks at the files so often; it knows nothing of groups.
 */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  type Bounds,
  type Message,
  OffsetOutOfRange,
  type Source,
  type Topic,
  type TopicPartition,
} from "@corral/consumer-group";

/** Bytes that are read at once; a line must be shorter. */
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export class FilesSource implements Source<string> {
  readonly #directory: string;
  readonly #everyMs: number;

  constructor(directory: string, everyMs = 1_000) {
    this.#directory = directory;
    this.#everyMs = everyMs;
  }

  async *topics(signal: AbortSignal): AsyncGenerator<readonly Topic[]> {
    let before = "";
    while (!signal.aborted) {
      const topics = await this.#list();
      const now = JSON.stringify(topics);
      if (now !== before) yield topics;
      before = now;
      await this.#rest(signal);
    }
  }

  async *fetch(
    partition: TopicPartition,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Message<string>[]> {
    let offset = from;
    while (!signal.aborted) {
      const { latest } = await this.bounds(partition);
      // Somebody has cut it short.
      if (offset > latest) throw new OffsetOutOfRange(partition, offset);
      const lines = offset === latest ? [] : await this.#lines(partition, offset);
      if (lines.length === 0) await this.#rest(signal);
      else yield lines;
      offset = lines.at(-1)?.nextOffset ?? offset;
    }
  }

  async bounds(partition: TopicPartition): Promise<Bounds> {
    const { size } = await stat(this.#path(partition));
    return { earliest: 0, latest: size };
  }

  /** Numbered from 0 without gaps: what comes behind a gap does not count yet. */
  async #list(): Promise<Topic[]> {
    const entries = await readdir(this.#directory, { withFileTypes: true });
    const names = entries.filter((one) => one.isDirectory()).map(({ name }) => name);
    const topics: Topic[] = [];
    for (const name of names.sort()) {
      const files = new Set(await readdir(join(this.#directory, name)));
      let partitions = 0;
      while (files.has(`${partitions}.jsonl`)) partitions++;
      topics.push({ name, partitions });
    }
    return topics;
  }

  /** Whole ones: whoever appends may be in the middle of one. */
  async #lines(partition: TopicPartition, from: number): Promise<Message<string>[]> {
    const file = await open(this.#path(partition));
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, from);
      const lines: Message<string>[] = [];
      for (let begin = 0; begin < bytesRead;) {
        const end = buffer.indexOf(NEWLINE, begin);
        if (end < 0 || end >= bytesRead) break;
        lines.push({ offset: from + begin, nextOffset: from + end + 1, value: buffer.toString("utf8", begin, end) });
        begin = end + 1;
      }
      if (lines.length === 0 && bytesRead === CHUNK_BYTES)
        throw new RangeError(`${this.#path(partition)}: the line at ${from} is longer than ${CHUNK_BYTES} bytes`);
      return lines;
    } finally {
      await file.close();
    }
  }

  #path({ topic, partition }: TopicPartition): string {
    return join(this.#directory, topic, `${partition}.jsonl`);
  }

  async #rest(signal: AbortSignal): Promise<void> {
    try {
      await pause(this.#everyMs, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
