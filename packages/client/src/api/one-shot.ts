/** One-shot watches: what a read leaves behind for the next change, and the waiting for one event alone. */
import { errorCode, Include, Op, WatchKind, type Reply } from "@corral/protocol";
import { isCorralError } from "../error.ts";
import type { WatchEvent } from "../watch/event.ts";
import type { NextEventOptions } from "./types.ts";
import type { View } from "./view.ts";

const NO_NODE = errorCode("NO_NODE");

/** The one-shot watch that a read is to set. It ends with the read if that fails after it was set. */
export class OneShot {
  readonly #view: View;
  readonly #at: string;
  readonly #watch: (event: WatchEvent) => void;
  #drop: (() => void) | undefined;

  constructor(view: View, at: string, watch: (event: WatchEvent) => void) {
    this.#view = view;
    this.#at = at;
    this.#watch = watch;
  }

  /** The server has accepted the read, as of this zxid. */
  set(kind: WatchKind, zxid: number): void {
    const owner = { event: (event: WatchEvent) => call(this.#view, this.#watch, event), failed: () => {} };
    this.#drop = this.#view.watches.setByRead(kind, this.#at, owner, zxid);
  }

  /** The same promise. Data that the codec refuses is still watched: the next may be right. */
  kept<T>(reading: Promise<T>): Promise<T> {
    reading.catch((error: unknown) => {
      if (!isCorralError(error, "CODEC")) this.#drop?.();
    });
    return reading;
  }
}

/** A user's function, at its place among the messages. */
function call(view: View, watch: (event: WatchEvent) => void, event: WatchEvent): void {
  try {
    watch({ ...event, path: view.toView(event.path) });
  } catch (error) {
    view.driver.uncaught("watch callback", error);
  }
}

/** Resolves at the next change of a znode, or of its set of children. */
export function nextEvent(view: View, path: string, options: NextEventOptions | undefined): Promise<WatchEvent> {
  const op = "nextEvent";
  const at = view.toServer(path, op);
  const ofChildren = options?.of === "children";
  const budget = view.budget(op, options);
  return new Promise<WatchEvent>((resolve, reject) => {
    let drop: (() => void) | undefined;
    const signal = options?.signal;
    const stopListening =
      signal === undefined
        ? undefined
        : view.requester.onAbort(signal, op, (error) => {
            drop?.();
            reject(error);
          });
    const owner = {
      event: (event: WatchEvent): void => {
        stopListening?.();
        resolve({ ...event, path: view.toView(event.path) });
      },
      failed: (error: Error): void => {
        stopListening?.();
        reject(error);
      },
    };
    const set =
      (kind: WatchKind) =>
      (reply: Reply): void => {
        drop = view.watches.setByRead(kind, at, owner, reply.zxid);
      };
    const asked = ofChildren
      ? view.ask(
          budget,
          { op: Op.children, path: at, watch: true, consistency: 0, include: Include.names, cursor: null, limit: 1 },
          set(WatchKind.child),
        )
      : options?.existing === true
        ? view.ask(budget, { op: Op.get, path: at, watch: true, consistency: 0 }, set(WatchKind.data))
        : view.ask<void>(
            budget,
            { op: Op.exists, path: at, watch: true, consistency: 0 },
            set(WatchKind.data),
            null,
            (reply) => {
              if (reply.code !== NO_NODE) return undefined;
              set(WatchKind.exist)(reply);
              return { value: undefined };
            },
          );
    asked.catch((error: unknown) => {
      drop?.();
      owner.failed(error as Error);
    });
  });
}
