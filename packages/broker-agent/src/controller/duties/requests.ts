/**
 * Carries out what administrators ask for, the oldest request first. The effects, the end of the request and the answer are one transaction, so
 * each is done once, however many controllers begin it and however often who asks has to ask again.
 *
 * Owns the queue and the answers; what an operation does stands in its own file. No request stays: what cannot be read, understood or carried
 * out is answered with a refusal, and what cannot even be answered is deleted.
 */
import { type CorralError, type Guard, isCorralError, op, type Operation } from "@corral/client";
import { type AdminOperation, type Decision, EFFECTS_MAX } from "../../admin/operation.ts";
import { Refused } from "../../admin/refusal.ts";
import type { ClusterImage } from "../../image/cluster-image.ts";
import type { Delta, RequestView } from "../../image/views.ts";
import { encodeName } from "../../layout.ts";
import { Quotas } from "../../quotas/quotas.ts";
import { partitionCodec, resultCodec, type ResultRecord } from "../../records.ts";
import type { Duty, MakeDuty, PartitionChange, Step, Term } from "../duty.ts";
import { registrationsOf } from "../standing.ts";

/** For how long an answer stands, and a key is known, milliseconds. */
const RESULT_TTL_MS = 3_600_000;
const KEY_CHARACTERS_MAX = 200;
const BY_CHARACTERS_MAX = 200;
/** Bytes of an answer. */
const RESULT_BYTES_MAX: number = 256 * 1024;
/** Unreadable requests that are deleted at once. */
const SWEEP_MAX = 100;
/** Conflicts of one request with what others write, after which it is answered that it cannot be done … */
const CONFLICTS_MAX = 5;
/** … and after which it is deleted without an answer. Fewer than end a term. */
const UNANSWERABLE = 7;

export function requestsDuty(operations: ReadonlyMap<string, AdminOperation>): MakeDuty {
  return (term) => new Requests(term, operations);
}

interface Outcome {
  readonly effects: readonly Operation<unknown>[];
  readonly guards: readonly Guard[];
  readonly result: ResultRecord;
}

const UNTRIED = { path: "", conflicts: 0, isAnswered: false, isTooLarge: false, hasPaid: false, why: "" };

class Requests implements Duty {
  readonly name = "requests";
  readonly #term: Term;
  readonly #operations: ReadonlyMap<string, AdminOperation>;
  /** In memory: each controller begins with full buckets. */
  readonly #quotas: Quotas;
  /** By path, oldest first. */
  readonly #waiting = new Map<string, RequestView>();
  /** How it went with the one that was tried last. */
  #tried = UNTRIED;

  constructor(term: Term, operations: ReadonlyMap<string, AdminOperation>) {
    this.#term = term;
    this.#operations = operations;
    this.#quotas = new Quotas(term.image, term.client.clock);
  }

