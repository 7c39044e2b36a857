/**
 * How the controller is asked: a request is a znode, its answer another one, and who asks waits for that, through lost connections, ended
 * sessions and the deaths of controllers.
 *
 * What is asked again, since nobody can know whether it was asked, has the same key, and is done once. What nobody waits for any more is
 * taken back, unless it is done already.
 */
import { type CallOptions, type Client, CorralError, type Deadline, isCorralError } from "@corral/client";
import { sessionFor, unseen, watchUntil } from "@corral/recipes/authoring";
import type { ClusterPaths } from "../layout.ts";
import { requestCodec, type RequestRecord, resultCodec } from "../records.ts";
import type { RequestOptions } from "./api.ts";
import { drawName } from "../draw.ts";
import { AdminError, isAdminError } from "./error.ts";
import type { RefusalCode } from "./refusal.ts";

/** Of a key as it is given: parts of what is asked in several requests are told apart by what comes after it. */
const GIVEN_KEY_CHARACTERS_MAX = 160;
/** Requests of one call that are under way at once. */
const PARTS_IN_FLIGHT = 8;

export interface Answer {
  readonly value: unknown;
  /** The transaction in which it was done. */
  readonly zxid: number;
}

/** Of what was asked for in one call. */
export type Part<I> =
  | { readonly items: readonly I[]; readonly answer: Answer; readonly refusal?: undefined }
  | { readonly items: readonly I[]; readonly answer?: undefined; readonly refusal: AdminError };

export class Asking {
  readonly #client: Client;
  readonly #paths: ClusterPaths;
  readonly #by: string;

  constructor(client: Client, paths: ClusterPaths, by: string) {
    this.#client = client;
    this.#paths = paths;
    this.#by = by;
  }

  deadline(op: string, options?: CallOptions): Deadline {
    return this.#client.deadline(`admin.${op}`, options);
  }

  /** RangeError for one that is too long. */
  keyOf({ key }: RequestOptions): string {
    if (key === undefined) return drawName(this.#client.random);
    if (key === "" || key.length > GIVEN_KEY_CHARACTERS_MAX) {
      throw new RangeError(`key has ${key.length} characters, not 1 to ${GIVEN_KEY_CHARACTERS_MAX}`);
    }
    return key;
  }

  /** Rejects with an `AdminError` if it is refused; with a `CorralError` of outcome `unknown` if no answer came of what may have been asked. */
  async ask(op: string, args: unknown, key: string, deadline: Deadline): Promise<Answer> {
    const asked: Asked = { paths: [], mayBe: false };
    const at = this.#paths.result(key);
    try {
      await this.#place({ op, args, key, by: this.#by }, asked, deadline);
      const look = () => this.#client.find(at, { codec: resultCodec, ...deadline.rest() });
      const { value: result, stat } = await watchUntil(this.#client, `admin.${op}`, deadline, { path: at, look });
      if (result.ok) return { value: result.value, zxid: stat.czxid };
      throw new AdminError(result.error.code as RefusalCode, op, result.error.message);
    } catch (error) {
      if (!isCorralError(error) || !asked.mayBe) throw error;
      for (const path of asked.paths) unseen(this.#client.delete(path, { missing: "ok" }));
      const means = "no answer of the controller; what it has not done yet is taken back";
      throw new CorralError(error.code, { op: `admin.${op}`, outcome: "unknown", means, cause: error });
    }
  }

  /**
   * More than one request takes: in parts, in their order. A part that is refused does not keep the others from being done; rejects, when all
   * have ended, if no answer came of any.
   */
  async askInParts<I>(
    op: string,
    items: readonly I[],
    perPart: number,
    argsOf: (part: readonly I[]) => unknown,
    key: string,
    deadline: Deadline,
  ): Promise<Part<I>[]> {
    const parts: (readonly I[])[] = [];
    for (let from = 0; from < items.length; from += perPart) parts.push(items.slice(from, from + perPart));
    const answered: Part<I>[] = [];
    for (let from = 0; from < parts.length; from += PARTS_IN_FLIGHT) {
      const some = parts.slice(from, from + PARTS_IN_FLIGHT);
      const asking = some.map((part, at) => {
        const own = from + at === 0 ? key : `${key}.${from + at}`;
        return this.ask(op, argsOf(part), own, deadline);
      });
      // All of them end, so that none is still being asked when the call is over.
      const settled = await Promise.allSettled(asking);
      for (const [at, one] of settled.entries()) {
        const own = { items: some[at] ?? [] };
        if (one.status === "fulfilled") answered.push({ ...own, answer: one.value });
        else if (isAdminError(one.reason)) answered.push({ ...own, refusal: one.reason });
        else throw one.reason;
      }
    }
    return answered;
  }

  /** Once the session has ended with the reply missing, it is put there again: two requests of one key are done once. */
  async #place(record: RequestRecord, asked: Asked, deadline: Deadline): Promise<void> {
    for (;;) {
      await sessionFor(this.#client, deadline);
      try {
        const how = { codec: requestCodec, sequential: true, ...deadline.rest() };
        const { path } = await this.#client.create(`${this.#paths.requests}/r-`, record, how);
        asked.paths.push(path);
        asked.mayBe = true;
        return;
      } catch (error) {
        if (!isCorralError(error)) throw error;
        if (error.outcome === "unknown") asked.mayBe = true;
        if (error.code === "NO_NODE") await this.#begin(record.op, deadline);
        else if (error.code !== "SESSION_EXPIRED" && error.code !== "OUTCOME_UNKNOWN") throw error;
      }
    }
  }

  /** The parent of requests; never a cluster, which only brokers begin. */
  async #begin(op: string, deadline: Deadline): Promise<void> {
    const { cluster, requests } = this.#paths;
    try {
      await this.#client.create(requests, null, deadline.rest());
    } catch (error) {
      if (isCorralError(error, "NODE_EXISTS", "SESSION_EXPIRED", "OUTCOME_UNKNOWN")) return;
      if (!isCorralError(error, "NO_NODE")) throw error;
      const means = "there is no such cluster: no broker has ever been part of it";
      throw new CorralError("NO_NODE", { op: `admin.${op}`, detail: { path: cluster }, means, cause: error });
    }
  }
}

interface Asked {
  readonly paths: string[];
  /** Can a request of it stand in the queue? */
  mayBe: boolean;
}
