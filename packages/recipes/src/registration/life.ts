/** One life of a registration: the znode as it was made once, in one session. */
import type { Created, SessionInfo, WatchEvent } from "@corral/client";
import type { Given } from "./value.ts";

export class Life {
  readonly path: string;
  readonly czxid: number;
  readonly session: SessionInfo;
  /** The value that it was made with. */
  readonly given: Given;
  /** To be looked at: it is new, or something may have happened that was not told. */
  isDoubtful = true;
  /** How it ended; it goes with its session, or somebody deletes it. */
  end: "with its session" | "deleted" | "taken over" | undefined;
  /** When it was deleted, as a watch tells; 0 if that can no longer be told. */
  #endZxid: number | undefined;

  constructor({ path, stat }: Created, session: SessionInfo, given: Given) {
    this.path = path;
    this.czxid = stat.czxid;
    this.session = session;
    this.given = given;
  }

  /** What a watch of the path, which leaves nothing out, tells of this life; also after its end. */
  learn({ kind, zxid }: WatchEvent): "deleted" | "taken over" | "doubt" | undefined {
    if (zxid <= this.czxid) return undefined;
    if (kind === "resync") {
      if (this.end !== undefined) this.#endZxid ??= 0;
      return "doubt";
    }
    if (kind === "deleted" && this.#endZxid === undefined) {
      this.#endZxid = zxid;
      return "deleted";
    }
    // Another one in the very transaction that deleted this one.
    if (kind !== "created" || zxid !== this.#endZxid) return undefined;
    this.end = "taken over";
    return "taken over";
  }
}