  begin(): void {
    for (const request of this.#term.image.requests()) this.#waiting.set(request.path, request);
  }

  notice({ requests }: Delta): void {
    const came: RequestView[] = [];
    for (const { before, now } of requests) {
      if (before !== undefined) this.#waiting.delete(before.path);
      if (now !== undefined) came.push(now);
    }
    for (const request of came.toSorted((a, b) => a.czxid - b.czxid)) this.#waiting.set(request.path, request);
  }

  next(): Step | undefined {
    const unreadable = this.#unreadable();
    if (unreadable.length > 0) {
      this.#tried = UNTRIED;
      const what = `${unreadable.length} requests that cannot be read`;
      return { what, together: unreadable.map((path) => op.delete(path)) };
    }
    const [oldest] = this.#waiting.values();
    if (oldest === undefined) return undefined;
    if (this.#tried.path !== oldest.path) this.#tried = { ...UNTRIED, path: oldest.path };
    const end = op.delete(oldest.path, { ifMatch: { czxid: oldest.czxid } });
    const at = this.#resultPath(oldest);
    if (at === undefined) return { what: `request '${oldest.op}' with a key that is none`, together: [end] };
    // Asked twice: the first one has the answer.
    if (this.#tried.isAnswered) return { what: `request '${oldest.op}' again`, together: [end] };
    if (this.#tried.conflicts >= UNANSWERABLE) return { what: `request '${oldest.op}' in vain`, together: [end] };
    const { effects, guards, result } = this.#carryOut(oldest);
    const shape = { codec: resultCodec, lifetime: { ttlMs: RESULT_TTL_MS }, parents: true } as const;
    return { what: `request '${oldest.op}'`, together: [end, ...effects, op.create(at, result, shape)], guards };
  }

  refused(_changes: readonly PartitionChange[], together?: CorralError): void {
    const tried = this.#tried;
    const request = this.#waiting.get(tried.path);
    if (together === undefined || request === undefined) return;
    this.#tried = {
      path: tried.path,
      conflicts: tried.conflicts + 1,
      isAnswered: isCorralError(together, "NODE_EXISTS") && together.path === this.#resultPath(request),
      hasPaid: tried.hasPaid,
      isTooLarge: isCorralError(together, "LIMIT_EXCEEDED", "QUOTA_EXCEEDED"),
      why: together.message,
    };
  }

  #unreadable(): string[] {
    const { image } = this.#term;
    if (image.unreadable().size === 0) return [];
    const below = `${image.paths.requests}/`;
    return [...image.unreadable().keys()].filter((path) => path.startsWith(below)).slice(0, SWEEP_MAX);
  }

  /** Undefined for what is no key. */
  #resultPath({ key }: RequestView): string | undefined {
    return isName(key, KEY_CHARACTERS_MAX) ? this.#term.image.paths.result(key) : undefined;
  }

  #carryOut(request: RequestView): Outcome {
    try {
      const { isTooLarge, conflicts, why } = this.#tried;
      if (isTooLarge) throw new Refused("LIMIT_EXCEEDED", `more than one transaction may have: ${why}`);
      if (conflicts >= CONFLICTS_MAX) throw new Refused("UNKNOWN_SERVER_ERROR", `tried ${conflicts} times: ${why}`);
      const decision = this.#decide(request);
      const result: ResultRecord = { ok: true, value: decision.result ?? null };
      const bytes = resultCodec.encode(result)?.length ?? 0;
      if (bytes > RESULT_BYTES_MAX) {
        throw new Refused(
          "LIMIT_EXCEEDED",
          `the answer has ${bytes} bytes, more than ${RESULT_BYTES_MAX}: ask for less`,
        );
      }
      const { effects, guards } = effectsOf(this.#term.image, decision);
      if (effects.length > EFFECTS_MAX) {
        throw new Refused("LIMIT_EXCEEDED", `it has ${effects.length} effects, more than ${EFFECTS_MAX}: ask for less`);
      }
      this.#charge(request, decision.mutations ?? 0);
      return { effects, guards, result };
    } catch (error) {
      return { effects: [], guards: [], result: { ok: false, error: refusalOf(error) } };
    }
  }

  #decide(request: RequestView): Decision {
    const operation = this.#operations.get(request.op);
    if (operation === undefined) throw new Refused("INVALID_REQUEST", `there is no operation '${request.op}'`);
    if (!isName(request.by, BY_CHARACTERS_MAX))
      throw new Refused("INVALID_REQUEST", "by is not a name of 1 to 200 characters");
    return operation.decide(this.#term, request.args, request.by);
  }

  /** KIP-599: whoever owes nothing may do whatever it asks for, and is then refused until that is worked off. */
  #charge({ by }: RequestView, mutations: number): void {
    if (mutations === 0 || this.#tried.hasPaid) return;
    const waitMs = this.#quotas.tryTake("controller_mutation_rate", { client: by }, mutations);
    if (waitMs > 0) {
      throw new Refused("THROTTLING_QUOTA_EXCEEDED", `controller_mutation_rate: ask again in ${waitMs} ms`);
    }
    this.#tried = { ...this.#tried, hasPaid: true };
  }
}

function effectsOf(
  image: ClusterImage,
  { partitions = [], together = [], guards = [] }: Decision,
): Omit<Outcome, "result"> {
  const states = partitions.map(({ state }) => state);
  const writes = partitions.map(({ before, state }) =>
    op.set(image.paths.partition(before.topicId, before.partition), state, {
      codec: partitionCodec,
      ifMatch: { version: before.version },
    }),
  );
  return { effects: [...writes, ...together], guards: [...registrationsOf(image, states).values(), ...guards] };
}

function isName(name: string, charactersMax: number): boolean {
  if (name === "" || name.length > charactersMax) return false;
  try {
    return encodeName(name) !== "";
  } catch (error) {
    // Half of a surrogate pair has no UTF-8.
    if (error instanceof URIError) return false;
    throw error;
  }
}

function refusalOf(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof Refused) return { code: error.code, message: error.message };
  // A mistake of ours, or a host's policy that throws: whoever asked is told, and those behind it are not held up.
  return { code: "UNKNOWN_SERVER_ERROR", message: error instanceof Error ? error.message : String(error) };
}
