/**
 * Partitions that were named by hand: no group decides about them. Stands where a membership would, with one life in each session and a target
 * that never changes.
 */
import { type Client, CorralError, type Guard, type SessionInfo, type StreamReader } from "@corral/client";
import { Newest, whenOver } from "@corral/recipes/authoring";
import type { GroupPaths } from "../layout.ts";
import type { Membership, Target } from "../membership/api.ts";
import type { TopicPartition } from "../source.ts";

export interface AloneOptions {
  readonly group: string;
  readonly member: string;
  readonly paths: GroupPaths;
  readonly partitions: readonly TopicPartition[];
}

export class Alone implements Membership {
  readonly group: string;
  readonly member: string;
  readonly client: Client;
  readonly isLeader = false;
  /** Always holds: a call belongs to the session that it is made in, and the claims to that. */
  readonly #guard: Guard;
  readonly #partitions: ReadonlyMap<string, readonly number[]>;
  readonly #targets = new Newest<Target | undefined>();
  readonly #over = new AbortController();
  readonly #listeners = new Set<(why: CorralError) => void>();
  #session: SessionInfo | undefined;
  #stopListening: () => void;
  #stopWaiting: () => void = () => {};

  constructor(client: Client, { group, member, paths, partitions }: AloneOptions) {
    this.group = group;
    this.member = member;
    this.client = client;
    this.#guard = { path: paths.member(member), absent: true };
    const byTopic = new Map<string, number[]>();
    for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
    this.#partitions = byTopic;
    this.#stopListening = client.on("state", ({ name }) => {
      if (name === "connected") this.#begin();
      if (name === "closed") this.#end();
    });
    this.#begin();
  }

  get guard(): Guard | undefined {
    return this.isValid ? this.#guard : undefined;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    return this.signal.aborted ? 0 : (this.#session?.validForMs ?? 0);
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get cause(): CorralError | undefined {
    return this.#over.signal.reason as CorralError | undefined;
  }

  targets(signal?: AbortSignal): StreamReader<Target | undefined> {
    return this.#targets.read(signal);
  }

  reached(): Promise<void> {
    return Promise.resolve();
  }

  onLifeLost(listener: (why: CorralError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  leave(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  #begin(): void {
    const { session } = this.client;
    if (session === undefined || session === this.#session || this.signal.aborted) return;
    this.#session = session;
    this.#stopWaiting = whenOver(session, () => {
      if (this.#session !== session) return;
      this.#session = undefined;
      this.#targets.tell(undefined);
      for (const listener of this.#listeners) listener(session.signal.reason as CorralError);
    });
    this.#targets.tell({
      epoch: session.ordinal,
      partitions: this.#partitions,
      refused: undefined,
      guard: this.#guard,
    });
  }

  #end(): void {
    if (this.signal.aborted) return;
    this.#stopListening();
    this.#stopWaiting();
    const detail = { path: "path" in this.#guard ? this.#guard.path : undefined };
    this.#over.abort(new CorralError("CLOSED", { op: "consume", detail, outcome: "no" }));
    this.#targets.end();
  }
}
