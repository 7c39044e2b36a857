/** What clients ask, as seen on the wire: every request once for each time that it was sent. */
import { opName, type Request, type RequestBody } from "@corral/protocol";
import type { Fate, Frame } from "./world/frame.ts";

/** One request on the wire. */
export interface SeenRequest {
  /** Virtual milliseconds. */
  readonly at: number;
  /** As the protocol calls the operation: `create`, `get`, `children`, `multi`, `setWatches` … */
  readonly op: string;
  /** Undefined for operations without one path. */
  readonly path: string | undefined;
  readonly session: number;
  readonly xid: number;
  /** Number of the client, in the order of `connect`, from 1. */
  readonly client: number;
}

/** What a fault or a question is about. Absent parts match everything. */
export interface RequestMatch {
  readonly op?: string | undefined;
  readonly path?: string | undefined;
  /** Number of the client, in the order of `connect`, from 1. */
  readonly client?: number | undefined;
}

export const matches = (wanted: RequestMatch, request: SeenRequest): boolean =>
  (wanted.op === undefined || wanted.op === request.op) &&
  (wanted.path === undefined || wanted.path === request.path) &&
  (wanted.client === undefined || wanted.client === request.client);

/** Requests kept; the oldest are forgotten. */
const REQUESTS_MAX = 1_000_000;

export class RequestLog {
  readonly #now: () => number;
  #seen: SeenRequest[] = [];
  /** By session and xid: what the replies to come are about. */
  readonly #open = new Map<string, SeenRequest>();
  readonly #answered: string[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Without pings and acknowledgements. */
  list(match: RequestMatch): readonly SeenRequest[] {
    return this.#seen.filter((request) => matches(match, request));
  }

  /** Those in a client's frame. */
  requestsOf(frame: Frame & { readonly kind: "requests" }): SeenRequest[] {
    const { link } = frame;
    return frame.messages.flatMap((message) => {
      if (message.xid === 0) return [];
      const { op, xid } = message;
      return [
        {
          at: this.#now(),
          op: opName(op),
          path: pathOf(message as Request),
          session: link.session,
          xid,
          client: Number(link.client),
        },
      ];
    });
  }

  /** The request that a reply in a server's frame is about. */
  asked(session: number, xid: number): SeenRequest | undefined {
    return this.#open.get(`${session} ${xid}`);
  }

  /** Registered first: replies are forgotten one frame late, when others have looked. */
  readonly observe = (frame: Frame): Fate => {
    for (const key of this.#answered.splice(0)) this.#open.delete(key);
    if (frame.kind === "messages") {
      for (const message of frame.messages)
        if (message.kind === "reply") this.#answered.push(`${frame.link.session} ${message.xid}`);
    }
    if (frame.kind === "requests") {
      for (const request of this.requestsOf(frame)) {
        this.#seen.push(request);
        this.#open.set(`${request.session} ${request.xid}`, request);
      }
      if (this.#seen.length > REQUESTS_MAX) this.#seen = this.#seen.slice(-REQUESTS_MAX / 2);
    }
    return undefined;
  };
}

function pathOf(body: RequestBody): string | undefined {
  if ("path" in body) return body.path;
  return "prefix" in body ? body.prefix : undefined;
}
