/**
 * What a disk that lies may have lost: what was acknowledged while it lied about syncs, if the power went meanwhile; and
 * otherwise the last write of all, if nothing was synced behind it that says it had been there.
 *
 * Owns the account of what the disk itself bears witness to. Never touches the disk.
 */
import type { DiskOperation } from "@corral/log/testing";

export class Liar {
  /** Syncs so far, by file; and the file of the last one. */
  readonly #syncs = new Map<string, number>();
  #lastFile = "";
  #lastZxid = 0;
  /** What was committed with the last sync of its file, and the zxid before it. */
  #last: { readonly file: string; readonly syncs: number; readonly after: number } | undefined;
  #liesAfter: number | undefined;
  #hasLied = false;
  /** While the server is down: what may be gone by its next start. */
  #mayLoseAfter = Number.POSITIVE_INFINITY;

  /** About syncs, until `end` or the server's. */
  begin(): void {
    this.#liesAfter ??= this.#lastZxid;
  }

  end(): void {
    this.#liesAfter = undefined;
  }

  /** About a write, or a bit. */
  lied(): void {
    this.#hasLied = true;
  }

  diskDone(operation: DiskOperation, file: string): void {
    if (operation !== "sync") return;
    this.#syncs.set(file, (this.#syncs.get(file) ?? 0) + 1);
    this.#lastFile = file;
  }

  committed(lastZxid: number): void {
    const file = this.#lastFile;
    const syncs = this.#syncs.get(file) ?? 0;
    if (this.#last?.file !== file || this.#last.syncs !== syncs) this.#last = { file, syncs, after: this.#lastZxid };
    this.#lastZxid = lastZxid;
  }

  serverDown(isPower: boolean): void {
    const last = this.#last;
    const isLastUnproven = this.#hasLied && last !== undefined && this.#syncs.get(last.file) === last.syncs;
    // A machine that goes on has all that was written in its memory.
    this.#mayLoseAfter = Math.min(
      isPower ? (this.#liesAfter ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
      isLastUnproven ? last.after : Number.POSITIVE_INFINITY,
    );
    if (isPower) this.#liesAfter = undefined;
  }

  mayLose(afterZxid: number): boolean {
    return afterZxid >= this.#mayLoseAfter;
  }
}
