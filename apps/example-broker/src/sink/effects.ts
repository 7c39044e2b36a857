/**
 * Where effects happen: once per message, in the order of the partition, and only by the newest claim of it.
 *
 * Per partition it keeps the greatest token seen and the offset that comes next. Both are what makes a paused consumer harmless: when it
 * wakes, its successor has shown a greater token. Owns the file of effects; knows nothing of groups or brokers.
 */
import { BrokerError } from "../wire/errors.ts";
import { LinesWriter, readLines } from "../lines.ts";

/** One line of the file: a message's effect, or (without an id) a claim that was shown. */
export interface EffectLine {
  readonly partition: number;
  readonly token: number;
  readonly offset: number;
  readonly id?: string;
}

export interface Position {
  readonly token: number;
  readonly nextOffset: number;
}

export interface SinkCounts {
  readonly effects: number;
  /** Refused because of a newer claim. */
  readonly fenced: number;
  /** Asked for again, and done already. */
  readonly repeated: number;
}

/** `loss`: one effect is confirmed and never happens. `duplicate`: one happens twice. */
export type Plant = "loss" | "duplicate";
/** The line of the file that it happens to. */
const PLANTED_AT = 200;

export class Effects {
  readonly #lines: Pick<LinesWriter, "append" | "close">;
  readonly #positions = new Map<number, Position>();
  #counts = { effects: 0, fenced: 0, repeated: 0 };

  /** `plant`: a mistake to be found by the checker. */
  constructor(path: string, plant?: Plant) {
    for (const { partition, token, offset, id } of readLines<EffectLine>(path)) {
      this.#positions.set(partition, { token, nextOffset: id === undefined ? offset : offset + 1 });
      if (id !== undefined) this.#counts.effects += 1;
    }
    const lines = new LinesWriter(path);
    this.#lines = plant === undefined ? lines : mistaken(lines, plant);
  }

  get counts(): SinkCounts {
    return this.#counts;
  }

  positions(): ReadonlyMap<number, Position> {
    return this.#positions;
  }

  /** A consumer shows its claim and is told where to go on; from here on no older claim can do anything. */
  claim(partition: number, token: number): Position {
    const { nextOffset } = this.#fence(partition, token);
    const position = { token, nextOffset };
    this.#lines.append({ partition, token, offset: nextOffset });
    this.#positions.set(partition, position);
    return position;
  }

  /** `FENCED_TOKEN` for an older claim; `INVALID_REQUEST` if a message before it is missing. On disk when it returns. */
  apply(partition: number, token: number, offset: number, id: string): Position {
    const { nextOffset } = this.#fence(partition, token);
    if (offset > nextOffset) {
      throw new BrokerError("INVALID_REQUEST", `offset ${offset} of partition ${partition}, but ${nextOffset} is next`);
    }
    if (offset < nextOffset) {
      this.#counts.repeated += 1;
      return { token, nextOffset };
    }
    this.#lines.append({ partition, token, offset, id });
    const position = { token, nextOffset: offset + 1 };
    this.#positions.set(partition, position);
    this.#counts.effects += 1;
    return position;
  }

  close(): void {
    this.#lines.close();
  }

  #fence(partition: number, token: number): Position {
    const position = this.#positions.get(partition) ?? { token: 0, nextOffset: 0 };
    if (token < position.token) {
      this.#counts.fenced += 1;
      throw new BrokerError("FENCED_TOKEN", `token ${token} of partition ${partition}, after ${position.token}`);
    }
    return position;
  }
}

function mistaken(lines: LinesWriter, plant: Plant): Pick<LinesWriter, "append" | "close"> {
  let count = 0;
  let isPlanted = false;
  return {
    append(line) {
      count += 1;
      const isIt = !isPlanted && count >= PLANTED_AT && (line as EffectLine).id !== undefined;
      isPlanted ||= isIt;
      if (!isIt) lines.append(line);
      else if (plant === "duplicate") lines.append(line, line);
    },
    close() {
      lines.close();
    },
  };
}
